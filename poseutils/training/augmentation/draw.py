"""Random numbers for the images of one batch."""

from __future__ import annotations

from collections.abc import Sequence

from ...models.keras_files import load_tensorflow

tf = load_tensorflow()

Factor = float | Sequence[float]
"""A number, or a range (low, high)."""


class Draw:
    """Stateless random numbers for the B images of a batch; each call draws new ones, the same for
    the same seed.

    Args:
        count: B, an integer or a tensor.
        seed: two integers.
        period: the seed of :meth:`of_period`, an integer (default: ``seed``).
    """

    def __init__(self, count, seed, period=None):
        self.count, self.seed, self.drawn = count, seed, 0
        self.period = seed if period is None else (period, 0)

    def _next_seed(self):
        self.drawn += 1
        return tf.random.experimental.stateless_fold_in(self.seed, self.drawn)

    def among(self, count) -> Draw:
        """Random numbers for a subset of ``count`` images."""
        return Draw(count, self._next_seed(), None if self.period is self.seed else self.period[0])

    def between(self, value: Factor):
        """(B,) float32, uniform in a range; a number is constant."""
        low, high = (value, value) if isinstance(value, (int, float)) else value
        return tf.random.stateless_uniform(
            (self.count,), self._next_seed(), float(low), float(high)
        )

    def around(self, factor: Factor):
        """(B,) float32, uniform from -f to f for a number f, or in a range."""
        return self.between((-factor, factor) if isinstance(factor, (int, float)) else factor)

    def whole(self, value: int | Sequence[int]):
        """(B,) int32, uniform in a range, both ends included; a number is constant."""
        low, high = (value, value) if isinstance(value, (int, float)) else value
        return tf.random.stateless_uniform(
            (self.count,), self._next_seed(), int(low), int(high) + 1, tf.int32
        )

    def happens(self, rate: float):
        """(B,) bool, True with probability ``rate``."""
        return self.between((0, 1)) < rate

    def colors(self):
        """(B, 3) float32, whole numbers 0…255."""
        return tf.floor(tf.random.stateless_uniform((self.count, 3), self._next_seed(), 0, 256))

    def normal(self, shape):
        """float32 of that shape, standard normal."""
        return tf.random.stateless_normal(shape, self._next_seed())

    def constant(self, value: float):
        """(B,) float32, constant."""
        return tf.fill((self.count,), float(value))

    def of_period(self, count: int, rate: float):
        """int32 scalar from 0 to count - 1 for the whole period, or -1 with probability
        1 - rate."""
        seeds = tf.random.experimental.stateless_split(tf.cast(self.period, tf.int64), 2)
        index = tf.random.stateless_uniform((), seeds[0], 0, count, tf.int32)
        return tf.where(tf.random.stateless_uniform((), seeds[1]) < rate, index, -1)
