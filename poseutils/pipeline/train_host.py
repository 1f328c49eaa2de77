"""``train_host``: this host's part in a training on several hosts."""

from __future__ import annotations

import os
import re
import signal
import traceback
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from shlex import quote
from threading import Thread

from .. import training
from ..config import Config, load_config
from ..datasets import training_datasets
from ..errors import PoseError
from ..files import sha256_of, write_metrics
from ..models.networks.keras_files import keras_library
from ..training.checkpoint import NAME
from ..training.hosts import SILENCE, WAIT, Share, describe_data, describe_weights, join
from .record import locked
from .runner import CONFIG

PACKAGES = ("poseutils", "keras", "jax", "tensorflow")
"""Whose versions must be the same on all hosts."""
XLA_STATUS = "[A-Z_]+: "
"""How the messages of XLA's errors begin, of which some are ValueErrors."""


@dataclass(frozen=True)
class Order:
    """What this host is to do.

    Attributes:
        config, overrides, allow_custom_code: see :func:`poseutils.load_config`.
        run_dir: the folder of the training, which host 0 writes and all read.
        coordinator, hosts, host, wait: see :func:`poseutils.training.hosts.join`.
    """

    config: str
    run_dir: str
    overrides: Sequence[str] = ()
    allow_custom_code: bool = False
    coordinator: str | None = None
    hosts: int | None = None
    host: int | None = None
    wait: int = WAIT


def train_host(order: Order) -> None:
    """Trains together with the other hosts, in a process of its own: JAX ends a process whose
    hosts are lost, without an exception.

    Raises:
        PoseError: for a wrong configuration or arguments; if the hosts were not given the same; if
            another host is lost.
    """
    context = get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    worker = context.Process(target=_work, args=(order, sending), daemon=True)
    worker.start()
    sending.close()
    worker.join()
    if worker.exitcode:
        sent = list(_received(receiving))
        otherwise = _lost if sent else _missing
        raise PoseError("".join(sent) or otherwise(order, f"exit status {worker.exitcode}"))


def _received(receiving: Connection) -> Iterator[str]:
    """What the process sent: an empty text when all hosts had met, and its error."""
    with suppress(EOFError):
        while True:
            yield receiving.recv()


def _missing(order: Order, how: str) -> str:
    return (
        f"not all hosts met within {order.wait} seconds ({how}). Start them with the same "
        "--coordinator, which is an address of host 0 that all can reach and a free port there, "
        "the same --hosts, and each with its own --host"
    )


def _lost(order: Order, how: str) -> str:
    return (
        f"the training on this host ended ({how}). Most likely another host stopped, or did not "
        f"answer for {SILENCE} seconds: the host that ended first shows why. To go on after the "
        "last finished epoch, with any number of hosts, start all with: python -m poseutils "
        f"train-host --resume {quote(order.run_dir)}, and --coordinator, --hosts and --host"
    )


def _work(order: Order, sending: Connection) -> None:
    """The process that trains."""
    Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which ends the parent
    os.environ["KERAS_BACKEND"] = "jax"
    try:
        _train(order, sending)
    except PoseError as error:
        sending.send(str(error))
        os._exit(1)  # what JAX does on exit waits for the other hosts
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _train(order: Order, sending: Connection) -> None:
    config = load_config(order.config, order.overrides, order.allow_custom_code)
    datasets = training_datasets(config)
    share = join(order.coordinator, order.hosts, order.host, order.wait)
    sending.send("")
    import jax

    try:
        _train_together(order, config, datasets, share)
        jax.distributed.shutdown()
    except (jax.errors.JaxRuntimeError, ValueError) as error:
        if isinstance(error, PoseError) or not re.match(XLA_STATUS, str(error)):
            raise
        raise PoseError(_lost(order, str(error).partition("\n")[0])) from error


def _train_together(order: Order, config: Config, datasets, share: Share) -> None:
    run = config.run_folder(order.run_dir, "") if share.writes else Path(order.run_dir).absolute()
    keras_library().utils.set_random_seed(config.general.global_seed)  # custom networks have none
    network = training.configured_network(config, len(datasets[0].layout))
    sections = {f"{name}, of the configuration": repr(value) for name, value in config}
    checkpoint = run / NAME
    share.check_agreement(
        sections
        | {f"version of {package}": version(package) for package in PACKAGES}
        | {f"{data.source}": describe_data(data) for data in datasets}
        | {"initial weights": describe_weights(network)}
        | {str(checkpoint): sha256_of(checkpoint) if checkpoint.exists() else ""}
    )
    train, validation = (
        training.configured_examples(config, data, validating)
        for data, validating in zip(datasets, (False, True))
    )
    print(f"host {share.index} of {share.count}: {len(train)} training images", flush=True)
    with locked(run) if share.writes else nullcontext():
        follow = partial(_report, config, run) if share.writes else None
        outcome = training.configured_fit(config, network, train, validation, run, on_epoch=follow)
        if share.writes:
            results = {"oks": outcome.best_oks, "oks_before": outcome.initial_oks}
            write_metrics(run, results | {"best_epoch": outcome.best_epoch, "images": len(train)})
            print(f"OKS {outcome.best_oks:.3f}, {outcome.initial_oks:.3f} before: {outcome.path}")


def _report(config: Config, run: Path, epoch: int, history: dict[str, list[float]]) -> None:
    """After an epoch prints its results, and saves the configuration to resume with."""
    config.save(run / CONFIG)
    values = "  ".join(f"{name} {values[-1]:.6g}" for name, values in history.items())
    print(f"epoch {epoch} of {config.training.epochs}  {values}", flush=True)
