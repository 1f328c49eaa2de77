"""Learning rate schedules: functions from the epoch, from 0, to the learning rate.

The nine schedules are those of ST's model zoo, with its arguments, and equal to them in every
epoch: most of them leave the hold phase one epoch before its nominal end.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence

from ..config.arithmetic import Expression

Schedule = Callable[[int, float], float]
"""(epoch from 0, previous learning rate) -> learning rate."""


def linear_decay(
    epoch: int, initial_lr: float, hold_steps: int, decay_steps: int, end_lr: float
) -> float:
    """Constant, then linear decay to ``end_lr``."""
    if epoch < hold_steps - 1:
        return initial_lr
    if epoch >= hold_steps + decay_steps:
        return end_lr
    return initial_lr + (end_lr - initial_lr) * (epoch - hold_steps + 1) / decay_steps


def exponential_decay(
    epoch: int, initial_lr: float, hold_steps: int, decay_rate: float, min_lr: float = 0.0
) -> float:
    """Constant, then decay by the factor ``exp(-decay_rate)`` per epoch, not below ``min_lr``."""
    if epoch < hold_steps - 1:
        return initial_lr
    return max(min_lr, initial_lr * math.exp(-decay_rate * (epoch - hold_steps + 1)))


def step_decay(
    epoch: int, initial_lr: float, step_size: int, decay_rate: float, min_lr: float = 0.0
) -> float:
    """Decay by the factor ``decay_rate`` every ``step_size`` epochs, not below ``min_lr``."""
    return max(min_lr, initial_lr * decay_rate ** ((epoch + 1) // step_size))


def cosine_decay(
    epoch: int, initial_lr: float, hold_steps: int, decay_steps: int, end_lr: float
) -> float:
    """Constant, then cosine decay to ``end_lr``."""
    if epoch < hold_steps:
        return initial_lr
    return _cosine(initial_lr, end_lr, min(1.0, (epoch - hold_steps + 1) / decay_steps))


def warmup_cosine_decay(
    epoch: int,
    initial_lr: float,
    warmup_steps: int,
    max_lr: float,
    hold_steps: int,
    decay_steps: int,
    end_lr: float,
) -> float:
    """Linear warm-up to ``max_lr``, constant, then cosine decay to ``end_lr``."""
    if epoch < warmup_steps - 1:
        return initial_lr + (max_lr - initial_lr) * epoch / warmup_steps
    if epoch < warmup_steps + hold_steps:
        return max_lr
    return _cosine(max_lr, end_lr, min(1.0, (epoch - warmup_steps - hold_steps) / decay_steps))


def cosine_decay_restarts(
    epoch: int,
    initial_lr: float,
    first_decay_steps: int,
    end_lr: float,
    t_mul: float = 2.0,
    m_mul: float = 1.0,
) -> float:
    """Cosine decay to ``end_lr`` with warm restarts (Loshchilov and Hutter, 2017).

    Each period is ``t_mul`` times as long as the previous one, and its amplitude ``m_mul`` times as
    large.
    """
    start, length, height = 0.0, float(first_decay_steps), 1.0
    while epoch >= start + length:
        start, length, height = start + length, length * t_mul, height * m_mul
    wave = (1 + math.cos(math.pi * (epoch - start) / length)) / 2
    return end_lr + (initial_lr - end_lr) * height * wave


def polynomial_decay(
    epoch: int,
    initial_lr: float,
    hold_steps: int,
    decay_steps: int,
    end_lr: float,
    power: float = 0.5,
) -> float:
    """Constant, then polynomial decay to ``end_lr``."""
    left = 1 - min(epoch - hold_steps + 1, decay_steps) / decay_steps
    return initial_lr if epoch < hold_steps - 1 else end_lr + (initial_lr - end_lr) * left**power


def polynomial_decay_restarts(
    epoch: int,
    initial_lr: float,
    hold_steps: int,
    decay_steps: int,
    end_lr: float,
    power: float = 0.7,
) -> float:
    """As :func:`polynomial_decay`, with restarts: the decay is extended to twice, three times…
    ``decay_steps``."""
    since = epoch - hold_steps + 1
    if since <= 0:
        return initial_lr
    whole = decay_steps * math.ceil(since / decay_steps)
    return end_lr + (initial_lr - end_lr) * (1 - since / whole) ** power


def piecewise_constant_decay(
    epoch: int, boundaries: Sequence[int], values: Sequence[float]
) -> float:
    """``values[0]`` before the first boundary, ``values[1]`` from there to the second…"""
    return values[bisect_right(boundaries, epoch)]


def _cosine(high: float, low: float, done: float) -> float:
    return low + (high - low) * (1 + math.cos(math.pi * done)) / 2


SCHEDULES: dict[str, Callable[..., float]] = {
    "LRLinearDecay": linear_decay,
    "LRExponentialDecay": exponential_decay,
    "LRStepDecay": step_decay,
    "LRCosineDecay": cosine_decay,
    "LRWarmupCosineDecay": warmup_cosine_decay,
    "LRCosineDecayRestarts": cosine_decay_restarts,
    "LRPolynomialDecay": polynomial_decay,
    "LRPolynomialDecayRestarts": polynomial_decay_restarts,
    "LRPiecewiseConstantDecay": piecewise_constant_decay,
}


def make_schedule(name: str, arguments: Mapping) -> Schedule:
    """The schedule of an item of ``callbacks`` in user_config.yaml.

    Args:
        name: one of ``SCHEDULES``, or ``LearningRateScheduler``, whose ``schedule`` is an
            expression in ``epoch`` and ``lr``.
        arguments: by name, as a configuration allows them; ``verbose`` is not used.
    """
    if name == "LearningRateScheduler":
        expression = Expression(arguments["schedule"], ("epoch", "lr"))
        return lambda epoch, lr: expression(epoch=epoch, lr=lr)
    given = {key: value for key, value in arguments.items() if key != "verbose"}
    return lambda epoch, lr: SCHEDULES[name](epoch, **given)
