"""Predictions on disk, one record an image: memory does not grow with their number, and an interrupted evaluation can go on."""

from __future__ import annotations

import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..files import cannot_write
from ..keypoints import KeypointLayout
from ..poses import Poses

_HEAD = struct.Struct("<5q")


@dataclass(frozen=True)
class Journal:
    """An append-only file of records: five whole numbers (the image's index, height and width; rows and columns), then float32 rows.

    Attributes:
        file: open for reading and writing.
        layout: of the poses.
        path: of the file, or None if it has no name.
    """

    file: BinaryIO
    layout: KeypointLayout
    path: Path | None = None

    def append(self, index: int, poses: Poses, image_size: tuple[int, int]) -> int:
        """Adds a record at the end and returns where it starts."""
        rows = _rows(poses)
        start = self.file.seek(0, 2)
        self.file.write(_HEAD.pack(index, *image_size, *rows.shape) + rows.tobytes())
        self.file.flush()
        return start

    def read(self, start: int) -> tuple[Poses, tuple[int, int]]:
        """Poses and the image's height and width, of the record that starts there."""
        self.file.seek(start)
        _, height, width, *shape = _HEAD.unpack(self.file.read(_HEAD.size))
        rows = np.frombuffer(self.file.read(4 * shape[0] * shape[1]), np.float32).reshape(shape)
        return _poses(rows, self.layout), (height, width)

    def starts(self) -> dict[int, int]:
        """Image's index -> where its record starts. What an interruption left half-written at the end is cut off."""
        starts, end, size = {}, 0, self.file.seek(0, 2)
        while end + _HEAD.size <= size:
            self.file.seek(end)
            index, _, _, count, columns = _HEAD.unpack(self.file.read(_HEAD.size))
            after = end + _HEAD.size + 4 * count * columns
            if after > size:
                break
            starts[index], end = end, after
        self.file.truncate(end)
        return starts

    def finish(self) -> None:
        """Takes the file's name away: it can be read on, and goes with the last reader."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def open_journal(path: Path | None, layout: KeypointLayout) -> Journal:
    """A journal that goes on in a file, or without a path one that nobody sees and that goes with the program.

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
    """(N, 3K) or (N, 3K + 5) float32: x and y of the keypoints, their scores, and the box with its score."""
    parts = [poses.keypoints.reshape(len(poses), 2 * len(poses.layout)), poses.scores]
    if poses.boxes is not None:
        parts += [poses.boxes, poses.box_scores[:, None]]
    return np.concatenate(parts, axis=1, dtype=np.float32)


def _poses(rows: np.ndarray, layout: KeypointLayout) -> Poses:
    count = len(layout)
    keypoints, scores, rest = rows[:, : 2 * count].reshape(-1, count, 2), rows[:, 2 * count : 3 * count], rows[:, 3 * count :]
    return Poses(keypoints, scores, layout, rest[:, :4], rest[:, 4]) if rest.shape[1] else Poses(keypoints, scores, layout)
