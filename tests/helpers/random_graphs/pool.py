"""The values of a network under construction, and how the next operator chooses among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import numpy as np

from .description import Constant, Value

SCALES = (0.5, 0.25, 1 / 32, 6 / 255, 0.1, 0.02)
"""Ratios of some are powers of two or whole, so that results lie halfway between two steps."""


@dataclass
class Pool:
    """Values by name, in order. They share a few quantizations, so that they can be joined."""

    dice: Random
    values: dict[str, Value] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    quantizations: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self):
        self.quantizations = [self._quantization() for _ in range(self.dice.choice((1, 2, 3)))]

    def _quantization(self) -> tuple[float, int]:
        scale = self.dice.choice(
            (*SCALES, self.dice.uniform(0.01, 0.3), 2 ** self.dice.uniform(-9, 2))
        )
        return scale, self.dice.choice(
            (0, -128, 127, *(self.dice.randrange(-128, 128) for _ in range(3)))
        )

    def quantization(self) -> list:
        """One of the network's, or a new one: [scale, zero point]."""
        return list(
            self.dice.choice(self.quantizations)
            if self.dice.random() < 0.8
            else self._quantization()
        )

    def pick(self, fits: Callable[[Value], bool] = lambda value: True) -> str | None:
        """A value, more likely a new one, and more likely one that nobody has read."""
        names = [name for name, value in self.values.items() if fits(value)]
        if not names:
            return None
        count = len(self.values)
        weights = [
            (3 if name not in self.read else 1) * (1 + 4 * place / count)
            for place, name in enumerate(names)
        ]
        return self.dice.choices(names, weights)[0]

    def int8(self, fits: Callable[[Value], bool] = lambda value: True) -> str | None:
        """An int8 value."""
        return self.pick(lambda value: value.dtype == "INT8" and fits(value))

    def image(self) -> str | None:
        """An int8 value of shape (1, H, W, C)."""
        return self.int8(lambda value: len(value.shape) == 4 and value.shape[0] == 1)

    def alike(self, name: str, most: int) -> list[str]:
        """Values of the same type, shape and quantization; one may come more than once."""
        return [
            self.pick(lambda value: value == self.values[name])
            for _ in range(self.dice.randrange(1, most + 1))
        ]


Proposal = tuple[tuple[str, ...], dict]
Proposer = Callable[[Pool], Proposal | None]


@dataclass(frozen=True)
class Family:
    """A kind of operator: how one is proposed, how it is written, and how often it comes."""

    propose: Proposer
    build: Callable
    weight: float
    results: Callable[[dict], int] = lambda parameters: 1


def ints(*values: int) -> Constant:
    """A constant vector."""
    return Constant(np.array(values, np.int32))


def small(pool: Pool) -> str | None:
    """Any value of one to four dimensions, of any type."""
    return pool.pick(lambda value: 1 <= len(value.shape) <= 4)
