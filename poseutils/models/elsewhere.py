"""A model in other processes, or on the workers of a Dask cluster."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ..executors import in_ranges

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
    """
    if client is None and not workers:
        yield from function(model, jobs, *arguments)
    else:
        call = partial(_call, function, pickle.dumps(model), arguments)
        yield from in_ranges(call, jobs, workers, client)


def _call(function: Callable, pickled: bytes, arguments: tuple, jobs: Sequence) -> Iterable:
    if getattr(_own, "pickled", None) != pickled:
        _own.pickled, _own.model = pickled, pickle.loads(pickled)
    return function(_own.model, jobs, *arguments)
