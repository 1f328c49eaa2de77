"""``fit``: trains a heatmap network, and keeps the weights that find keypoints best."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..config import NOT_NEEDED
from ..errors import PoseError
from ..files import atomic_path
from ..networks import load_keras
from .batches import RESCALING, Examples, training_batches
from .resized import at_size
from .schedules import SCHEDULES, is_schedule, make_schedule
from .validation import make_loss, make_validate

__all__ = ["Fit", "fit", "load_keras"]

DEFAULT_OPTIMIZER = {"Adam": {"learning_rate": 0.003}}
WARM_UP = 0.1
"""Share of the steps over which the learning rate rises, before it falls along a cosine."""
CALLBACKS = ("ReduceLROnPlateau", "EarlyStopping", "LearningRateScheduler", *SCHEDULES)
MONITORED = ("val_oks", "val_loss", "loss")


@dataclass(frozen=True)
class Fit:
    """What a training gave.

    Attributes:
        history: ``loss``, ``val_loss``, ``val_oks`` and ``learning_rate``, one number an epoch.
        initial_oks: mean OKS on the validation images before the first epoch.
        best_oks: the same of the weights that were kept.
        best_epoch: the epoch, counted from 1, that gave them; 0 if none was better than the weights it started from.
        path: the .keras file that holds them.
    """

    history: dict[str, list[float]]
    initial_oks: float
    best_oks: float
    best_epoch: int
    path: Path


def fit(
    model,
    train: Examples,
    validation: Examples,
    *,
    epochs: int,
    run_dir: str | Path,
    batch_size: int = 32,
    optimizer: Mapping[str, Mapping] | None = None,
    loss: Mapping[str, Mapping] | None = None,
    callbacks: Mapping[str, Mapping] | None = None,
    augmentation: Mapping[str, Mapping] | None = None,
    custom_augmentation: Callable | None = None,
    seed: int = 123,
    rescaling: tuple[float, float] = RESCALING,
    on_epoch: Callable[[int, dict], None] | None = None,
) -> Fit:
    """Trains a network in place; afterwards it has the weights with the best OKS, which are also in ``run_dir/model.keras``.

    The learning rate rises for a tenth of the steps and then falls along a cosine to zero (Loshchilov and Hutter, 2017), unless
    a callback steers it: ReduceLROnPlateau, or one of ``schedules``. The same seed gives the same training on the same machine.

    Args:
        model: keras.Model from images (B, H, W, 3) to heatmaps (B, h, w, K), each cell 0 to 1.
        train, validation: images that fit the network, with one person each.
        epochs: how often each training image is seen.
        run_dir: where ``model.keras`` is written, anew with each better epoch.
        batch_size: B.
        optimizer: ``{Keras name: arguments}``; default Adam at 0.003.
        loss: ``{name: arguments}``, see ``losses.heatmap_loss``; default: the one that fits the network's last activation.
        callbacks: ``{name: arguments}``: ReduceLROnPlateau and EarlyStopping, which watch ``val_oks`` unless told otherwise;
            LearningRateScheduler or another of ``schedules``. Those of ``NOT_NEEDED`` are left out.
        augmentation: ``{name: arguments}``, see ``augmentation``.
        custom_augmentation: a function of images and keypoints that gives them back changed, after ``augmentation``.
        seed: of the order of the images and their augmentation.
        rescaling: scale and offset that make network inputs out of pixels 0 to 255.
        on_epoch: called after each epoch with its number, counted from 1, and its entry in the history.

    Raises:
        PoseError: if images, keypoints and network do not go together, or a name or argument is not one that is known.
    """
    import keras

    _check_counts(epochs, batch_size)
    for examples in (train, validation):
        _check_matches(model, examples)
    keras.utils.set_random_seed(seed)
    batches = training_batches(train, batch_size, augmentation, seed, rescaling, custom_augmentation)
    watchers = _watchers(model, optimizer or DEFAULT_OPTIMIZER, callbacks or {}, epochs * len(batches))
    step, validate = _make_step(model, watchers.model.optimizer, loss), make_validate(model, validation, rescaling, loss)
    history: dict[str, list[float]] = {}
    best = _Best(model, Path(run_dir) / "model.keras", validate()["val_oks"])
    initial = best.oks
    watchers.on_train_begin()
    for epoch in range(1, epochs + 1):
        watchers.on_epoch_begin(epoch - 1)
        mean = float(np.mean([step(images, keypoints) for images, keypoints in batches]))
        logs = {"loss": mean, **validate(), "learning_rate": float(watchers.model.optimizer.learning_rate)}
        for name, value in logs.items():
            history.setdefault(name, []).append(value)
        best.offer(epoch, logs["val_oks"])
        if on_epoch:
            on_epoch(epoch, dict(logs))
        watchers.on_epoch_end(epoch - 1, logs)
        if watchers.model.stop_training:
            break
    model.set_weights(best.weights)
    return Fit(history, initial, best.oks, best.epoch, best.path)


def _make_step(model, optimizer, asked: Mapping[str, Mapping] | None):
    """One step of training, compiled for each size of images; Keras's own takes twice as long to compile: most of a short training."""
    import tensorflow as tf

    variables = model.trainable_variables

    @tf.function(autograph=False)
    def step(images, keypoints):
        network = at_size(model, images.shape[1:3])
        loss_of = make_loss(network, asked)
        with tf.GradientTape() as tape:
            loss = loss_of(keypoints, network(images, training=True))
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
        return loss

    return step


class _Best:
    """The best weights so far, in memory and on disk."""

    def __init__(self, model, path: Path, initial_oks: float):
        self.model, self.path = model, path
        self._keep(0, initial_oks)

    def offer(self, epoch: int, value: float) -> None:
        if value > self.oks:
            self._keep(epoch, value)

    def _keep(self, epoch: int, value: float) -> None:
        self.epoch, self.oks, self.weights = epoch, value, self.model.get_weights()
        with atomic_path(self.path) as temporary:
            self.model.save(temporary)


# ---------------------------------------------------------------- what the configuration may ask for


def _check_counts(epochs: int, batch_size: int) -> None:
    if epochs < 1 or batch_size < 1:
        raise PoseError(f"training.epochs is {epochs} and training.batch_size {batch_size}; both must be at least 1")


def _check_matches(model, examples: Examples) -> None:
    expects, gives = tuple(model.input_shape[1:]), tuple(model.output_shape[1:])
    if len(gives) != 3:
        raise PoseError(f"the network gives {gives}; only networks that give heatmaps (height, width, K) can be trained")
    if expects != (*examples.size, 3):
        raise PoseError(
            f"the network expects images of {expects} and was given {(*examples.size, 3)}; load the examples with size={expects[:2]}"
        )
    if gives[2] != len(examples.layout):
        raise PoseError(
            f"the network gives {gives[2]} keypoints and the dataset has {len(examples.layout)} ({examples.layout.name}); "
            f"build the network with keypoints={len(examples.layout)} or choose another dataset"
        )


def _make_optimizer(optimizer: Mapping[str, Mapping], steps: int, constant: bool):
    import keras

    if len(optimizer) != 1:
        raise PoseError(f"training.optimizer names {', '.join(optimizer) or 'nothing'}; name one Keras optimizer, for example Adam")
    ((name, arguments),) = optimizer.items()
    base = keras.optimizers.Optimizer
    kinds = {
        n: kind for n, kind in vars(keras.optimizers).items() if isinstance(kind, type) and issubclass(kind, base) and n != "Optimizer"
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
    return keras.optimizers.schedules.CosineDecay(peak / warm_up, max(1, steps - warm_up), warmup_target=peak, warmup_steps=warm_up)


def _watchers(model, optimizer: Mapping[str, Mapping], callbacks: Mapping[str, Mapping], steps: int):
    """Keras's list of callbacks, with a twin of the model that holds the optimizer they steer; the saved file holds the network alone."""
    import keras

    twin = keras.Model(model.inputs, model.outputs)
    steered = any(name == "ReduceLROnPlateau" or is_schedule(name) for name in callbacks)
    twin.compile(_make_optimizer(optimizer, steps, constant=steered))
    twin.optimizer.build(model.trainable_variables)
    twin.stop_training = False
    made = [_make_callback(name, arguments) for name, arguments in callbacks.items() if name not in NOT_NEEDED]
    return keras.callbacks.CallbackList(made, model=twin)


def _make_callback(name: str, arguments: Mapping | None):
    import keras

    if name not in CALLBACKS:
        raise PoseError(
            f"training.callbacks names {name}; available are {', '.join(CALLBACKS)}. Without any, the learning rate falls along a cosine."
        )
    if is_schedule(name):
        return keras.callbacks.LearningRateScheduler(make_schedule(name, arguments or {}))
    arguments = {"monitor": "val_oks", **(arguments or {})}
    if arguments["monitor"] not in MONITORED:
        raise PoseError(f"training.callbacks.{name}.monitor is {arguments['monitor']!r}; choose from {', '.join(MONITORED)}")
    arguments.setdefault("mode", "max" if arguments["monitor"] == "val_oks" else "min")
    return _made(getattr(keras.callbacks, name), f"training.callbacks.{name}", arguments)


def _made(kind, name: str, arguments: dict):
    try:
        return kind(**arguments)
    except (TypeError, ValueError) as error:
        raise PoseError(f"{name} was given {arguments}: {error}") from error
