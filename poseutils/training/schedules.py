"""Learning rate schedules: functions from the epoch, from 0, to the learning rate.

The nine schedules are those of ST's model zoo, with its arguments, and equal to them in every
epoch: most of them leave the hold phase one epoch before its nominal end.
"""

from __future__ import annotations

import inspect
import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence

from ..config.arithmetic import Expression
from ..errors import PoseError

Schedule = Callable[[int, float], float]
"""(epoch from 0, previous learning rate) -> learning rate."""


def linear_decay(
    initial_lr: float, hold_steps: int, decay_steps: int, end_lr: float
) -> Callable[[int], float]:
    """Constant, then linear decay to ``end_lr``."""

    def rate(epoch: int) -> float:
        if epoch < hold_steps - 1:
            return initial_lr
        if epoch >= hold_steps + decay_steps:
            return end_lr
        return initial_lr + (end_lr - initial_lr) * (epoch - hold_steps + 1) / decay_steps

    return rate


def exponential_decay(
    initial_lr: float, hold_steps: int, decay_rate: float, min_lr: float = 0.0
) -> Callable[[int], float]:
    """Constant, then decay by the factor ``exp(-decay_rate)`` per epoch, not below ``min_lr``."""

    def rate(epoch: int) -> float:
        if epoch < hold_steps - 1:
            return initial_lr
        return max(min_lr, initial_lr * math.exp(-decay_rate * (epoch - hold_steps + 1)))

    return rate


def step_decay(
    initial_lr: float, step_size: int, decay_rate: float, min_lr: float = 0.0
) -> Callable[[int], float]:
    """Decay by the factor ``decay_rate`` every ``step_size`` epochs, not below ``min_lr``."""
    return lambda epoch: max(min_lr, initial_lr * decay_rate ** ((epoch + 1) // step_size))


def cosine_decay(
    initial_lr: float, hold_steps: int, decay_steps: int, end_lr: float
) -> Callable[[int], float]:
    """Constant, then cosine decay to ``end_lr``."""

    def rate(epoch: int) -> float:
        if epoch < hold_steps:
            return initial_lr
        return _cosine(initial_lr, end_lr, min(1.0, (epoch - hold_steps + 1) / decay_steps))

    return rate


def warmup_cosine_decay(
    initial_lr: float,
    warmup_steps: int,
    max_lr: float,
    hold_steps: int,
    decay_steps: int,
    end_lr: float,
) -> Callable[[int], float]:
    """Linear warm-up to ``max_lr``, constant, then cosine decay to ``end_lr``."""

    def rate(epoch: int) -> float:
        if epoch < warmup_steps - 1:
            return initial_lr + (max_lr - initial_lr) * epoch / warmup_steps
        if epoch < warmup_steps + hold_steps:
            return max_lr
        return _cosine(max_lr, end_lr, min(1.0, (epoch - warmup_steps - hold_steps) / decay_steps))

    return rate


def cosine_decay_restarts(
    initial_lr: float, first_decay_steps: int, end_lr: float, t_mul: float = 2.0, m_mul: float = 1.0
) -> Callable[[int], float]:
    """Cosine decay to ``end_lr`` with warm restarts (Loshchilov and Hutter, 2017).

    Each period is ``t_mul`` times as long as the previous one, and its amplitude ``m_mul`` times as
    large.
    """

    def rate(epoch: int) -> float:
        start, length, height = 0.0, float(first_decay_steps), 1.0
        while epoch >= start + length:
            start, length, height = start + length, length * t_mul, height * m_mul
        return (
            end_lr
            + (initial_lr - end_lr)
            * height
            * (1 + math.cos(math.pi * (epoch - start) / length))
            / 2
        )

    return rate


def polynomial_decay(
    initial_lr: float, hold_steps: int, decay_steps: int, end_lr: float, power: float = 0.5
) -> Callable[[int], float]:
    """Constant, then polynomial decay to ``end_lr``."""

    def rate(epoch: int) -> float:
        left = 1 - min(epoch - hold_steps + 1, decay_steps) / decay_steps
        return (
            initial_lr if epoch < hold_steps - 1 else end_lr + (initial_lr - end_lr) * left**power
        )

    return rate


def polynomial_decay_restarts(
    initial_lr: float, hold_steps: int, decay_steps: int, end_lr: float, power: float = 0.7
) -> Callable[[int], float]:
    """As :func:`polynomial_decay`, with restarts: the decay is extended to twice, three times…
    ``decay_steps``."""

    def rate(epoch: int) -> float:
        since = epoch - hold_steps + 1
        if since <= 0:
            return initial_lr
        whole = decay_steps * math.ceil(since / decay_steps)
        return end_lr + (initial_lr - end_lr) * (1 - since / whole) ** power

    return rate


def piecewise_constant_decay(
    boundaries: Sequence[int], values: Sequence[float]
) -> Callable[[int], float]:
    """``values[0]`` before the first boundary, ``values[1]`` from there to the second…"""
    return lambda epoch: values[bisect_right(boundaries, epoch)]


def _cosine(high: float, low: float, done: float) -> float:
    return low + (high - low) * (1 + math.cos(math.pi * done)) / 2


SCHEDULES: dict[str, Callable[..., Callable[[int], float]]] = {
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


def is_schedule(name: str) -> bool:
    """Whether a callback of that name is a learning rate schedule."""
    return name in SCHEDULES or name == "LearningRateScheduler"


def make_schedule(name: str, arguments: Mapping) -> Schedule:
    """The schedule of an item of ``callbacks`` in user_config.yaml.

    Args:
        name: one of ``SCHEDULES``, or ``LearningRateScheduler``, whose ``schedule`` is an
            expression in ``epoch`` and ``lr``.
        arguments: by name; ``verbose`` is not used.

    Raises:
        PoseError: if an argument is missing, unknown or invalid.
    """
    given = {key: value for key, value in arguments.items() if key != "verbose"}
    try:
        if name == "LearningRateScheduler":
            expression = Expression(given.get("schedule", ""), ("epoch", "lr"))
            return lambda epoch, lr: expression(epoch=epoch, lr=lr)
        schedule = SCHEDULES[name](**given)
        schedule(0)
    except (TypeError, ValueError, ArithmeticError, IndexError) as error:
        takes = (
            "schedule"
            if name == "LearningRateScheduler"
            else ", ".join(inspect.signature(SCHEDULES[name]).parameters)
        )
        raise PoseError(
            f"training.callbacks.{name} was given {dict(arguments)}; it takes {takes}: {error}"
        ) from None
    return lambda epoch, lr: schedule(epoch)
