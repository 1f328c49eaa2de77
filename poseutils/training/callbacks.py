"""The optimizer and the callbacks that a configuration names, and what a callback remembers from
epoch to epoch."""

from __future__ import annotations

from collections.abc import Mapping

from ..config import NOT_NEEDED
from ..errors import PoseError
from .schedules import SCHEDULES, is_schedule, make_schedule

WARM_UP = 0.1
"""Share of the steps over which the learning rate rises, before it falls along a cosine."""
CALLBACKS = ("ReduceLROnPlateau", "EarlyStopping", "LearningRateScheduler", *SCHEDULES)
MONITORED = ("val_oks", "val_loss", "loss")


def make_watchers(
    model,
    optimizer: Mapping[str, Mapping],
    callbacks: Mapping[str, Mapping],
    steps: int,
    scaled: bool = False,
):
    """Keras's list of callbacks, with a twin of the model that holds the optimizer they steer; the
    saved file holds the network alone.

    Args:
        model: keras.Model to train.
        optimizer: ``{Keras name: arguments}``.
        callbacks: ``{name: arguments}``; those of ``NOT_NEEDED`` are left out.
        steps: of the whole training, over which the learning rate rises and falls if no callback
            steers it.
        scaled: whether the optimizer scales the loss, as half precision needs (Micikevicius et al.,
            "Mixed Precision Training", 2018).

    Raises:
        PoseError: for a name or an argument that is not known.
    """
    import keras

    twin = keras.Model(model.inputs, model.outputs)
    steered = any(name == "ReduceLROnPlateau" or is_schedule(name) for name in callbacks)
    made = _make_optimizer(optimizer, steps, constant=steered)
    twin.compile(keras.optimizers.LossScaleOptimizer(made) if scaled else made)
    twin.optimizer.build(model.trainable_variables)
    twin.stop_training = False
    return keras.callbacks.CallbackList(
        [_make_callback(*item) for item in needed(callbacks).items()], model=twin
    )


def needed(callbacks: Mapping[str, Mapping]) -> dict[str, Mapping]:
    """Those that do what is not always done."""
    return {name: arguments for name, arguments in callbacks.items() if name not in NOT_NEEDED}


def remembered(watchers) -> list[dict]:
    """What the callbacks know of the epochs so far: the best value, how long ago it was, and the
    like."""
    return [
        {
            name: value
            for name, value in vars(callback).items()
            if value is None or isinstance(value, (bool, int, float))
        }
        for callback in watchers.callbacks
    ]


def remind(watchers, memories: list[dict]) -> None:
    """Gives callbacks what :func:`remembered` gave, after they began."""
    for callback, memory in zip(watchers.callbacks, memories):
        vars(callback).update(memory)


def _make_optimizer(optimizer: Mapping[str, Mapping], steps: int, constant: bool):
    import keras

    if len(optimizer) != 1:
        raise PoseError(
            f"training.optimizer names {', '.join(optimizer) or 'nothing'}; name one Keras "
            "optimizer, for example Adam"
        )
    ((name, arguments),) = optimizer.items()
    base = keras.optimizers.Optimizer
    kinds = {
        n: kind
        for n, kind in vars(keras.optimizers).items()
        if isinstance(kind, type) and issubclass(kind, base) and n != "Optimizer"
    }
    if name not in kinds:
        raise PoseError(f"training.optimizer is {name!r}; Keras has {', '.join(sorted(kinds))}")
    made = _made(kinds[name], f"training.optimizer.{name}", dict(arguments or {}))
    if not constant:
        made.learning_rate = _warm_cosine(float(made.learning_rate), steps)
    return made


def _warm_cosine(peak: float, steps: int):
    import keras

    warm_up = max(1, round(WARM_UP * steps))
    return keras.optimizers.schedules.CosineDecay(
        peak / warm_up, max(1, steps - warm_up), warmup_target=peak, warmup_steps=warm_up
    )


def _make_callback(name: str, arguments: Mapping | None):
    import keras

    if name not in CALLBACKS:
        raise PoseError(
            f"training.callbacks names {name}; available are {', '.join(CALLBACKS)}. Without any, "
            "the learning rate falls along a cosine."
        )
    if is_schedule(name):
        return keras.callbacks.LearningRateScheduler(make_schedule(name, arguments or {}))
    arguments = {"monitor": "val_oks", **(arguments or {})}
    if arguments["monitor"] not in MONITORED:
        raise PoseError(
            f"training.callbacks.{name}.monitor is {arguments['monitor']!r}; choose from "
            f"{', '.join(MONITORED)}"
        )
    arguments.setdefault("mode", "max" if arguments["monitor"] == "val_oks" else "min")
    arguments.pop("restore_best_weights", None)  # they are, always
    return _made(getattr(keras.callbacks, name), f"training.callbacks.{name}", arguments)


def _made(kind, name: str, arguments: dict):
    try:
        return kind(**arguments)
    except (TypeError, ValueError) as error:
        raise PoseError(f"{name} was given {arguments}: {error}") from error
