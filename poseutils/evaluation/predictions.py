"""Predictions for a whole dataset in order, and their measurements: read from a journal if it has
them, else computed in one process or several."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..datasets import Dataset, Sample
from ..errors import PoseError
from ..models import Model
from ..models.elsewhere import contents, elsewhere
from ..poses import Poses
from .journal import Journal
from .matching import labeled_people
from .measuring import Measure, Measured

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True)
class Outcome:
    """The measurements of an image, and the offset of its poses in the journal."""

    sample: Sample
    measured: Measured
    offset: int


def outcomes(
    model: Model,
    dataset: Dataset,
    measure: Measure,
    settings: dict,
    journal: Journal,
    workers: int,
    client: Client | None = None,
) -> Iterator[Outcome | str]:
    """The outcome for every image in order, or an error message; images in the journal are not
    predicted again.

    Args:
        settings: keyword arguments of ``Model.predict_each``.
        workers: number of worker processes; 0 predicts in this process.
        client: of a Dask cluster, whose workers predict and measure instead.

    Raises:
        PoseError: if the network outputs NaN or infinity.
    """
    offsets = journal.offsets()
    missing = [sample.for_worker() for i, sample in enumerate(dataset) if i not in offsets]
    fresh = elsewhere(model, _measured, missing, settings, measure, workers=workers, client=client)
    for index, sample in enumerate(dataset):
        if index in offsets:
            measured = measure.of(sample, *journal.read(offsets[index]))
            yield Outcome(sample, measured, offsets[index])
            continue
        found = next(fresh)
        if isinstance(found, str):
            yield found
        else:
            poses, image_size, measured = found
            sample.warn_of_scaling(image_size[::-1])
            yield Outcome(sample, measured, journal.append(index, poses, image_size))


def _measured(
    model: Model, samples: Sequence[Sample], settings: dict, measure: Measure
) -> Iterator[tuple[Poses, tuple[int, int], Measured] | str]:
    """The poses in each image, its height and width, and its measurements; or an error message."""
    boxes = map(_boxes, samples) if measure.from_boxes else None
    predictions = model.predict_each([s.path for s in samples], boxes=boxes, **settings)
    for sample, prediction in zip(samples, predictions, strict=True):
        poses, image = prediction.poses, prediction.image
        if poses is None or image is None:
            yield str(prediction.error)
        else:
            yield poses, image.shape[:2], measure.of(sample, poses, image.shape[:2])


def _boxes(sample: Sample) -> np.ndarray:
    """(N, 4) the boxes of the labeled people; none if the image cannot be read, which is an
    error of its prediction."""
    try:
        return sample.boxes[labeled_people(sample)]
    except PoseError:
        return np.zeros((0, 4), np.float32)


def fingerprint(model: Model, dataset: Dataset, settings: dict, from_boxes: bool) -> str:
    """A hash of everything that the predictions depend on, so that only a journal of the same
    predictions is resumed."""
    images = [(str(sample.path), _age(sample.path)) for sample in dataset]
    boxes = _digest(dataset) if from_boxes else None
    parts = [contents(model), _identity(model), settings, images, boxes]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:12]


def _digest(dataset: Dataset) -> str:
    """Of the annotations, which the crops depend on. Opens no image."""
    digest = hashlib.sha256()
    for labels in (labels for sample in dataset for labels in sample.labels):
        digest.update(np.ascontiguousarray(labels).tobytes())
    return digest.hexdigest()


def _identity(model: Model) -> list:
    network = model.network
    settings = [
        model.model_type,
        model.aspect_ratio,
        model.interpolation,
        model.color_mode,
        asdict(model.input_spec),
        model.classes,
    ]
    runs = [network.runtime, network.rescaling]
    return [runs, settings, None if model.detector is None else _identity(model.detector)]


def _age(path: Path) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None
