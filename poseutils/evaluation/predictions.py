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

from ..datasets import Dataset, Sample
from ..files import sha256_of
from ..models import Model
from ..models.elsewhere import elsewhere
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
    missing = [s.at(s.path.absolute()) for i, s in enumerate(dataset) if i not in offsets]
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
            yield Outcome(sample, measured, journal.append(index, poses, image_size))


def _measured(
    model: Model, samples: Sequence[Sample], settings: dict, measure: Measure
) -> Iterator[tuple[Poses, tuple[int, int], Measured] | str]:
    """The poses in each image, its height and width, and its measurements; or an error message."""
    boxes = [s.boxes[labeled_people(s)] for s in samples] if measure.from_boxes else None
    predictions = model.predict_each([s.path for s in samples], boxes=boxes, **settings)
    for sample, prediction in zip(samples, predictions, strict=True):
        poses, image = prediction.poses, prediction.image
        if poses is None or image is None:
            yield str(prediction.error)
        else:
            yield poses, image.shape[:2], measure.of(sample, poses, image.shape[:2])


def fingerprint(model: Model, dataset: Dataset, settings: dict, from_boxes: bool) -> str:
    """A hash of everything that the predictions depend on, so that only a journal of the same
    predictions is resumed."""
    parts = [_identity(model), settings, from_boxes, [(str(s.path), _age(s.path)) for s in dataset]]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:12]


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
    return [
        sha256_of(model.path),
        runs,
        settings,
        None if model.detector is None else _identity(model.detector),
    ]


def _age(path: Path) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None
