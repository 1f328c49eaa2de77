"""A model in other processes, or on the workers of a Dask cluster."""

from __future__ import annotations

import pickle
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import PoseError
from ..executors import in_ranges
from ..files import sha256_of

if TYPE_CHECKING:
    from distributed import Client

    from .model import Model

T = TypeVar("T")

_own = threading.local()


def elsewhere(
    model: Model,
    function: Callable[..., Iterable[T]],
    jobs: Sequence,
    *arguments: Any,
    workers: int = 0,
    client: Client | None = None,
) -> Iterator[T]:
    """Yields what ``function(model, jobs, *arguments)`` yields: here, or by ranges of jobs in
    processes, each thread of which opens the model for itself, once.

    Args:
        model: its network is opened from its file.
        function: of a module, which the processes import.
        jobs: one per image. Their paths are absolute: workers of a cluster have working directories
            of their own.
        workers: number of processes; 0: here.
        client: of a Dask cluster, whose workers do it instead; they see the same files under the
            same paths.

    Raises:
        PoseError: as ``in_ranges``; if a worker sees another model file.
    """
    if client is None and workers == 0:
        yield from function(model, jobs, *arguments)
    else:
        key = pickle.dumps(model), contents(model)
        yield from in_ranges(partial(_call, function, key, arguments), jobs, workers, client)


def contents(model: Model) -> list[str]:
    """The SHA-256 of the file of a model, and of that of its detector.

    Raises:
        PoseError: if a file cannot be read.
    """
    models = [model, *([] if model.detector is None else [model.detector])]
    try:
        return [sha256_of(each.path) for each in models]
    except OSError as error:
        raise PoseError(
            f"{model.path}: cannot be read any more ({error.strerror}); load the model again"
        ) from None


def _call(
    function: Callable, key: tuple[bytes, list[str]], arguments: tuple, jobs: Sequence
) -> Iterable:
    if getattr(_own, "key", None) != key:
        model = pickle.loads(key[0])
        if contents(model) != key[1]:
            raise PoseError(
                f"{model.path}: another file on {socket.gethostname()} than where the model was "
                "loaded; expected the same files under the same paths"
            )
        _own.key, _own.model = key, model
    return function(_own.model, jobs, *arguments)
