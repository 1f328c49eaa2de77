"""Work done ahead of its reader, in order: in threads, in processes, on the workers of a Dask
cluster."""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import PoseError

if TYPE_CHECKING:
    from distributed import Client

LONGEST = 32
"""Number of items that a process gets at a time, at most."""

SECONDS = 20
"""How long the first worker of a cluster is waited for."""

T = TypeVar("T")


def ahead(
    submit: Callable[..., Any], work: Callable[[T], Any], items: Iterable[T], count: int
) -> Iterator[tuple[T, Any]]:
    """Yields (item, future of ``work(item)``) in order, with ``count`` submitted ahead of the
    caller; those that it leaves are cancelled.

    Args:
        submit: of an executor, or of a Dask client.
    """
    items = iter(items)
    pending = deque((item, submit(work, item)) for item in islice(items, count))
    try:
        while pending:
            yield pending.popleft()
            pending.extend((item, submit(work, item)) for item in islice(items, 1))
    finally:
        for _, future in pending:
            future.cancel()


def in_ranges(
    function: Callable[[Sequence], Iterable[T]],
    items: Sequence,
    workers: int,
    client: Client | None = None,
) -> Iterator[T]:
    """Yields what ``function(range of items)`` yields, in the order of the items.

    Two ranges a process are queued, so that what was done ahead fits into memory; those of a worker
    of a cluster that dies go to another one.

    Args:
        function: of a module, which the processes import.
        workers: number of processes, at least 1.
        client: of a Dask cluster, whose workers do it instead.

    Raises:
        PoseError: if there are no workers, or a process ends.
    """
    if client is not None:
        threads = _threads(client)
        yield from _queued(partial(client.submit, pure=False), function, items, threads)
        return
    if not isinstance(workers, int) or workers < 1:
        raise PoseError(f"workers is {workers!r}; expected a number of processes, at least 1")
    # A forked process would inherit the locks of threads, but not the threads
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(items)) or 1, mp_context=context) as pool:
        try:
            yield from _queued(pool.submit, function, items, workers)
        except BrokenProcessPool:
            raise PoseError(
                f"one of {workers} processes ended unexpectedly. Often memory is too small; a "
                'script needs a line if __name__ == "__main__": above what starts them'
            ) from None


def _threads(client: Client) -> int:
    """The number of threads of all workers of a cluster."""
    if not hasattr(client, "nthreads"):
        raise PoseError(f"client is {client!r}; expected a dask.distributed.Client")
    try:
        client.wait_for_workers(1, timeout=SECONDS)
    except (OSError, TimeoutError, asyncio.TimeoutError):
        raise PoseError(
            f"the cluster of {client} has no workers after {SECONDS} seconds. Start some, or wait "
            "for them: client.wait_for_workers(1)"
        ) from None
    return sum(client.nthreads().values())


def _queued(
    submit: Callable[..., Any], function: Callable, items: Sequence, at_once: int
) -> Iterator:
    ranges = map(pickle.dumps, _ranges(items, 4 * at_once))
    for _, future in ahead(submit, partial(_call, function), ranges, 2 * at_once):
        yield from pickle.loads(future.result())


def _ranges(items: Sequence, parts: int) -> Iterator[Sequence]:
    """Each as long as one of the parts of what is left, so that all processes end at about the same
    time (guided self-scheduling, Polychronopoulos and Kuck 1987)."""
    start = 0
    while start < len(items):
        size = min(LONGEST, max(1, (len(items) - start) // parts))
        yield items[start : start + size]
        start += size


def _call(function: Callable, pickled: bytes) -> bytes:
    """The results for a range of items, both pickled: of an object Dask would send every array in a
    message of its own."""
    return pickle.dumps(list(function(pickle.loads(pickled))))
