"""Predictions for a whole dataset in order: read from a journal if it has them, else computed in
one process or several."""

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
from ..files import sha256_of
from ..models import Model, Prediction
from ..models.elsewhere import elsewhere
from ..poses import Poses
from .journal import Journal

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True)
class Outcome:
    """The result for one image: poses, height and width of the image, and the offset in the
    journal; or an error message."""

    sample: Sample
    poses: Poses | None = None
    image_size: tuple[int, int] | None = None
    offset: int | None = None
    error: str | None = None


def outcomes(
    model: Model,
    dataset: Dataset,
    boxes: Sequence[np.ndarray] | None,
    settings: dict,
    journal: Journal,
    workers: int,
    client: Client | None = None,
) -> Iterator[Outcome]:
    """The outcome for every image in order; images in the journal are not predicted again.

    Args:
        boxes: for each image the (N, 4) boxes to crop, or None for whole images.
        settings: keyword arguments of ``Model.predict_each``.
        workers: number of worker processes; 0 predicts in this process.
        client: of a Dask cluster, whose workers predict instead.

    Raises:
        PoseError: if the network outputs NaN or infinity.
    """
    offsets = journal.offsets()
    missing = [i for i in range(len(dataset)) if i not in offsets]
    jobs = [(dataset[i].path.absolute(), None if boxes is None else boxes[i]) for i in missing]
    fresh = elsewhere(model, _predicted, jobs, settings, workers=workers, client=client)
    for index, sample in enumerate(dataset):
        if index in offsets:
            yield Outcome(sample, *journal.read(offsets[index]), offsets[index])
            continue
        poses, image_size, error = next(fresh)
        yield Outcome(
            sample,
            poses,
            image_size,
            None if error else journal.append(index, poses, image_size),
            error,
        )


def _predicted(model: Model, jobs: Sequence[tuple], settings: dict) -> Iterator[tuple]:
    paths = [path for path, _ in jobs]
    boxes = None if not jobs or jobs[0][1] is None else [its for _, its in jobs]
    for prediction in model.predict_each(paths, boxes=boxes, **settings):
        yield _plain(prediction)


def _plain(prediction: Prediction) -> tuple[Poses | None, tuple[int, int] | None, str | None]:
    """A prediction without its image, which is large and no longer needed."""
    if prediction.image is None:
        return None, None, str(prediction.error)
    return prediction.poses, prediction.image.shape[:2], None


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
