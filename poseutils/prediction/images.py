"""Batch prediction: a folder of images -> annotated images and COCO keypoint results."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..crops import Region
from ..errors import PoseError
from ..files import sha256, write_json
from ..images import read_image
from ..models import Model
from ..models.elsewhere import elsewhere
from ..plots import draw_poses, save_image
from ..poses import Poses

if TYPE_CHECKING:
    from distributed import Client

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
    paths: Sequence[str | Path],
    out_dir: str | Path,
    *,
    threshold: float = 0.15,
    client: Client | None = None,
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
        client: a ``dask.distributed.Client``, whose workers predict and draw, by ranges of images.
            They see the same files under the same paths. The files are the same to the bit.
        progress: shows a progress bar.
        thresholds: see :meth:`poseutils.models.Model.predict`.

    Raises:
        PoseError: if none of the images can be read, or ``out_dir`` cannot be written to.
    """
    from tqdm.auto import tqdm

    if not paths:
        raise PoseError("no images were given; expected the paths of image files")
    files, out_dir = [Path(path) for path in paths], Path(out_dir)
    if out_dir.exists() and not out_dir.is_dir():
        raise PoseError(f"cannot write to {out_dir}: it is a file; expected a folder")
    names, ids = _file_names(files), _image_ids(files)
    folder = out_dir.absolute() / "annotated"
    jobs = [(path.absolute(), folder / name) for path, name in zip(files, names)]
    done = elsewhere(model, _annotated, jobs, threshold, thresholds, client=client)
    each = tqdm(done, total=len(files), desc="predict", unit="image", disable=not progress)
    poses: dict[Path, Poses] = {}
    annotated: dict[Path, Path] = {}
    errors: list[str] = []
    records: list[dict] = []
    for path, name, image_id, (found, drawn, error) in zip(files, names, ids, each, strict=True):
        if error:
            errors.append(error)
        if drawn is not None:
            annotated[path] = out_dir / "annotated" / drawn
        if found is not None:
            poses[path] = found
            records += [{"file_name": name, **record} for record in found.to_coco(image_id)]
    if not poses:
        raise PoseError(f"none of the {len(files)} images could be read; the first: {errors[0]}")
    write_json(out_dir / "predictions.json", records)
    return Result(poses, annotated, errors)


def _annotated(
    model: Model, jobs: Sequence[tuple[Path, Path]], threshold: float, thresholds: dict
) -> Iterator[tuple[Poses | None, str | None, str]]:
    """The poses of each image, the name of the annotated image that was written, and the error;
    ``jobs`` are the images and where their annotated ones go."""
    predictions = model.predict_each([path for path, _ in jobs], **thresholds)
    for (path, target), prediction in zip(jobs, predictions, strict=True):
        if prediction.image is None or prediction.poses is None:
            yield None, None, str(prediction.error)
            continue
        try:
            drawn = draw_poses(prediction.image, prediction.poses, threshold)
            saved = save_image(target.with_name(_image_name(target.name, drawn)), drawn)
            yield prediction.poses, saved.name, ""
        except Exception as error:  # of OpenCV, of the disk: the prediction itself is there
            yield prediction.poses, None, f"{path}: predicted, but not annotated: {error}"


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
