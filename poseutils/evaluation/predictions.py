"""Predictions of a whole dataset, one after the other: from a journal where it has them, else by the model, in one process or several."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ..datasets import Dataset, Sample
from ..files import sha256_of
from ..inference import Model, Prediction
from ..poses import Poses
from .journal import Journal

_CHUNK = 16
"""Images that a worker process gets at a time."""


@dataclass(frozen=True)
class Outcome:
    """What came of one image: poses and the image's height and width, and where they are in the journal; or a message."""

    sample: Sample
    poses: Poses | None = None
    image_size: tuple[int, int] | None = None
    start: int | None = None
    error: str | None = None


def outcomes(
    model: Model, dataset: Dataset, boxes: Sequence[np.ndarray] | None, settings: dict, journal: Journal, workers: int
) -> Iterator[Outcome]:
    """Every image's outcome in order; those that the journal has already are not predicted again.

    Args:
        boxes: for each image the (N, 4) boxes to look at, or None to let the model look for itself.
        settings: of ``Model.predict_each``.
        workers: processes that predict beside this one; 0 for none.

    Raises:
        PoseError: if the model's output is not a number.
    """
    starts = journal.starts()
    missing = [i for i in range(len(dataset)) if i not in starts]
    jobs = [(dataset[i].path, None if boxes is None else boxes[i]) for i in missing]
    fresh = _in_workers(model, jobs, settings, workers) if workers else _in_chunk(model, jobs, settings)
    for index, sample in enumerate(dataset):
        if index in starts:
            yield Outcome(sample, *journal.read(starts[index]), starts[index])
            continue
        poses, image_size, error = next(fresh)
        yield Outcome(sample, poses, image_size, None if error else journal.append(index, poses, image_size), error)


def _in_chunk(model: Model, jobs: Sequence[tuple], settings: dict) -> Iterator[tuple]:
    paths = [path for path, _ in jobs]
    boxes = None if not jobs or jobs[0][1] is None else [its for _, its in jobs]
    for prediction in model.predict_each(paths, boxes=boxes, **settings):
        yield _plain(prediction)


def _plain(prediction: Prediction) -> tuple[Poses | None, tuple[int, int] | None, str | None]:
    """Without the image, which is large and was needed only for the prediction."""
    if prediction.error:
        return None, None, str(prediction.error)
    return prediction.poses, prediction.image.shape[:2], None


_model: Model  # a worker process's own


def _in_workers(model: Model, jobs: Sequence[tuple], settings: dict, workers: int) -> Iterator[tuple]:
    """Each process has a network of its own, and reads, predicts and decodes whole images; a few chunks wait ready for each."""
    chunks = iter([jobs[i : i + _CHUNK] for i in range(0, len(jobs), _CHUNK)])
    context = multiprocessing.get_context("spawn")  # a forked process would inherit the threads' locks, but not the threads
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(model,)) as pool:
        pending = deque(pool.submit(_work, chunk, settings) for chunk in islice(chunks, 2 * workers))
        while pending:
            yield from pending.popleft().result()
            pending.extend(pool.submit(_work, chunk, settings) for chunk in islice(chunks, 1))


def _start_worker(model: Model) -> None:
    global _model
    _model = model


def _work(jobs: Sequence[tuple], settings: dict) -> list[tuple]:
    return list(_in_chunk(_model, jobs, settings))


def fingerprint(model: Model, dataset: Dataset, settings: dict, from_boxes: bool) -> str:
    """A hash of all that the predictions depend on, so that a journal of other ones is not taken up."""
    parts = [_identity(model), settings, from_boxes, [(str(s.path), _age(s.path)) for s in dataset]]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:12]


def _identity(model: Model) -> list:
    network = model.network
    settings = [model.model_type, model.aspect_ratio, model.interpolation, model.color_mode, model.normalized]
    runs = [network.runtime, network.rescaling]
    return [sha256_of(model.path), runs, settings, None if model.detector is None else _identity(model.detector)]


def _age(path: Path) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None
