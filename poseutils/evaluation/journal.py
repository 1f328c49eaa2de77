"""Predictions on disk, one record per image: memory does not grow with the dataset, and an
interrupted evaluation can resume."""

from __future__ import annotations

import contextlib
import os
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..files import cannot_write
from ..keypoints import KeypointLayout
from ..poses import Poses

_HEADER = struct.Struct("=5I")
"""Index, height and width of an image, number of people, number of values of each."""


@dataclass(frozen=True)
class Journal:
    """An append-only file of records, one per image: its index, height and width, the shape of an
    array; then that array, the poses, a row per person.

    Attributes:
        file: open for reading and writing.
        layout: of the poses.
        path: of the file, or None for an anonymous temporary file.
    """

    file: BinaryIO
    layout: KeypointLayout
    path: Path | None = None

    def append(self, index: int, poses: Poses, image_size: tuple[int, int]) -> int:
        """Appends a record and returns its offset in the file."""
        offset, rows = self.file.seek(0, 2), _rows(poses)
        self.file.write(_HEADER.pack(index, *image_size, *rows.shape) + rows.tobytes())
        self.file.flush()
        return offset

    def read(self, offset: int) -> tuple[Poses, tuple[int, int]]:
        """Poses, and height and width of the image, of the record at ``offset``."""
        self.file.seek(offset)
        _, height, width, rows = self._record()
        return _poses(rows, self.layout), (height, width)

    def offsets(self) -> dict[int, int]:
        """Image index -> offset of its record. An incomplete record at the end, left by an
        interruption, is cut off."""
        offsets, end = {}, self.file.seek(0)
        with contextlib.suppress(EOFError):
            while True:
                index, *_ = self._record()
                offsets[index], end = end, self.file.tell()
        self.file.truncate(end)
        return offsets

    def _record(self) -> tuple[int, int, int, np.ndarray]:
        """The next record: index, height, width, rows.

        Raises:
            EOFError: if it is not complete.
        """
        header = self.file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            raise EOFError
        index, height, width, people, columns = _HEADER.unpack(header)
        size = 4 * people * columns
        if not columns or self.file.tell() + size > os.fstat(self.file.fileno()).st_size:
            raise EOFError
        rows = np.frombuffer(bytearray(self.file.read(size)), np.float32)
        return index, height, width, rows.reshape(people, columns)

    def finish(self) -> None:
        """Unlinks the file; open handles stay readable."""
        if self.path is not None:
            # Windows keeps the name of a file that is open
            with contextlib.suppress(PermissionError):
                self.path.unlink(missing_ok=True)


def open_journal(path: Path | None, layout: KeypointLayout) -> Journal:
    """The journal in a file, which is created if missing; without a path, one in a temporary file.

    Raises:
        PoseError: if the file cannot be written.
    """
    try:
        if path is None:
            return Journal(tempfile.TemporaryFile(), layout)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return Journal(path.open("r+b"), layout, path)
    except OSError as error:
        raise cannot_write(path or tempfile.gettempdir(), error) from error


def _rows(poses: Poses) -> np.ndarray:
    """(N, 3K), (N, 3K + 5) or (N, 3K + 6) float32: x and y of the keypoints, their scores, the box
    with its score, and the class."""
    parts = [poses.keypoints.reshape(len(poses), 2 * len(poses.layout)), poses.scores]
    if poses.boxes is not None and poses.box_scores is not None:
        parts += [poses.boxes, poses.box_scores[:, None]]
        parts += [] if poses.classes is None else [poses.classes[:, None]]
    return np.concatenate(parts, axis=1, dtype=np.float32)


def _poses(rows: np.ndarray, layout: KeypointLayout) -> Poses:
    count = len(layout)
    keypoints = rows[:, : 2 * count].reshape(-1, count, 2)
    scores = rows[:, 2 * count : 3 * count]
    rest = rows[:, 3 * count :]
    if not rest.shape[1]:
        return Poses(keypoints, scores, layout)
    classes = rest[:, 5].astype(int) if rest.shape[1] > 5 else None
    return Poses(keypoints, scores, layout, rest[:, :4], rest[:, 4], classes=classes)
