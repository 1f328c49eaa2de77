"""Training batches: shuffled and augmented for each epoch, prepared ahead in background threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..executors import ahead
from ..models.networks.keras_files import load_tensorflow
from .examples import Examples
from .hosts import Share

RESCALING = (1 / 127.5, -1.0)
"""Scale and offset from pixels 0…255 to the networks' -1…1."""
_AHEAD = 3
"""Number of batches that are prepared ahead of the one in training."""


class Batches:
    """An iterable of the batches of one epoch, or of a host's part of each; each iteration is the
    next epoch.

    Attributes:
        epoch: the epoch of the next iteration, from 0; with the seed it determines the batches.
        batch_size: B, of all hosts.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        make: Callable,
        seed: int,
        period: int,
        threads: int,
        part: slice = slice(None),
    ):
        self.examples, self.batch_size, self.seed, self.period = examples, batch_size, seed, period
        self._make, self._threads, self._part, self.epoch = make, threads, part, 0

    def __len__(self) -> int:
        return len(self.examples) // self.batch_size

    def __iter__(self) -> Iterator[tuple]:
        draws = self._draws()
        self.epoch += 1
        return _ahead(self._batch, draws, self._threads)

    def _draws(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """For each batch the indices of its examples, the seed of its augmentation, and the number
        of its resizing period."""
        random = np.random.default_rng([self.seed % 2**64, self.epoch])
        order = self.examples.shuffled(random)[: len(self) * self.batch_size]
        seeds = random.integers(2**31, size=(len(self), 2))
        periods = np.repeat(random.integers(2**31, size=-(-len(self) // self.period)), self.period)
        return zip(order.reshape(-1, self.batch_size), seeds, periods)

    def _batch(self, draw: tuple[np.ndarray, np.ndarray, np.ndarray]) -> tuple:
        rows, seed, period = draw
        rows = rows[self._part]
        return self._make(self.examples.images[rows], self.examples.keypoints[rows], seed, period)


def training_batches(
    examples: Examples,
    batch_size: int,
    augmentation: Mapping[str, Mapping] | None = None,
    seed: int = 0,
    rescaling: tuple[float, float] = RESCALING,
    custom_augmentation: Callable | None = None,
    share: Share = Share(),
) -> Batches:
    """The batches of one epoch, shuffled and augmented anew in each iteration.

    Args:
        examples: the training examples.
        batch_size: B, at most the number of examples, of all hosts. An incomplete last batch is
            dropped.
        augmentation: ``{name: arguments}``, see ``augmentation``; None for none.
        seed: the same seed gives the same batches.
        rescaling: scale and offset of pixels.
        custom_augmentation: a function of images 0…255 and keypoints that returns both augmented,
            applied after ``augmentation``, on several hosts to the part of each.
        share: of this host, which prepares its part of each batch alone, as it would be in the
            whole batch.

    Returns:
        An iterable of (B, H, W, 3) float32 images and (B, K, 3) float32 keypoints, TensorFlow
        tensors, or of this host's rows of them. With ``random_periodic_resizing`` H and W change
        every ``period`` batches and at the start of each epoch.

    Raises:
        PoseError: if several hosts cannot share a batch equally.
    """
    tf = load_tensorflow()
    from .augmentation import make_augment, resizing_period

    augment = make_augment(augmentation or {}, examples.layout)
    batch_size = min(batch_size, len(examples))
    part = share.of_batch(batch_size)

    @tf.function(autograph=custom_augmentation is not None)
    def make(images, keypoints, seed, period):
        pixels, points = augment(
            tf.cast(images, tf.float32), keypoints, seed, period, (part.start, batch_size)
        )
        if custom_augmentation:
            pixels, points = custom_augmentation(pixels, points)
        return pixels * rescaling[0] + rescaling[1], points

    def on_cpu(*arrays):
        with tf.device("CPU"):  # a GPU is left to the network
            return make(*map(tf.convert_to_tensor, arrays))

    # A custom augmentation may draw random numbers of its own, whose order matters.
    threads = 1 if custom_augmentation else max(1, (os.cpu_count() or 1) // 2)
    period = resizing_period(augmentation)
    return Batches(examples, batch_size, on_cpu, seed, period, threads, part)


def _ahead(make: Callable, draws: Iterable, threads: int) -> Iterator:
    """Yields ``make(draw)`` for each draw, in order, computed ahead in threads."""
    with ThreadPoolExecutor(threads) as pool:
        for _, future in ahead(pool.submit, make, draws, _AHEAD + 1):
            yield future.result()


def rescaled(images: np.ndarray, rescaling: tuple[float, float] = RESCALING) -> np.ndarray:
    """(N, H, W, 3) uint8 pixels -> float32 network inputs."""
    return images.astype(np.float32) * np.float32(rescaling[0]) + np.float32(rescaling[1])
