"""From a dataset to batches: images are read and fitted once and kept in memory, then shuffled and augmented for every epoch."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..datasets.dataset import Dataset, Sample
from ..errors import PoseError
from ..images import fit_to, read_image, to_color_mode
from ..keypoints import KeypointLayout
from ..networks import load_tensorflow
from ..poses import AREA_OF_BOX
from .augmentation import make_augment, resizing_period

RESCALING = (1 / 127.5, -1.0)
"""Scale and offset that take pixels 0 to 255 to the networks' -1 to 1."""


@dataclass(frozen=True)
class Examples:
    """N images fitted to a network's input, with one person each; coordinates in pixels of the input, pixel centers at +0.5.

    Attributes:
        images: (N, H, W, 3) uint8 RGB.
        keypoints: (N, K, 3) float32 x, y and visibility.
        areas: (N,) float32, square pixels: 0.53 of the box.
        layout: of the K keypoints.
    """

    images: np.ndarray
    keypoints: np.ndarray
    areas: np.ndarray
    layout: KeypointLayout

    def __len__(self) -> int:
        return len(self.images)

    def first(self, count: int) -> Examples:
        """The first of them."""
        return Examples(self.images[:count], self.keypoints[:count], self.areas[:count], self.layout)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        return self.images.shape[1:3]


def load_examples(
    dataset: Dataset, size: tuple[int, int], aspect_ratio: str = "fit", interpolation: str = "bilinear", color_mode: str = "rgb"
) -> Examples:
    """Reads the images of a dataset, on all cores, with the largest person of each. Images without a labeled person are left out.

    Args:
        dataset: images and people.
        size: height and width of the network's input.
        aspect_ratio, interpolation: how images are fitted, as in ``images.fit_to``.
        color_mode: the order of channels, as in ``images.to_color_mode``.

    Raises:
        PoseError: if no image has a labeled person, or an image cannot be read.
    """
    chosen = [(sample, person) for sample in dataset if (person := _largest_person(sample)) is not None]
    if not chosen:
        raise PoseError(
            f"{dataset.source}: none of its {len(dataset)} images has a person with a labeled keypoint; there is nothing to train on"
        )
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        fitted = list(pool.map(lambda pair: _fitted(*pair, size, aspect_ratio, interpolation, color_mode), chosen))
    images, keypoints, areas = zip(*fitted)
    return Examples(np.stack(images), np.stack(keypoints), np.array(areas, np.float32), dataset.layout)


def _largest_person(sample: Sample) -> int | None:
    """The index of the largest person with a labeled keypoint, crowds aside."""
    usable = ~sample.crowd & (sample.keypoints[:, :, 2] > 0).any(axis=1)
    return int(np.where(usable, sample.areas, -1).argmax()) if usable.any() else None


def _fitted(sample: Sample, person: int, size: tuple[int, int], aspect_ratio: str, interpolation: str, color_mode: str):
    """The image (H, W, 3) uint8, the person's keypoints (K, 3) and area, in pixels of the input."""
    image, transform = fit_to(to_color_mode(read_image(sample.path), color_mode), size, aspect_ratio, interpolation)
    keypoints = sample.keypoints[person].astype(np.float32)
    keypoints[:, :2] = transform.to_input(keypoints[:, :2])
    corners = transform.to_input(sample.boxes[person].reshape(2, 2))
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), keypoints, AREA_OF_BOX * float(np.prod(corners[1] - corners[0]))


def training_batches(
    examples: Examples,
    batch_size: int,
    augmentation: Mapping[str, Mapping] | None = None,
    seed: int = 0,
    rescaling: tuple[float, float] = RESCALING,
    custom_augmentation: Callable | None = None,
):
    """The batches of one epoch, shuffled and augmented anew each time they are read.

    Args:
        examples: what to draw from.
        batch_size: B; at most as many as there are examples. What does not fill a batch waits for another epoch.
        augmentation: ``{name: arguments}``, see ``augmentation``; None for none.
        seed: the same seed gives the same batches.
        rescaling: scale and offset of pixels.
        custom_augmentation: a function of images 0 to 255 and keypoints that gives them back changed, after ``augmentation``.

    Returns:
        tf.data.Dataset of (B, H, W, 3) float32 images and (B, K, 3) float32 keypoints. With ``random_periodic_resizing`` H and W are
        drawn for each ``period`` batches, and at the start of each epoch.
    """
    tf = load_tensorflow()

    batch_size = min(batch_size, len(examples))
    augment = make_augment(augmentation or {}, examples.layout)
    images, keypoints = tf.constant(examples.images), tf.constant(examples.keypoints, tf.float32)

    def batch(indices, numbers, period):
        pixels, points = augment(tf.cast(tf.gather(images, indices), tf.float32), tf.gather(keypoints, indices), numbers, period=period)
        if custom_augmentation:
            pixels, points = custom_augmentation(pixels, points)
        return pixels * rescaling[0] + rescaling[1], points

    order = tf.data.Dataset.range(len(examples)).shuffle(len(examples), seed=seed).batch(batch_size, drop_remainder=True)
    numbers = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2, drop_remainder=True)
    periods = _repeated(tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True), resizing_period(augmentation))
    return tf.data.Dataset.zip(order, numbers, periods).map(batch, num_parallel_calls=1).prefetch(2)


def _repeated(numbers, count: int):
    """An endless tf.data.Dataset of numbers, each of them ``count`` times."""
    tf = load_tensorflow()

    repeated = numbers.flat_map(lambda number: tf.data.Dataset.from_tensors(number).repeat(count))
    return repeated.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))


def rescaled(images: np.ndarray, rescaling: tuple[float, float] = RESCALING) -> np.ndarray:
    """(N, H, W, 3) uint8 pixels -> float32 as the network takes them."""
    return images.astype(np.float32) * np.float32(rescaling[0]) + np.float32(rescaling[1])
