"""Predictions of many images on the workers of a Dask cluster, by ranges."""

from __future__ import annotations

import pickle
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from distributed import Client

    from .model import Model

RANGE = 16
"""Number of images that a worker gets at a time, however many workers there are."""

T = TypeVar("T")

_own = threading.local()


def on_workers(
    client: Client,
    model: Model,
    function: Callable[..., Iterable[T]],
    jobs: Sequence,
    *arguments: Any,
) -> Iterator[T]:
    """Yields what ``function(model, range of jobs, *arguments)`` yields, in the order of the jobs.

    Each thread of a worker opens the model for itself, once. Two ranges a thread are queued, so
    that what was predicted ahead fits into memory; those of a worker that dies go to another one.

    Args:
        client: its workers see the same files under the same paths.
        model: its network is opened from its file.
        function: of a module, which the workers import.
        jobs: one per image.
    """
    ranges = iter([jobs[start : start + RANGE] for start in range(0, len(jobs), RANGE)])
    pickled = pickle.dumps(model)

    def submit(some: Sequence) -> Any:
        return client.submit(_call, function, pickled, some, arguments, pure=False)

    at_once = 2 * max(1, sum(client.nthreads().values()))
    pending = deque(map(submit, islice(ranges, at_once)))
    while pending:
        yield from pending.popleft().result()
        pending.extend(map(submit, islice(ranges, 1)))


def _call(function: Callable, pickled: bytes, jobs: Sequence, arguments: tuple) -> list:
    if getattr(_own, "pickled", None) != pickled:
        _own.pickled, _own.model = pickled, pickle.loads(pickled)
    return list(function(_own.model, jobs, *arguments))
