"""Random numbers for the images of one batch."""

from __future__ import annotations

from collections.abc import Sequence

Factor = float | Sequence[float]
"""A number, or a range (low, high)."""


class Draw:
    """Random numbers for the B images of one batch: new ones at each call, and the same for the
    same seed.

    Args:
        count: B, an integer or a tensor.
        seed: two integers.
        period: an integer that stays the same for as long as what is drawn with ``of_period`` has
            to.
    """

    def __init__(self, count, seed, period=None):
        self.count, self.seed, self.drawn = count, seed, 0
        self.period = seed if period is None else (period, 0)

    def _next_seed(self):
        import tensorflow as tf

        self.drawn += 1
        return tf.random.experimental.stateless_fold_in(self.seed, self.drawn)

    def among(self, count) -> Draw:
        """Random numbers for ``count`` of the images."""
        return Draw(count, self._next_seed(), None if self.period is self.seed else self.period[0])

    def between(self, value: Factor):
        """(B,) float32: from low to high of a range; a number is itself."""
        import tensorflow as tf

        low, high = (value, value) if isinstance(value, (int, float)) else value
        return tf.random.stateless_uniform(
            (self.count,), self._next_seed(), float(low), float(high)
        )

    def around(self, factor: Factor):
        """(B,) float32: from -f to f for a number f, from low to high of a range."""
        return self.between((-factor, factor) if isinstance(factor, (int, float)) else factor)

    def whole(self, value: int | Sequence[int]):
        """(B,) int32: from low to high of a range, both included; a number is itself."""
        import tensorflow as tf

        low, high = (value, value) if isinstance(value, (int, float)) else value
        return tf.random.stateless_uniform(
            (self.count,), self._next_seed(), int(low), int(high) + 1, tf.int32
        )

    def happens(self, rate: float):
        """(B,) bool: true for a share ``rate`` of the images."""
        return self.between((0, 1)) < rate

    def colors(self):
        """(B, 3) float32: whole numbers from 0 to 255."""
        import tensorflow as tf

        return tf.floor(tf.random.stateless_uniform((self.count, 3), self._next_seed(), 0, 256))

    def normal(self, shape):
        """float32 of that shape, of mean 0 and standard deviation 1."""
        import tensorflow as tf

        return tf.random.stateless_normal(shape, self._next_seed())

    def constant(self, value: float):
        """(B,) float32, all the same."""
        import tensorflow as tf

        return tf.fill((self.count,), float(value))

    def of_period(self, count: int, rate: float):
        """int32: one of 0 to count - 1 for the whole batch and as long as the period lasts, or, for
        the share 1 - rate of them, -1."""
        import tensorflow as tf

        seeds = tf.random.experimental.stateless_split(tf.cast(self.period, tf.int64), 2)
        index = tf.random.stateless_uniform((), seeds[0], 0, count, tf.int32)
        return tf.where(tf.random.stateless_uniform((), seeds[1]) < rate, index, -1)
