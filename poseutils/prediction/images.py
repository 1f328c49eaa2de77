"""Batch prediction: a folder of images -> annotated images and COCO keypoint results."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ..crops import Region
from ..errors import PoseError
from ..files import sha256, write_json
from ..images import read_image
from ..models import Model
from ..plots import draw_poses, save_image
from ..poses import Poses

JPEG_PIXELS = 65_500
"""The most rows or columns that JPEG has."""
LONGEST_NAME = 255
"""Bytes of a file name."""


@dataclass(frozen=True)
class Example:
    """An image or frame to show, with its poses.

    Attributes:
        title: its name, or its place in the video.
        image: (H, W, 3) uint8 RGB.
        poses: in its pixels.
        region: the crop that the network gets; None: the whole image.
    """

    title: str
    image: np.ndarray
    poses: Poses
    region: Region | None = None


@dataclass(frozen=True)
class Result:
    """The result of predicting a folder of images.

    Attributes:
        poses: by the path of the image, for images that could be read.
        annotated: the path of the annotated image, by the path of the image.
        errors: messages about images that could not be read, predicted or annotated.
    """

    poses: dict[Path, Poses]
    annotated: dict[Path, Path]
    errors: list[str]

    @property
    def metrics(self) -> dict[str, float]:
        """Numbers of ``images`` read, ``unreadable`` images, ``people`` detected, and
        ``empty`` images, without a person."""
        not_annotated = len(self.poses) - len(self.annotated)
        return {
            "images": float(len(self.poses)),
            "unreadable": float(len(self.errors) - not_annotated),
            "people": float(sum(map(len, self.poses.values()))),
            "empty": float(len(self.empty)),
        }

    def report(self) -> list[str]:
        """What was found, and what was left out, in lines."""
        people = int(self.metrics["people"])
        return [
            *(f"left out: {problem}" for problem in self.errors),
            *(f"nothing found in: {path.name}" for path in self.empty),
            f"{len(self.poses)} images, {people} people found",
        ]

    def examples(self, count: int = 8) -> list[Example]:
        """The first images with their poses."""
        first = islice(self.poses.items(), count)
        return [Example(path.name, read_image(path), poses) for path, poses in first]

    @property
    def empty(self) -> list[Path]:
        """The images without a person whose score is above the confidence."""
        return [path for path, poses in self.poses.items() if not len(poses)]


def predict_images(
    model: Model,
    paths: Sequence[Path],
    out_dir: str | Path,
    *,
    threshold: float = 0.15,
    progress: bool = True,
    **thresholds,
) -> Result:
    """Predicts images one by one and writes ``annotated/*.jpg`` (``.png`` for images that JPEG
    cannot hold) and ``predictions.json``. What fails for one image is listed, and the others are
    done.

    ``predictions.json`` has COCO keypoint results (cocodataset.org, "Results Format"), each with
    the name of its image file. The image id is the number in the file name, as in COCO, if all have
    one; else the position in the list, from 1.

    Args:
        model: to predict with.
        paths: image files; unreadable ones are listed in ``errors`` and skipped.
        out_dir: folder to write to.
        threshold: keypoints with lower scores are drawn hollow, without limbs.
        progress: shows a progress bar.
        thresholds: see :meth:`poseutils.models.Model.predict`.

    Raises:
        PoseError: if none of the images can be read, or ``out_dir`` cannot be written to.
    """
    from tqdm.auto import tqdm

    out_dir = Path(out_dir)
    names, ids = _file_names(paths), _image_ids(paths)
    poses: dict[Path, Poses] = {}
    annotated: dict[Path, Path] = {}
    errors: list[str] = []
    records: list[dict] = []
    predictions = tqdm(
        model.predict_each(paths, **thresholds),
        total=len(paths),
        desc="predict",
        unit="image",
        disable=not progress,
    )
    for path, name, image_id, prediction in zip(paths, names, ids, predictions, strict=True):
        if prediction.image is None or prediction.poses is None:
            errors.append(str(prediction.error))
            continue
        poses[path] = prediction.poses
        try:
            drawn = draw_poses(prediction.image, prediction.poses, threshold)
            annotated[path] = save_image(out_dir / "annotated" / _image_name(name, drawn), drawn)
        except Exception as error:  # of OpenCV, of the disk: the prediction itself is there
            errors.append(f"{path}: predicted, but not annotated: {error}")
        records += [{"file_name": name, **record} for record in prediction.poses.to_coco(image_id)]
    if not poses:
        raise PoseError(f"none of the {len(paths)} images could be read; the first: {errors[0]}")
    write_json(out_dir / "predictions.json", records)
    return Result(poses, annotated, errors)


def _file_names(paths: Sequence[Path]) -> list[str]:
    """A unique name for each file: its own, or with a number appended where several have the same
    stem, on file systems of any kind."""
    names: list[str] = []
    own = {path.stem.casefold() for path in paths}
    taken: set[str] = set()
    for path in paths:
        stem, number = path.stem, 1
        while stem.casefold() in taken or (number > 1 and stem.casefold() in own):
            number += 1
            stem = f"{path.stem}-{number}"
        taken.add(stem.casefold())
        names.append(stem + path.suffix)
    return names


def _image_name(name: str, image: np.ndarray) -> str:
    """The name of an annotated image, which is no longer than file systems take."""
    stem, suffix = Path(name).stem, ".png" if max(image.shape) > JPEG_PIXELS else ".jpg"
    if len(os.fsencode(stem + suffix)) <= LONGEST_NAME:
        return stem + suffix
    cut = os.fsencode(stem)[: LONGEST_NAME - 16]
    return f"{cut.decode(errors='ignore')}-{sha256(os.fsencode(stem))[:8]}{suffix}"


def _image_ids(paths: Sequence[Path]) -> list[int]:
    stems = [path.stem for path in paths]
    numbered = all(stem.isdecimal() for stem in stems) and len(
        {int(stem) for stem in stems}
    ) == len(stems)
    return [int(stem) for stem in stems] if numbered else list(range(1, len(stems) + 1))
