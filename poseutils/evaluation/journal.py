"""Predictions on disk, one record an image: memory does not grow with their number, and an interrupted evaluation can go on."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import PoseError
from ..keypoints import KeypointLayout
from ..poses import Poses


@dataclass(frozen=True)
class Journal:
    """An append-only file of records, each two arrays in NumPy's own format: the image's index, height and width; its poses as rows.

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
        start = self.file.seek(0, 2)
        np.save(self.file, np.array([index, *image_size], np.int64), allow_pickle=False)
        np.save(self.file, _rows(poses), allow_pickle=False)
        self.file.flush()
        return start

    def read(self, start: int) -> tuple[Poses, tuple[int, int]]:
        """Poses and the image's height and width, of the record that starts there."""
        self.file.seek(start)
        _, height, width = np.load(self.file, allow_pickle=False).tolist()
        return _poses(np.load(self.file, allow_pickle=False), self.layout), (height, width)

    def starts(self) -> dict[int, int]:
        """Image's index -> where its record starts. What an interruption left half-written at the end is cut off."""
        starts, end = {}, 0
        self.file.seek(0)
        while True:
            try:
                index = int(np.load(self.file, allow_pickle=False)[0])
                np.load(self.file, allow_pickle=False)
            except (EOFError, ValueError, OSError):  # NumPy's words for the end of the file, and for a record that is not whole
                break
            starts[index] = end
            end = self.file.tell()
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
        where = path or tempfile.gettempdir()
        raise PoseError(f"cannot write {where}: {error.strerror or error}. Choose a folder that can be written to and has room.") from error


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
