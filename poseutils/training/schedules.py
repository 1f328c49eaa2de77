"""Learning rates that follow a plan: functions from the epoch, counted from 0, to the learning rate
it has.

The nine are those of ST's model zoo, with its arguments, and to the epoch as there: most of its
plans leave the hold phase one epoch before its nominal end, so that the last held epoch is the
first of the decay.
"""

from __future__ import annotations

import inspect
import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence

from ..config.arithmetic import Expression
from ..errors import PoseError

Schedule = Callable[[int, float], float]
"""From an epoch, counted from 0, and the learning rate before it to the learning rate that it
has."""


def linear_decay(
    initial_lr: float, hold_steps: int, decay_steps: int, end_lr: float
) -> Callable[[int], float]:
    """Holds, then falls along a line to ``end_lr``."""

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
    """Holds, then falls by the factor ``exp(-decay_rate)`` an epoch, not below ``min_lr``."""

    def rate(epoch: int) -> float:
        if epoch < hold_steps - 1:
            return initial_lr
        return max(min_lr, initial_lr * math.exp(-decay_rate * (epoch - hold_steps + 1)))

    return rate


def step_decay(
    initial_lr: float, step_size: int, decay_rate: float, min_lr: float = 0.0
) -> Callable[[int], float]:
    """Falls by the factor ``decay_rate`` every ``step_size`` epochs, not below ``min_lr``."""
    return lambda epoch: max(min_lr, initial_lr * decay_rate ** ((epoch + 1) // step_size))


def cosine_decay(
    initial_lr: float, hold_steps: int, decay_steps: int, end_lr: float
) -> Callable[[int], float]:
    """Holds, then falls along half a cosine to ``end_lr``."""

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
    """Rises along a line to ``max_lr``, holds, then falls along half a cosine to ``end_lr``."""

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
    """Falls along half a cosine again and again (Loshchilov and Hutter, 2017).

    Each period is ``t_mul`` times as long as the one before, and its share above ``end_lr`` starts
    ``m_mul`` times as high.
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
    """Holds, then falls along a power of what is left of ``decay_steps`` to ``end_lr``."""

    def rate(epoch: int) -> float:
        left = 1 - min(epoch - hold_steps + 1, decay_steps) / decay_steps
        return (
            initial_lr if epoch < hold_steps - 1 else end_lr + (initial_lr - end_lr) * left**power
        )

    return rate


def polynomial_decay_restarts(
    initial_lr: float, hold_steps: int, decay_steps: int, end_lr: float, power: float = 0.7
) -> Callable[[int], float]:
    """As :func:`polynomial_decay`, but at its end it starts again, over twice, three times, ...
    ``decay_steps`` in all."""

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
    """``values[0]`` before the first boundary, ``values[1]`` from there to the second, and so
    on."""
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
    """Whether a callback of that name is a plan of the learning rate."""
    return name in SCHEDULES or name == "LearningRateScheduler"


def make_schedule(name: str, arguments: Mapping) -> Schedule:
    """The schedule of a name and its arguments, as the ``callbacks`` of user_config.yaml have them.

    Args:
        name: one of ``SCHEDULES``, or ``LearningRateScheduler``, whose ``schedule`` is an
            expression in ``epoch`` and ``lr``.
        arguments: by name; ``verbose`` is not used.

    Raises:
        PoseError: if an argument is missing, unknown, or not what it should be.
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
