"""Why a training did not learn even its own images: faults of labels and of settings, by what was
measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ...poses import keypoint_similarity
from ..batches import RESCALING
from ..examples import Examples
from .measuring import predict_examples

BY_HEART = 0.98
"""OKS below which a training is examined that is validated on its own images."""

_EXAMINED = 64
"""Training images that are measured."""
_NAMED = 3
"""Images that are named."""
_FOUND = 0.5
"""Similarity from which a keypoint counts as found."""
_BLOCKS, _SAME_COLOR = 16, 3
"""Images are the same if the means of 16 × 16 blocks differ by less than 3 of 255."""
_LEARNED = 0.9
"""Median OKS of the images from which single images that are lost show faults of their labels."""
_GAP = 2
"""Ratio of the losses of validation and training on the same images from which they differ."""
_FEW = 4
"""Epochs, below which the loss shows nothing about the steps."""
_RISING = 0.4
"""Fraction of epochs with a rising loss from which steps are too large."""
_FLAT = 0.02
"""Fall of the loss in the second quarter, relative to that in the first, below which it stopped."""


@dataclass(frozen=True)
class Course:
    """How a training went.

    Attributes:
        history: ``loss``, ``val_loss``, ``val_oks`` and ``learning_rate``, one value per epoch.
        batches, batch_size: number and size of the batches of an epoch.
        augmentation: names of augmentations.
    """

    history: Mapping[str, Sequence[float]]
    batches: int
    batch_size: int
    augmentation: Sequence[str]


def diagnosed(
    model,
    train: Examples,
    validation: Examples,
    course: Course,
    rescaling: tuple[float, float] = RESCALING,
) -> list[str]:
    """Sentences about a training that does not find the keypoints of its own images, on which it is
    validated, too, as in a first test of a few: what is worst, which labels cannot be learned, and
    which settings are the likely cause. Empty for all others.

    Args:
        model: with the best weights.
        train, validation: the examples.
        course: of the training.
        rescaling: scale and offset from pixels to network inputs.
    """
    if max(course.history["val_oks"]) >= BY_HEART or not _same_labels(train, validation):
        return []
    examined = train.first(_EXAMINED)
    poses = predict_examples(model, examined, rescaling)
    found = np.concatenate([pose.keypoints for pose in poses])
    similarity = _similarity(examined, found)
    is_learned = np.nanmedian(_means(similarity, 1)) >= _LEARNED
    labels = label_faults(examined, found if is_learned else None)
    settings = [] if labels and is_learned else setting_faults(course)
    return [_worst(examined, similarity, course), *labels, *settings]


def _same_labels(train: Examples, validation: Examples) -> bool:
    """Whether both are the same examples, by their number and the labels of the first ones."""
    a, b = (np.asarray(each.first(_EXAMINED).keypoints) for each in (train, validation))
    return len(train) == len(validation) and np.array_equal(a, b)


def _similarity(examples: Examples, found: np.ndarray) -> np.ndarray:
    """(N, K) per-keypoint OKS; NaN where not labeled."""
    truth, sigmas = np.asarray(examples.keypoints), examples.layout.sigma_array
    similarity = keypoint_similarity(found, truth[:, :, :2], np.asarray(examples.areas), sigmas)
    return np.where(truth[:, :, 2] > 0, similarity, np.nan)


def _worst(examples: Examples, similarity: np.ndarray, course: Course) -> str:
    """The OKS, the steps that were taken, the worst keypoint and the worst images."""
    epochs = len(course.history["loss"])
    of_images, of_keypoints = _means(similarity, 1), _means(similarity, 0)
    k = int(np.nanargmin(of_keypoints))
    images = [f"{_name(examples, i)} {of_images[i]:.3f}" for i in of_images.argsort()[:_NAMED]]
    return (
        f"THE TRAINING IMAGES ARE NOT LEARNED: their own OKS is {np.nanmean(of_images):.3f} after "
        f"{_steps(course)} steps ({epochs} epochs of {course.batches} batches of "
        f"{course.batch_size}). Worst keypoint: "
        f"{examples.layout.names[k]} {of_keypoints[k]:.3f}; worst images: {', '.join(images)}"
    )


def _means(similarity: np.ndarray, axis: int) -> np.ndarray:
    """Means over what is labeled; NaN where nothing is."""
    count = np.isfinite(similarity).sum(axis=axis)
    return np.where(count > 0, np.nansum(similarity, axis=axis) / np.maximum(count, 1), np.nan)


def _name(examples: Examples, index: int) -> str:
    return examples.names[index] if examples.names else f"training image {index + 1}"


# ---------------------------------------------------------------- labels


def label_faults(examples: Examples, found: np.ndarray | None) -> list[str]:
    """Sentences about labels that no network can learn together, of up to three images each.

    Args:
        examples: N images with their labels.
        found: (N, K, 2) keypoints predicted by a network that learned most of them, or None.
    """
    exchanged = [] if found is None else _exchanged(examples, found)
    return [*exchanged, *_outside(examples), *_contradictory(examples)]


def _exchanged(examples: Examples, found: np.ndarray) -> list[str]:
    """Two keypoints of which each is found where the other is labeled."""
    truth, names = np.asarray(examples.keypoints), examples.layout.names
    lines = []
    for i, (area, labels) in enumerate(zip(np.asarray(examples.areas), truth, strict=True)):
        # (K, K) the similarity of each found keypoint to each label
        each = keypoint_similarity(
            found[i][:, None], labels[:, :2], area, examples.layout.sigma_array
        )
        lost = (labels[:, 2] > 0) & (np.diag(each) < _FOUND)
        crossed = np.where(lost[:, None] & lost, np.minimum(each, each.T), 0)
        a, b = np.unravel_index(crossed.argmax(), crossed.shape)
        if crossed[a, b] >= _FOUND:
            lines.append(
                f"{_name(examples, i)}: {names[a]} and {names[b]} are found where the other is "
                "labeled, as if they were exchanged in its label"
            )
    return lines[:_NAMED]


def _outside(examples: Examples) -> list[str]:
    """Keypoints that are labeled outside the image, where no heatmap has a cell."""
    truth, (height, width) = np.asarray(examples.keypoints), examples.size
    points = truth[:, :, :2]
    inside = ((points >= 0) & (points <= (width, height))).all(axis=2)
    wrong = np.argwhere((truth[:, :, 2] > 0) & ~inside)
    return [
        f"{_name(examples, i)}: {examples.layout.names[k]} is labeled outside the image"
        for i, k in wrong[:_NAMED]
    ]


def _contradictory(examples: Examples) -> list[str]:
    """Pairs of the same image with different labels."""
    size = (_BLOCKS, _BLOCKS)
    blocks = np.stack(
        [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in examples.images[:]]
    ).astype(np.int16)
    truth, areas = np.asarray(examples.keypoints), np.asarray(examples.areas)
    lines = []
    for i in range(len(blocks)):
        alike = np.abs(blocks[i + 1 :] - blocks[i]).max(axis=(1, 2, 3), initial=0) < _SAME_COLOR
        for j in (i + 1 + np.flatnonzero(alike)).tolist():
            both = (truth[i, :, 2] > 0) & (truth[j, :, 2] > 0)
            near = keypoint_similarity(
                truth[i, :, :2], truth[j, :, :2], areas[i], examples.layout.sigma_array
            )
            if (both & (near < _FOUND)).any():
                lines.append(
                    f"{_name(examples, i)} and {_name(examples, j)} are the same image with "
                    "different labels"
                )
    return lines[:_NAMED]


# ---------------------------------------------------------------- settings


def setting_faults(course: Course) -> list[str]:
    """Sentences about settings that are the likely cause, each with what was measured."""
    loss, val_loss = (course.history[name] for name in ("loss", "val_loss"))
    lines = []
    if course.augmentation:
        lines.append(
            f"data_augmentation ({', '.join(course.augmentation)}) changes the images in every "
            "epoch: to learn a few by heart, leave it out"
        )
    elif val_loss[-1] > _GAP * loss[-1]:
        lines.append(
            f"the loss is {loss[-1]:.3g} in training and {val_loss[-1]:.3g} in validation, on the "
            "same images, as with batch normalization whose averages lag or whose batches are "
            f"small, and with dropout: raise training.epochs ({_steps(course)} steps were taken) "
            f"or training.batch_size (it was {course.batch_size})"
        )
    return [*lines, _step_fault(course)]


def _steps(course: Course) -> int:
    return len(course.history["loss"]) * course.batches


def _step_fault(course: Course) -> str:
    """Whether steps were too large, or too small or too few, by the loss of the first half, in
    which the default schedule has its highest learning rates."""
    loss, rate = course.history["loss"], max(course.history["learning_rate"])
    if len(loss) < _FEW:
        return f"{_steps(course)} steps are few: raise training.epochs (it was {len(loss)})"
    quarter, half = len(loss) // 4, len(loss) // 2
    changes = np.diff(loss[:half])
    rises, end = int((changes > 0).sum()), loss[:half][-1]
    lower = f"Lower the learning rate (it was up to {rate:.3g})"
    if rises > _RISING * len(changes):
        return f"the loss rose in {rises} of the first {len(changes)} epochs. {lower}"
    if loss[quarter] - end < _FLAT * (loss[0] - loss[quarter]):
        return (
            f"the loss fell from {loss[0]:.3g} to {loss[quarter]:.3g} in the first {quarter + 1} "
            f"epochs and then no more. {lower}, if labels do not contradict one another"
        )
    return (
        f"the loss fell in {len(changes) - rises} of the first {len(changes)} epochs, from "
        f"{loss[0]:.3g} to {end:.3g}, and was {loss[-1]:.3g} at the end: steps were too small or "
        f"too few. Raise the learning rate (it was up to {rate:.3g}; from scratch, 3e-3 is a good "
        f"start), or training.epochs ({_steps(course)} steps were taken)"
    )
