"""Consistency of the attributes of a configuration with one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .arithmetic import Expression
from .calls import SCHEDULES

if TYPE_CHECKING:
    from .configuration import Config
    from .sections import DatasetSection, Training

LEARNING_RATE_CALLBACKS = (*SCHEDULES, "LearningRateScheduler")
"""Callbacks that set the learning rate of every epoch; a configuration may have one of them."""
MAX_CHECKED_EPOCHS = 10_000
"""Epochs for which the expression of a schedule is evaluated in advance."""


def inconsistencies(config: Config) -> list[str]:
    """A message for each attribute that is valid in itself, but contradicts others."""
    count = config.dataset.keypoints or 0
    lines = [
        *_keypoints(config.dataset, count),
        *_schedules(config.training),
        *_loss(config.training, count),
    ]
    if config.training.truncated and not config.training.crop_margin:
        lines.append(
            "training.truncated: given without training.crop_margin, which crops people; expected "
            "both or neither"
        )
    if config.custom_data_augmentation and config.data_augmentation:
        lines.append(
            "custom_data_augmentation: given together with data_augmentation, which it replaces; "
            "remove one of them"
        )
    return lines


def _keypoints(section: DatasetSection, count: int) -> list[str]:
    lines = []
    for name in ("oks_sigmas", "keypoint_names", "mirror"):
        given = getattr(section, name)
        if isinstance(given, list) and len(given) != count:
            one = "one number, or one for each" if name == "oks_sigmas" else "one for each"
            what = "numbers" if name != "keypoint_names" else "names"
            lines.append(
                f"dataset.{name}: {len(given)} {what} given; expected {one} of {count} keypoints"
            )
    names = section.keypoint_names or []
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        lines.append(
            f"dataset.keypoint_names: {twice!r} is given twice; expected a name for each keypoint"
        )
    wrong = [pair for pair in section.skeleton or () if max(pair) >= count or pair[0] == pair[1]]
    if wrong:
        lines.append(
            f"dataset.skeleton: {wrong[0]} given; expected pairs of different keypoints, counted "
            f"from 0 to {count - 1}"
        )
    return lines + _mirror(section.mirror or [], count)


def _mirror(mirror: list[int], count: int) -> list[str]:
    for index, other in enumerate(mirror):
        if len(mirror) == count and (other >= count or mirror[other] != index):
            return [
                f"dataset.mirror: {other} given for keypoint {index}; expected for each keypoint "
                "the index of its mirror image, from 0 "
                f"to {count - 1}, such that keypoint {other} has {index}"
            ]
    return []


def _loss(section: Training, count: int) -> list[str]:
    for name, arguments in (section.loss or {}).items():
        weights = arguments.get("keypoint_weights")
        if weights and len(weights) != count:
            return [
                f"training.loss.{name}.keypoint_weights: {len(weights)} numbers given; expected "
                f"one for each of {count} keypoints"
            ]
    return []


def _schedules(section: Training) -> list[str]:
    given = [name for name in section.callbacks if name in LEARNING_RATE_CALLBACKS]
    lines = (
        [
            f"training.callbacks: {' and '.join(given)} given; expected one schedule of the "
            "learning rate"
        ]
        if len(given) > 1
        else []
    )
    pieces = section.callbacks.get("LRPiecewiseConstantDecay")
    if pieces and len(pieces["values"]) != len(pieces["boundaries"]) + 1:
        lines.append(
            f"training.callbacks.LRPiecewiseConstantDecay: {len(pieces['boundaries'])} boundaries "
            f"and {len(pieces['values'])} values given; expected one value more than boundaries"
        )
    if "LearningRateScheduler" in section.callbacks:
        lines += _expression(section.callbacks["LearningRateScheduler"]["schedule"], section)
    return lines


def _expression(text: str, section: Training) -> list[str]:
    """Evaluates the schedule at every epoch, so that an error is found before training starts."""
    schedule, (arguments,) = Expression(text, ("epoch", "lr")), section.optimizer.values()
    rate = arguments.get("learning_rate", 0.001)
    for epoch in range(min(section.epochs, MAX_CHECKED_EPOCHS)):
        try:
            rate = schedule(epoch=epoch, lr=rate)
        except ValueError as error:
            return [
                f"training.callbacks.LearningRateScheduler.schedule: {error}; expected a learning "
                "rate for every epoch"
            ]
        if rate < 0:
            return [
                f"training.callbacks.LearningRateScheduler.schedule: {text!r} is {rate:g} at epoch "
                f"{epoch}; expected at least 0"
            ]
    return []
