"""The labels of a folder of images, in a COCO file that is written at every change."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import Dataset, Sample
from ..datasets.coco import read_coco, to_coco
from ..datasets.finding import annotation_files
from ..errors import PoseError
from ..files import remove_incomplete, write_json
from ..images import image_size
from ..keypoints import KeypointLayout
from ..labeling import HIGHEST, LOWEST, boxes_around
from ..poses import AREA_OF_BOX, Poses

FILE = "keypoints.json"
_MARK = {"description": "labels of poseutils.widgets.label"}
"""In a file of this tool, which may write it anew. Other tools keep more in theirs."""

People = list[list[list[float]]]
"""N people of K keypoints x, y and visibility: 0 not labeled, 1 hidden, 2 visible; between 0 and 1,
the score of a guess that is not confirmed."""


@dataclass
class LabelFile:
    """The labels of a folder, ``keypoints.json`` in it.

    Attributes:
        folder: of the images.
        layout: of the keypoints.
        samples: by image, those that are labeled or begun.
    """

    folder: Path
    layout: KeypointLayout
    samples: dict[Path, Sample] = field(default_factory=dict)
    _written: tuple | None = None

    @property
    def path(self) -> Path:
        """The COCO file."""
        return self.folder / FILE

    def people(self, image: Path) -> People | None:
        """The people of an image; None if it is not begun."""
        sample = self.samples.get(image)
        return None if sample is None else sample.keypoints.astype(float).round(2).tolist()

    def is_done(self, image: Path) -> bool:
        """True if an image is labeled, and nothing in it is only a guess."""
        sample = self.samples.get(image)
        return sample is not None and not _guessed(sample.visibility).any()

    def put(self, image: Path, people: People | None) -> None:
        """Sets the people of an image, or takes its labels away (None), and writes the file.
        People without a labeled keypoint are left out.

        Raises:
            PoseError: if the file was changed by another program, or cannot be written; nothing is
                lost, the next call writes all changes.
        """
        if people is None:
            self.samples.pop(image, None)
        else:
            self.samples[image] = self._sample(image, people)
        self.write()

    def write(self) -> None:
        """Writes the file, atomically; see :meth:`put`."""
        if _stamp(self.path) != self._written:
            raise PoseError(
                f"{self.path} was changed by another program, and is not overwritten: run the cell "
                "again to go on with it"
            )
        samples = sorted(self.samples.values(), key=lambda sample: sample.image_id)
        dataset = Dataset(tuple(samples), self.layout, self.path)
        write_json(self.path, {"info": _MARK, **to_coco(dataset, dataset.relative_paths())})
        self._written = _stamp(self.path)

    def _sample(self, image: Path, people: People) -> Sample:
        known = self.samples.get(image)
        new = 1 + max((sample.image_id for sample in self.samples.values()), default=0)
        size = known.size if known and known.size else image_size(image)
        keypoints = np.asarray(people, np.float32).reshape(-1, len(self.layout), 3)
        keypoints = keypoints[(keypoints[:, :, 2] > 0).any(axis=1)]
        keypoints[:, :, :2] = keypoints[:, :, :2].clip(0, size)
        boxes = boxes_around(keypoints, size)
        areas = AREA_OF_BOX * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        crowd = np.zeros(len(boxes), bool)
        return Sample(known.image_id if known else new, image, size, keypoints, boxes, areas, crowd)


def guessed(poses: Poses) -> People:
    """Predicted poses as people whose visibilities are scores."""
    scores = poses.scores.clip(LOWEST, HIGHEST)[:, :, None]
    people = np.concatenate([poses.keypoints, scores], axis=2)
    return people.astype(float).round(2).tolist()


def checked(people: Any, layout: KeypointLayout) -> People:
    """The people that a page sends.

    Raises:
        PoseError: if they are not N people of K finite x, y and visibility.
    """
    try:
        points = np.asarray(people, np.float64)
    except (TypeError, ValueError):  # no numbers, or rows of unlike length
        points = np.zeros(0)
    known = points.shape[1:] == (len(layout), 3) and np.isfinite(points).all()
    visibility = points[:, :, 2] if known else np.full(1, np.nan)
    if not ((visibility == 2) | (visibility >= 0) & (visibility <= 1)).all():
        raise PoseError(
            f"{people!r:.80} given; expected people of {len(layout)} keypoints x, y and visibility"
        )
    return points.tolist()


def open_labels(folder: Path, layout: KeypointLayout, images: Sequence[Path]) -> LabelFile:
    """The labels that a folder has, or none.

    Raises:
        PoseError: if ``keypoints.json`` is damaged, of another tool, of other keypoints, or names
            other images; if the folder has annotations in another file. No file is changed.
    """
    file = LabelFile(folder, layout)
    others = [path for path in annotation_files(folder) if path.name != FILE]
    if others:
        raise PoseError(
            f"{folder} has annotations already, in {others[0].name}: choose a folder of images "
            "without, or move that file away"
        )
    remove_incomplete(folder)
    if not os.path.lexists(file.path):
        return file
    stamp = _stamp(file.path)
    found = _read(file.path, layout)
    by_name = {os.path.realpath(image): image for image in images}
    for sample in found:
        image = by_name.get(os.path.realpath(sample.path))
        if image is None:
            raise PoseError(f"{file.path} names {sample.path}, which is no image of {folder}")
        file.samples[image] = sample
    file._written = stamp
    return file


def _read(path: Path, layout: KeypointLayout) -> Dataset:
    damaged = "It is not overwritten: mend it, or move it away to begin anew"
    try:
        found = read_coco(path)
        document = json.loads(path.read_bytes())
    except PoseError as error:
        raise PoseError(f"{error}. {damaged}") from error
    if document.get("info") != _MARK:
        raise PoseError(
            f"{path} was written by another tool, and may have more in it than is kept here. "
            "Choose a folder of images without annotations, or move it away"
        )
    if sorted(found.layout.names) != sorted(layout.names):
        raise PoseError(
            f"{path} has the keypoints {', '.join(found.layout.names)}; the layout given has "
            f"{', '.join(layout.names)}. Give the same, or another folder"
        )
    return found.with_layout(layout)


def _guessed(visibility: np.ndarray) -> np.ndarray:
    return (visibility > 0) & (visibility < 1)


def _stamp(path: Path) -> tuple | None:
    """What changes when another program writes a file; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
