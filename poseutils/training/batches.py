"""From examples to batches: shuffled and augmented for every epoch, made on other threads while the
network trains."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..models.network import load_tensorflow
from .augmentation import make_augment, resizing_period
from .examples import Examples, load_examples

__all__ = ["RESCALING", "Batches", "Examples", "load_examples", "rescaled", "training_batches"]

RESCALING = (1 / 127.5, -1.0)
"""Scale and offset that take pixels 0 to 255 to the networks' -1 to 1."""
_AHEAD = 3
"""Batches that wait, or are being made, while one is trained on."""


class Batches:
    """The batches of one epoch after the other: each time they are read, those of the next.

    Attributes:
        epoch: the epoch, counted from 0, whose batches are read next; it and the seed alone decide
            what they are.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        make: Callable,
        seed: int,
        period: int,
        threads: int,
    ):
        self.examples, self.batch_size, self.seed, self.period = examples, batch_size, seed, period
        self._make, self._threads, self.epoch = make, threads, 0

    def __len__(self) -> int:
        return len(self.examples) // self.batch_size

    def __iter__(self) -> Iterator[tuple]:
        draws = self._draws()
        self.epoch += 1
        return _ahead(self._batch, draws, self._threads)

    def _draws(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """What decides each batch: which examples, the seed of their augmentation, and the number
        of its period."""
        random = np.random.default_rng([self.seed % 2**64, self.epoch])
        order = random.permutation(len(self.examples))[: len(self) * self.batch_size].reshape(
            -1, self.batch_size
        )
        seeds = random.integers(2**31, size=(len(self), 2))
        periods = np.repeat(random.integers(2**31, size=-(-len(self) // self.period)), self.period)
        return zip(order, seeds, periods)

    def _batch(self, draw: tuple[np.ndarray, np.ndarray, np.ndarray]) -> tuple:
        rows, seed, period = draw
        return self._make(self.examples.images[rows], self.examples.keypoints[rows], seed, period)


def training_batches(
    examples: Examples,
    batch_size: int,
    augmentation: Mapping[str, Mapping] | None = None,
    seed: int = 0,
    rescaling: tuple[float, float] = RESCALING,
    custom_augmentation: Callable | None = None,
) -> Batches:
    """The batches of one epoch, shuffled and augmented anew each time they are read.

    Args:
        examples: what to draw from.
        batch_size: B; at most as many as there are examples. What does not fill a batch waits for
            another epoch.
        augmentation: ``{name: arguments}``, see ``augmentation``; None for none.
        seed: the same seed gives the same batches.
        rescaling: scale and offset of pixels.
        custom_augmentation: a function of images 0 to 255 and keypoints that gives them back
            changed, after ``augmentation``.

    Returns:
        An iterable of (B, H, W, 3) float32 images and (B, K, 3) float32 keypoints, TensorFlow
        tensors. With ``random_periodic_resizing`` H and W are drawn for each ``period`` batches,
        and at the start of each epoch.
    """
    tf = load_tensorflow()

    augment = make_augment(augmentation or {}, examples.layout)

    @tf.function(autograph=custom_augmentation is not None)
    def make(images, keypoints, seed, period):
        pixels, points = augment(tf.cast(images, tf.float32), keypoints, seed, period=period)
        if custom_augmentation:
            pixels, points = custom_augmentation(pixels, points)
        return pixels * rescaling[0] + rescaling[1], points

    def on_processor(*arrays):
        with tf.device("CPU"):  # where they are read; the other device has the network
            return make(*map(tf.convert_to_tensor, arrays))

    # Which may draw numbers of its own, in order
    threads = max(1, (os.cpu_count() or 1) // 2) if custom_augmentation is None else 1
    return Batches(
        examples,
        min(batch_size, len(examples)),
        on_processor,
        seed,
        resizing_period(augmentation),
        threads,
    )


def _ahead(make: Callable, draws: Iterable, threads: int) -> Iterator:
    """What ``make`` gives for each draw, in order, made ahead of time on threads."""
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque()
        try:
            for draw in draws:
                waiting.append(pool.submit(make, draw))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def rescaled(images: np.ndarray, rescaling: tuple[float, float] = RESCALING) -> np.ndarray:
    """(N, H, W, 3) uint8 pixels -> float32 as the network takes them."""
    return images.astype(np.float32) * np.float32(rescaling[0]) + np.float32(rescaling[1])
