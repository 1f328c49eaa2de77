"""Random choice."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def pick(rng: np.random.Generator, items: Sequence[T], weights: Sequence[float] | None = None) -> T:
    """A random item, with the given weights; ten times as fast as NumPy's ``choice`` for few
    items."""
    if weights is None:
        return items[int(rng.random() * len(items))]
    sums = list(itertools.accumulate(weights))
    return items[min(bisect.bisect(sums, rng.random() * sums[-1]), len(items) - 1)]
