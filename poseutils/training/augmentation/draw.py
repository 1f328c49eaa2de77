"""Random numbers for the images of one batch."""

from __future__ import annotations

from collections.abc import Sequence

from ...models.networks.keras_files import load_tensorflow

tf = load_tensorflow()

Factor = float | Sequence[float]
"""A number, or a range (low, high)."""


class Draw:
    """Stateless random numbers for B images: a batch, or a part of one, which gets the same numbers
    as in the batch. Each call draws new ones, the same for the same seed.

    Args:
        count: B, an integer or a tensor.
        seed: two integers.
        period: the seed of :meth:`of_period`, an integer (default: ``seed``).
        part: the position of the images in the batch, and the size of the batch; integers or
            tensors (default: they are the batch).
    """

    def __init__(self, count, seed, period=None, part=None):
        self.count, self.seed, self.drawn = count, seed, 0
        self.period = seed if period is None else (period, 0)
        self.start, self.batch = part or (0, count)

    def _next_seed(self):
        self.drawn += 1
        return tf.random.experimental.stateless_fold_in(self.seed, self.drawn)

    def _own(self, values):
        """Of values of the whole batch those of these images."""
        return values[self.start : self.start + self.count]

    def _uniform(self, shape, low, high, dtype=tf.float32):
        return tf.random.stateless_uniform(
            (self.batch, *shape), self._next_seed(), low, high, dtype
        )

    def some(self, rate: float):
        """The indices (n, 1) of images that are chosen with probability ``rate``, and the random
        numbers for them."""
        chosen = self._uniform((), 0.0, 1.0) < rate
        indices = tf.where(self._own(chosen))
        part = [tf.math.count_nonzero(c, dtype=tf.int32) for c in (chosen[: self.start], chosen)]
        period = None if self.period is self.seed else self.period[0]
        return indices, Draw(tf.size(indices), self._next_seed(), period, part)

    def between(self, value: Factor):
        """(B,) float32, uniform in a range; a number is constant."""
        return self._own(self._between(value))

    def common(self, value: Factor):
        """(B,) float32, one number for the whole batch, uniform in a range."""
        return tf.repeat(self._between(value)[:1], self.count)

    def _between(self, value: Factor):
        low, high = (value, value) if isinstance(value, (int, float)) else value
        return self._uniform((), float(low), float(high))

    def around(self, factor: Factor):
        """(B,) float32, uniform from -f to f for a number f, or in a range."""
        return self.between((-factor, factor) if isinstance(factor, (int, float)) else factor)

    def whole(self, value: int | Sequence[int]):
        """(B,) int32, uniform in a range, both ends included; a number is constant."""
        low, high = (value, value) if isinstance(value, (int, float)) else value
        return self._own(self._uniform((), int(low), int(high) + 1, tf.int32))

    def happens(self, rate: float):
        """(B,) bool, True with probability ``rate``."""
        return self.between((0, 1)) < rate

    def colors(self):
        """(B, 3) float32, whole numbers 0…255."""
        return tf.floor(self._own(self._uniform((3,), 0, 256)))

    def normal(self, shape):
        """float32 (B, ...) of that shape, standard normal."""
        whole = tf.concat([[self.batch], shape[1:]], axis=0)
        return self._own(tf.random.stateless_normal(whole, self._next_seed()))

    def constant(self, value: float):
        """(B,) float32, constant."""
        return tf.fill((self.count,), float(value))

    def of_period(self, count: int, rate: float):
        """int32 scalar from 0 to count - 1 for the whole period, or -1 with probability
        1 - rate."""
        seeds = tf.random.experimental.stateless_split(tf.cast(self.period, tf.int64), 2)
        index = tf.random.stateless_uniform((), seeds[0], 0, count, tf.int32)
        return tf.where(tf.random.stateless_uniform((), seeds[1]) < rate, index, -1)
