"""One training on several hosts, each of which takes its part of every batch.

On Keras with the JAX backend: the network that is trained is a copy whose variables are replicated
on all hosts (``keras.distribution.DataParallel``), and a step is one computation of all of them, so
that normalization and gradients are those of the whole batch. The network itself stays in the
memory of each host: it validates and is saved, which no other host has to wait for.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from ..datasets.dataset import Dataset
from ..errors import PoseError, missing_package
from ..models.networks.keras_files import keras_library, load_tensorflow
from ..streams import silent_stderr

SILENCE = 100
"""Seconds without an answer after which a host counts as lost."""
WAIT = 300
"""Seconds in which all hosts must have started, by default."""
AUTOMATIC = (
    "Give --coordinator, --hosts and --host, or start it by Slurm, Open MPI or a Kubernetes Job"
)


@dataclass(frozen=True)
class Share:
    """The part of a host in a training.

    Attributes:
        index: of the host, from 0; the first writes all files.
        count: of hosts.
        devices: of all hosts; each takes an equal part of a batch.
    """

    index: int = 0
    count: int = 1
    devices: int = 1

    @property
    def writes(self) -> bool:
        """Whether this host writes the files of the training."""
        return self.index == 0

    def of_batch(self, size: int) -> slice:
        """The rows of a batch that are this host's.

        Raises:
            PoseError: if a batch of that size cannot be shared equally.
        """
        if rest := size % self.devices:
            less = size - rest
            raise PoseError(
                f"training.batch_size: a batch of {size} images, at most all there are, cannot be "
                f"shared equally by {self.devices} devices of {self.count} hosts; choose "
                + " or ".join(str(fits) for fits in (less, less + self.devices) if fits)
            )
        return slice(self.index * size // self.count, (self.index + 1) * size // self.count)

    def scope(self) -> AbstractContextManager:
        """A context in which Keras makes variables that are replicated on all hosts, and takes
        batches as this host's part of them."""
        if self.count == 1:
            return nullcontext()
        return keras_library().distribution.DataParallel().scope()

    def replicated(self, model):
        """A copy of a keras.Model on all hosts; the model itself on a single host."""
        if self.count == 1:
            return model
        with self.scope():
            copy = keras_library().models.clone_model(model)
            for variable, own in zip(copy.variables, model.variables, strict=True):
                variable.assign(own.numpy())
        return copy

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sum of float32 arrays of all hosts."""
        return self._of_all(values).sum(axis=0)

    def check_agreement(self, parts: Mapping[str, str]) -> None:
        """Compares what the hosts were given.

        Args:
            parts: by name, a text that must be the same on all hosts.

        Raises:
            PoseError: on all hosts, if a part is another; the message names it, and the hosts.
        """
        digests = [blake2b(text.encode(), digest_size=8).digest() for text in parts.values()]
        found = self._of_all(np.frombuffer(b"".join(digests), np.uint32)).reshape(
            self.count, len(parts), 2
        )
        differs = (found != found[0]).any(axis=2)
        lines = [
            f"  {name}: host {', '.join(map(str, np.flatnonzero(others)))}"
            for name, others in zip(parts, differs.T)
            if others.any()
        ]
        if lines:
            raise PoseError(
                "the hosts were not given the same. Other than on host 0 are\n"
                + "\n".join(lines)
                + "\nGive all hosts the same files, folders and program, and start them again"
            )

    def _of_all(self, values: np.ndarray) -> np.ndarray:
        """(hosts, ...) the values of each host."""
        if self.count == 1:
            return values[None]
        from jax.experimental.multihost_utils import process_allgather

        return process_allgather(values)


def current_share() -> Share:
    """The share of this process: all, unless it joined others by :func:`join`."""
    if keras_library().backend.backend() != "jax":
        return Share()
    import jax

    if jax.process_count() == 1:
        return Share()
    return Share(jax.process_index(), jax.process_count(), jax.device_count())


def join(
    coordinator: str | None = None,
    hosts: int | None = None,
    host: int | None = None,
    wait: int = WAIT,
) -> Share:
    """Joins the other hosts of a training. Call it before anything is computed with JAX.

    Args:
        coordinator: address and port on host 0, ``HOST:PORT``, at which it waits for the others.
        hosts: their number; a single one joins no other.
        host: the index of this one, from 0.
        wait: seconds in which all must have started.

    What is not given is found by ``jax.distributed.initialize`` in the environment of Slurm, Open
    MPI, or a Kubernetes Job (which needs the package kubernetes).

    Raises:
        PoseError: if the arguments are wrong, JAX is not installed, or a host is missing.
    """
    _check(coordinator, hosts, host)
    with silent_stderr():
        load_tensorflow().config.set_visible_devices([], "GPU")  # JAX trains; it prepares batches
    try:
        import jax
    except ModuleNotFoundError as error:
        raise missing_package(error, "hosts") from error
    if hosts != 1:
        try:
            jax.distributed.initialize(
                coordinator,
                hosts,
                host,
                initialization_timeout=wait,
                heartbeat_timeout_seconds=SILENCE,
            )
        except (ValueError, RuntimeError) as error:
            raise PoseError(f"the other hosts are not known: {error} {AUTOMATIC}") from error
    return current_share()


def _check(coordinator: str | None, hosts: int | None, host: int | None) -> None:
    if hosts is not None and hosts < 1:
        raise PoseError(f"--hosts is {hosts}; expected the number of hosts, at least 1")
    if host is not None and hosts is not None and not 0 <= host < hosts:
        raise PoseError(
            f"--host is {host}; of {hosts} hosts the first is 0 and the last {hosts - 1}"
        )
    if coordinator is not None and not coordinator.rpartition(":")[2].isdecimal():
        raise PoseError(
            f"--coordinator is {coordinator}; expected the address of host 0 and a free port "
            "there, such as node1:5555"
        )


def describe_weights(model) -> str:
    """A digest of the weights of a keras.Model."""
    digest = blake2b(digest_size=16)
    for values in model.get_weights():
        digest.update(values.tobytes())
    return digest.hexdigest()


def describe_data(dataset: Dataset) -> str:
    """A digest of a dataset's labels, and of the names and sizes of its images, which are not
    read."""
    digest = blake2b(repr(dataset.layout.names).encode(), digest_size=16)
    for sample in dataset:
        digest.update(f"{sample.path.name} {sample.path.stat().st_size}".encode("utf-8", "replace"))
        for labels in sample.labels:
            digest.update(np.ascontiguousarray(labels).tobytes())
    return digest.hexdigest()
