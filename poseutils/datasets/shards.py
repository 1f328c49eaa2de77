"""Examples in files: what does not fit in memory is made once, and then read in the order of the
files.

A shard is an ``.npy`` of records, beside the SHA-256 of the file as ``sha256sum --check`` takes it.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import numpy as np

from ..errors import PoseError
from ..files import atomic_path, sha256_of, write_text

BYTES = 64 * 2**20
"""Size of a shard: 605 images of 192 × 192."""
WINDOW = 4
"""Number of shards whose records are shuffled together; as many are read ahead."""
_CHECKED = 4 * WINDOW
"""Number of shards that are known to be whole. Later they are read and checked again."""

_LOG = logging.getLogger("poseutils")


class Shards:
    """N records in files of equally many. A file that is missing or damaged is made, so that an
    interrupted preparation goes on where it stopped.

    Reading in the order of :meth:`shuffled` reads ahead: files are read from beginning to end,
    which compares their SHA-256, and records then come from the page cache of the operating system.
    """

    def __init__(
        self,
        folder: Path,
        make: Callable[[np.ndarray], np.ndarray],
        count: int,
        dtype: np.dtype,
    ):
        """
        Args:
            folder: of the files, which are named by their numbers.
            make: row numbers (B,) -> their records (B,), always the same.
            count: N.
            dtype: of the records.

        Raises:
            PoseError: if the disk has no space for the files that are missing.
        """
        self._folder, self._make, self._count, self._dtype = folder, make, count, dtype
        self._length = max(1, BYTES // dtype.itemsize)
        self._numbers = range(-(-count // self._length))
        self._pool, self._lock = ThreadPoolExecutor(2), Lock()  # one reads while the other writes
        self._whole: dict[int, Future[None]] = {}
        self._next: dict[int, np.ndarray] = {}
        self._check_space()

    def read(self, field: str, rows: np.ndarray) -> np.ndarray:
        """A field (B, ...) of the records of rows (B,)."""
        numbers, shape = rows // self._length, self._dtype[field].shape
        values = np.empty((len(rows), *shape), self._dtype[field].base)
        for number in np.unique(numbers):
            here = numbers == number
            records = self._records(int(number))
            values[here] = records[field][rows[here] - number * self._length]
        return values

    def shuffled(self, random: np.random.Generator) -> np.ndarray:
        """(N,) all rows in random order: those of a window of random shards, then those of the next
        window."""
        shards = random.permutation(len(self._numbers))
        windows = np.split(shards, range(WINDOW, len(shards), WINDOW))
        following = [*windows[1:], np.empty(0, int)]
        self._next = {n: later for window, later in zip(windows, following) for n in window}
        return np.concatenate(
            [random.permutation(np.concatenate([self._rows(n) for n in w])) for w in windows]
        )

    def _records(self, number: int) -> np.ndarray:
        """The records of a shard, which is whole; those that follow it are read ahead."""
        whole = self._begin(number)
        for later in self._next.get(number, ()):
            self._begin(int(later))
        whole.result()
        # Opened each time: what stays mapped would count as memory of this process
        return np.load(self._path(number), mmap_mode="r")

    def _begin(self, number: int) -> Future[None]:
        """Begins to make sure that a shard is whole, unless that is known."""
        with self._lock:
            begun = self._whole.pop(number, None)
            if begun is None or (begun.done() and begun.exception()):
                begun = self._pool.submit(self._ensure, number)
            self._whole[number] = begun
            if len(self._whole) > _CHECKED:
                del self._whole[next(iter(self._whole))]
            return begun

    def _ensure(self, number: int) -> None:
        path = self._path(number)
        if path.exists() and _sum_file(path).exists():
            if _sum_file(path).read_bytes() == _sum_line(path).encode():
                return
            _LOG.warning("%s is damaged, and is made again", path)
        with atomic_path(path) as temporary:
            np.save(temporary, self._make(self._rows(number)))
        write_text(_sum_file(path), _sum_line(path))

    def _rows(self, number: int) -> np.ndarray:
        start = number * self._length
        return np.arange(start, min(start + self._length, self._count))

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:05d}.npy"

    def _check_space(self) -> None:
        missing = sum(not self._path(number).exists() for number in self._numbers)
        needed = missing * self._length * self._dtype.itemsize
        if not needed:
            return
        parent = next(folder for folder in self._folder.parents if folder.exists())
        free = shutil.disk_usage(parent).free
        if needed > free:
            raise PoseError(
                f"{self._count:,} examples need {needed / 2**30:.1f} GiB in "
                f"{self._folder}, where {free / 2**30:.1f} GiB are free: make room, or set "
                "POSEUTILS_CACHE to a folder that has it"
            )
        _LOG.warning(
            "%s examples do not fit in memory: %.1f GiB are written once into %s",
            f"{self._count:,}",
            needed / 2**30,
            self._folder,
        )


def _sum_file(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _sum_line(path: Path) -> str:
    return f"{sha256_of(path)}  {path.name}\n"
