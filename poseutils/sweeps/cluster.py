"""The workers of a sweep: Dask's, on this computer or by the address of a scheduler."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import PoseError, missing_package

if TYPE_CHECKING:
    from distributed import Client

SECONDS = 20
"""How long a scheduler, and then its first worker, is waited for."""


@contextmanager
def workers(scheduler: str | None, most: int) -> Iterator[Client]:
    """A client of the scheduler at an address; without one, of a worker for each core of this
    computer, but at most ``most``.

    Raises:
        PoseError: if Dask is not installed, the scheduler is not reached in time, or it has no
            workers.
    """
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError as error:
        raise missing_package(error, "sweep") from error
    if scheduler is None:
        local = LocalCluster(
            n_workers=min(most, os.cpu_count() or 1),
            threads_per_worker=1,
            processes=True,
            memory_limit=0,  # of a worker, which needs little; what it starts is not counted
            silence_logs=logging.ERROR,
            dashboard_address="127.0.0.1:0",
        )
        with local, Client(local) as client:
            yield client
        return
    try:
        client = Client(scheduler, timeout=SECONDS)
    except (ValueError, TypeError, ImportError) as error:
        raise PoseError(
            f"--scheduler {scheduler}: cannot be used ({error}); expected tcp://HOST:PORT"
        ) from None
    except (OSError, asyncio.TimeoutError) as error:
        raise PoseError(
            f"--scheduler {scheduler}: no scheduler answered there within {SECONDS} seconds "
            f"({error}). Start one with: dask scheduler"
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=SECONDS)
        except (OSError, asyncio.TimeoutError):
            raise PoseError(
                f"--scheduler {scheduler}: it has no workers after {SECONDS} seconds. Start some "
                f"with: dask worker {scheduler} --nthreads 1"
            ) from None
        yield client


def slots(client: Client) -> tuple[int, int]:
    """The number of points that can run at once: on all computers, and on the one with most."""
    threads: Counter[str] = Counter()
    for address, count in client.nthreads().items():
        threads[address.rpartition(":")[0]] += count
    return max(1, threads.total()), max(1, *threads.values(), 1)
