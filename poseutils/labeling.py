"""Predicted labels: for training, and as guesses that a person corrects.

Distillation by pseudo-labels: a predicted keypoint has its score, between 0 and 1, as its
visibility; the loss is weighted by it. Active learning: the images that a model doubts most are
labeled next (Settles, "Active Learning Literature Survey", 2009).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .datasets import Dataset, Sample, load_dataset
from .datasets.atomic_folder import atomic_folder
from .datasets.coco import to_coco
from .datasets.conversion import copy_images
from .datasets.loading import has_annotations
from .errors import PoseError
from .evaluation.evaluate import evaluate
from .files import write_json
from .images import find_images
from .keypoints import same_keypoints
from .models import Model
from .poses import AREA_OF_BOX, Poses

ANNOTATIONS, IMAGES = "person_keypoints.json", "images"
LOWEST, HIGHEST = 0.01, 0.99
"""Bounds of the scores, which are written to two digits: 0 is unlabeled, 1 is hidden."""
MARGIN = 0.1
"""How far a box extends beyond the keypoints on each side, relative to the larger side of their
extent: annotated boxes contain hands, feet and hair, too."""
FEWEST = 3
"""Least number of keypoints of a person in an image without labels."""


@dataclass(frozen=True)
class Labeled:
    """The result of :func:`label`.

    Attributes:
        folder: with ``person_keypoints.json`` and ``images/``.
        images, people: how many there are.
        predicted, kept: numbers of keypoints from the model, and of those labeled before.
    """

    folder: Path
    images: int
    people: int
    predicted: int
    kept: int


def label(
    model: Model,
    images: str | Path,
    out: str | Path,
    *,
    min_score: float = 0.3,
    link: bool = False,
    progress: bool = True,
) -> Labeled:
    """Writes a COCO dataset with the keypoints that a model predicts with confidence, atomically.

    Images without annotations get the people that the model detects with its usual confidence,
    or none. In a dataset with COCO annotations, people and labeled keypoints are kept; the model is
    run on the box of each person, and adds the keypoints that are not labeled.

    Args:
        model: the teacher.
        images: a folder of images, or a COCO dataset with the same keypoints as the model.
        out: the folder to write into; existing files are kept.
        min_score: keypoints with lower scores are not labeled.
        link: create hard links to the images, or symbolic links to another disk, instead of copies.
        progress: show progress bars.

    Raises:
        PoseError: if ``min_score`` is out of range; if there are no images, or one cannot be read;
            if the keypoints of dataset and model differ; if no keypoint would be added; if a file
            to write exists already.
    """
    if not LOWEST <= min_score < 1:
        raise PoseError(f"min_score is {min_score:g}; expected at least {LOWEST} and less than 1")
    before = _read(Path(images), model)
    with atomic_folder(Path(out), [ANNOTATIONS, IMAGES]) as temporary:
        after = _labeled(before, model, min_score, progress)
        visibility = np.concatenate([sample.visibility.ravel() for sample in after])
        predicted = int(((visibility > 0) & (visibility < 1)).sum())
        if not predicted:
            raise PoseError(
                f"{images}: the model found no keypoint with a score of {min_score:g} to add on "
                f"{len(after)} images; try a lower min_score"
            )
        names = copy_images(after, temporary / IMAGES, link, progress)
        write_json(temporary / ANNOTATIONS, to_coco(after, names))
    kept = int((visibility >= 1).sum())
    return Labeled(Path(out), len(after), sum(map(len, after)), predicted, kept)


def by_doubt(
    model: Model, images: Sequence[str | Path], progress: bool = True
) -> dict[Path, Poses]:
    """The poses that a model predicts, by image, in the order of doubt: the lowest mean score of a
    person's keypoints first, and before all the images without a person.

    A network of one person gives its pose whatever the score. Images that cannot be read are left
    out, with a warning.
    """
    from tqdm.auto import tqdm

    thresholds: dict[str, Any] = {"confidence": 0} if model.gives_one_pose else {}
    predictions = model.predict_each(list(images), **thresholds)
    found: dict[Path, Poses] = {}
    bar = tqdm(predictions, total=len(images), desc="guess", unit="image", disable=not progress)
    for path, prediction in zip(images, bar, strict=True):
        if prediction.poses is None:
            warnings.warn(f"{prediction.error}: left out", stacklevel=2)
        else:
            found[Path(path)] = prediction.poses
    return dict(sorted(found.items(), key=lambda item: _confidence(item[1])))


def _confidence(poses: Poses) -> float:
    return float(poses.scores.mean(axis=1).min()) if len(poses) else -1


@dataclass(frozen=True)
class Round:
    """A round of :func:`label_in_rounds`.

    Attributes:
        images: how many are labeled.
        oks: mean OKS on the validation set.
        model: trained on them.
        labeled: the labeled images.
    """

    images: int
    oks: float
    model: Model
    labeled: Dataset


def label_in_rounds(
    pool: Dataset,
    validation: Dataset,
    train: Callable[[Dataset], Model],
    sizes: Sequence[int],
    *,
    doubtful: bool = True,
    seed: int = 0,
) -> Iterator[Round]:
    """Yields rounds of labeling and training. The first images are random; in each later round
    the model chooses those that it doubts most.

    Args:
        pool: images to choose from; their annotations are used once an image is chosen, in place
            of a person who labels it.
        validation: to measure on.
        train: a function from the labeled images to a model.
        sizes: number of labeled images in each round, increasing.
        doubtful: False chooses all images at random, to compare with.
        seed: of the random choice.

    Raises:
        PoseError: if ``sizes`` does not increase from 1 to at most the images of the pool.
    """
    if not sizes or list(sizes) != sorted({*sizes}) or not 1 <= sizes[0] <= sizes[-1] <= len(pool):
        raise PoseError(
            f"sizes={list(sizes)}; expected increasing numbers from 1 to {len(pool)}, the images "
            "of the pool"
        )
    rest = [pool[index] for index in np.random.default_rng(seed).permutation(len(pool))]
    labeled: list[Sample] = []
    model = None
    for size in sizes:
        if doubtful and model is not None:
            ranks = {
                path: n for n, path in enumerate(by_doubt(model, [s.path for s in rest], False))
            }
            rest.sort(key=lambda sample: ranks.get(sample.path, len(ranks)))
        take = size - len(labeled)
        labeled, rest = labeled + rest[:take], rest[take:]
        model = train(pool.subset(labeled))
        oks = evaluate(model, validation, progress=False).metrics["oks"]
        yield Round(size, oks, model, pool.subset(labeled))


def _read(images: Path, model: Model) -> Dataset:
    """The dataset; images without annotations are one without people."""
    if not has_annotations(images):
        people = (
            np.zeros((0, len(model.layout), 3)),
            np.zeros((0, 4)),
            np.zeros(0),
            np.zeros(0, bool),
        )
        paths = enumerate(find_images(images), 1)
        return Dataset(tuple(Sample(i, p, None, *people) for i, p in paths), model.layout, images)
    dataset = load_dataset(images)
    if same_keypoints(model.layout.names, dataset.layout.names) is None:
        raise PoseError(
            f"{images} has {len(dataset.layout)} keypoints ({dataset.layout.name}) and the model "
            f"gives {len(model.layout)} ({model.layout.name}); choose a model with the dataset's "
            "keypoints"
        )
    return dataset.with_layout(model.layout)


def _labeled(dataset: Dataset, model: Model, min_score: float, progress: bool) -> Dataset:
    from tqdm.auto import tqdm

    by_boxes = any(map(len, dataset))
    predictions = model.predict_each(
        [s.path for s in dataset], boxes=[s.boxes for s in dataset] if by_boxes else None
    )
    bar = tqdm(predictions, total=len(dataset), desc="label", unit="image", disable=not progress)
    samples = []
    for sample, prediction in zip(dataset, bar, strict=True):
        poses, image = prediction.require(), prediction.image
        assert image is not None  # there are poses
        size = image.shape[1], image.shape[0]
        keypoints = _keypoints(poses, min_score, size)
        made = _filled(sample, keypoints) if by_boxes else _found(sample, keypoints, poses, size)
        samples.append(replace(made, size=size))
    return dataset.subset(samples)


def _keypoints(poses: Poses, min_score: float, size: tuple[int, int]) -> np.ndarray:
    """(N, K, 3) x, y and score; zeros if the score is too low or the place outside the image."""
    inside = ((poses.keypoints >= 0) & (poses.keypoints < size)).all(axis=2)
    sure = (poses.scores >= min_score) & inside
    scores = np.minimum(poses.scores, HIGHEST)[:, :, None]
    return np.where(sure[:, :, None], np.concatenate([poses.keypoints, scores], axis=2), 0)


def _filled(sample: Sample, predicted: np.ndarray) -> Sample:
    """The sample with predictions, a pose per person, for unlabeled keypoints."""
    unlabeled = (sample.keypoints[:, :, 2:] == 0) & ~sample.crowd[:, None, None]
    return replace(sample, keypoints=np.where(unlabeled, predicted, sample.keypoints))


def _found(sample: Sample, predicted: np.ndarray, poses: Poses, size: tuple[int, int]) -> Sample:
    """The sample with the people who have enough keypoints."""
    enough = (predicted[:, :, 2] > 0).sum(axis=1) >= min(FEWEST, len(poses.layout))
    keypoints = predicted[enough]
    boxes = boxes_around(keypoints, size) if poses.boxes is None else poses.boxes[enough]
    areas = AREA_OF_BOX * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    crowd = np.zeros(len(boxes), bool)
    classes = np.zeros(len(boxes), int)
    return replace(
        sample, keypoints=keypoints, boxes=boxes, areas=areas, crowd=crowd, classes=classes
    )


def boxes_around(keypoints: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N, 4) xyxy around the labeled keypoints of (N, K, 3), with a margin, inside the image."""
    points = np.where(keypoints[:, :, 2:] > 0, keypoints[:, :, :2], np.nan)
    low, high = np.nanmin(points, axis=1), np.nanmax(points, axis=1)
    margin = MARGIN * (high - low).max(axis=1, keepdims=True)
    return np.concatenate([np.maximum(low - margin, 0), np.minimum(high + margin, size)], axis=1)
