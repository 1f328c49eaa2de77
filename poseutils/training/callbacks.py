"""The optimizer and the callbacks of a configuration, and the state of callbacks for resuming."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config.consistency import LEARNING_RATE_CALLBACKS
from ..errors import PoseError
from .schedules import make_schedule

WARM_UP = 0.1
"""Fraction of the steps over which the learning rate rises, before the cosine decay."""
MONITORED = ("val_oks", "val_loss", "loss")


def make_callbacks(
    model,
    optimizer: Mapping[str, Mapping],
    callbacks: Mapping[str, Mapping],
    steps: int,
    scaled: bool = False,
):
    """Builds the optimizer, and Keras's CallbackList for it.

    The list's model is a twin of ``model`` with the same layers. It holds the optimizer, so that
    the saved model has none.

    Args:
        model: keras.Model to train.
        optimizer, callbacks: ``{name: arguments}``, as a configuration allows them.
        steps: number of steps of the whole training, for the default schedule of the learning rate.
        scaled: scale the loss, as half precision requires (Micikevicius et al., "Mixed Precision
            Training", 2018).

    Raises:
        PoseError: for arguments that Keras refuses together, or another metric to monitor.
    """
    import keras

    twin = keras.Model(model.inputs, model.outputs)
    scheduled = not {*LEARNING_RATE_CALLBACKS, "ReduceLROnPlateau"}.isdisjoint(callbacks)
    made = _make_optimizer(optimizer, steps, constant=scheduled)
    twin.compile(keras.optimizers.LossScaleOptimizer(made) if scaled else made)
    twin.optimizer.build(model.trainable_variables)
    twin.stop_training = False
    made_callbacks = [_make_callback(*item) for item in callbacks.items()]
    return keras.callbacks.CallbackList(made_callbacks, model=twin)


def callback_states(callbacks) -> list[dict[str, Any]]:
    """The state of each callback of a CallbackList, as plain numbers: best value, epochs waited…"""
    return [
        {
            name: value
            for name, value in vars(callback).items()
            if value is None or isinstance(value, (bool, int, float))
        }
        for callback in callbacks.callbacks
    ]


def restore_callbacks(callbacks, states: list[dict[str, Any]]) -> None:
    """Sets the state of :func:`callback_states`, after ``on_train_begin``, which resets it."""
    for callback, state in zip(callbacks.callbacks, states):
        vars(callback).update(state)


def _make_optimizer(optimizer: Mapping[str, Mapping], steps: int, constant: bool):
    import keras

    ((name, arguments),) = optimizer.items()
    made = _made(getattr(keras.optimizers, name), f"training.optimizer.{name}", arguments)
    if not constant:
        made.learning_rate = _warm_cosine(float(made.learning_rate), steps)
    return made


def _warm_cosine(peak: float, steps: int):
    import keras

    warm_up = max(1, round(WARM_UP * steps))
    return keras.optimizers.schedules.CosineDecay(
        peak / warm_up, max(1, steps - warm_up), warmup_target=peak, warmup_steps=warm_up
    )


def _make_callback(name: str, arguments: Mapping):
    import keras

    if name in LEARNING_RATE_CALLBACKS:
        return keras.callbacks.LearningRateScheduler(make_schedule(name, arguments))
    arguments = {"monitor": "val_oks", **arguments}
    if arguments["monitor"] not in MONITORED:
        raise PoseError(
            f"training.callbacks.{name}.monitor is {arguments['monitor']!r}; choose from "
            f"{', '.join(MONITORED)}"
        )
    arguments.setdefault("mode", "max" if arguments["monitor"] == "val_oks" else "min")
    arguments.pop("restore_best_weights", None)  # fit always restores them
    return _made(getattr(keras.callbacks, name), f"training.callbacks.{name}", arguments)


def _made(kind, name: str, arguments: Mapping):
    try:
        return kind(**arguments)
    except (TypeError, ValueError) as error:
        raise PoseError(f"{name} was given {arguments}: {error}") from error
