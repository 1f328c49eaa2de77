"""``fit``: trains a heatmap network, and keeps the weights that find keypoints best."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import PoseError
from ..models.network import load_keras, load_tensorflow
from .batches import RESCALING, Batches, Examples, training_batches
from .callbacks import make_watchers
from .device import half_precision_helps
from .logs import make_picture, tensorboard_logs
from .progress import Training, settings_of
from .steps import make_step
from .validation import make_validate

__all__ = ["Fit", "fit", "load_keras"]

DEFAULT_OPTIMIZER = {"Adam": {"learning_rate": 0.003}}


@dataclass(frozen=True)
class Fit:
    """What a training gave.

    Attributes:
        history: ``loss``, ``val_loss``, ``val_oks`` and ``learning_rate``, one number an epoch.
        initial_oks: mean OKS on the validation images of the weights it started from.
        best_oks: the same of the weights that were kept.
        best_epoch: the epoch, counted from 1, that gave them; 0 if none was better than the weights
            it started from.
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
    mixed_precision: bool | None = None,
    saved_models_dir: str = "",
    logs_dir: str = "logs",
    resume_from: str | Path | None = None,
    on_epoch: Callable[[int, dict[str, list[float]]], None] | None = None,
) -> Fit:
    """Trains a network in place; afterwards it has the weights with the best OKS, which are also in
    ``run_dir/model.keras``.

    The learning rate rises for a tenth of the steps and then falls along a cosine to zero
    (Loshchilov and Hutter, 2017), unless a callback steers it: ReduceLROnPlateau, or one of
    ``schedules``. The same seed gives the same training on the same machine.

    After every epoch ``run_dir/checkpoint.npz`` holds all that the training needs to go on. A
    training that was killed goes on from there when it is started again in its folder, and any
    training with ``resume_from``: then as if it had never stopped. To train longer, resume a
    finished one with more ``epochs``.

    Args:
        model: keras.Model from images (B, H, W, 3) to heatmaps (B, h, w, K), each cell 0 to 1.
        train, validation: images that fit the network, with one person each.
        epochs: how often each training image is seen.
        run_dir: where ``model.keras`` is written, anew with each better epoch, and
            ``checkpoint.npz``.
        mixed_precision: whether the network computes in float16 while it trains, with a scaled
            loss; None where a GPU is faster so. What is measured and saved is float32.
        saved_models_dir, logs_dir: folders in ``run_dir`` for ``model.keras`` and TensorBoard's
            logs.
        batch_size: B.
        optimizer: ``{Keras name: arguments}``; default Adam at 0.003.
        loss: ``{name: arguments}``, see ``losses.heatmap_loss``; default: the one that fits the
            network's last activation.
        callbacks: ``{name: arguments}``: ReduceLROnPlateau and EarlyStopping, which watch
            ``val_oks`` unless told otherwise; LearningRateScheduler or another of ``schedules``.
            Those of ``NOT_NEEDED`` are left out.
        augmentation: ``{name: arguments}``, see ``augmentation``.
        custom_augmentation: a function of images and keypoints that gives them back changed, after
            ``augmentation``.
        seed: of the order of the images and their augmentation.
        rescaling: scale and offset that make network inputs out of pixels 0 to 255.
        resume_from: the folder of a training of the same network and settings, or the checkpoint in
            it.
        on_epoch: called after each epoch with its number, counted from 1, and the history so far.

    Raises:
        PoseError: if images, keypoints and network do not go together, a name or argument is not
            one that is known, the training to go on with is another one, the loss is no longer a
            number, or the disk is full; the best weights so far stay.
    """
    load_tensorflow()
    import keras

    _check_counts(epochs, batch_size)
    for examples in (train, validation):
        _check_matches(model, examples)
    optimizer, callbacks = optimizer or DEFAULT_OPTIMIZER, callbacks or {}
    half = half_precision_helps() if mixed_precision is None else mixed_precision
    settings = settings_of(
        model,
        train,
        batch_size,
        optimizer,
        loss,
        callbacks,
        augmentation,
        custom_augmentation,
        seed,
        rescaling,
        half,
    )
    keras.utils.set_random_seed(seed)
    batches = training_batches(
        train, batch_size, augmentation, seed, rescaling, custom_augmentation
    )
    watchers = make_watchers(model, optimizer, callbacks, epochs * len(batches), scaled=half)
    training = Training(model, watchers, Path(run_dir), saved_models_dir, settings, epochs)
    training.begin(resume_from)
    progress = training.progress
    step = make_step(model, watchers.model.optimizer, loss, half)
    validate = make_validate(model, validation, rescaling, loss)
    picture = make_picture(model, validation, rescaling)
    try:
        with tensorboard_logs(Path(run_dir) / logs_dir, progress) as logs:
            while progress.epoch < epochs and not progress.stopped:
                training.finish_epoch(_epoch(training, step, batches, validate))
                logs.write(progress, picture)
                if on_epoch:
                    on_epoch(progress.epoch, progress.history)
    finally:
        model.set_weights(training.best)
    return Fit(
        progress.history,
        progress.initial_oks,
        progress.best_oks,
        progress.best_epoch,
        training.path,
    )


def _epoch(
    training: Training, step: Callable, batches: Batches, validate: Callable
) -> dict[str, float]:
    """One epoch, the validation after it, and after the first also that of the weights before: the
    first step need not wait for it."""
    watchers, batches.epoch = training.watchers, training.progress.epoch
    watchers.on_epoch_begin(batches.epoch)
    rate = float(watchers.model.optimizer.learning_rate)
    losses = []
    for number, (images, keypoints) in enumerate(batches, 1):
        losses.append(float(step(images, keypoints)))
        if not math.isfinite(losses[-1]):
            raise _diverged(
                f"the loss is {losses[-1]} in epoch {training.progress.epoch + 1} at step "
                f"{number} of {len(batches)}",
                training,
                rate,
            )
    measured = validate()
    if not math.isfinite(measured["val_loss"]):
        raise _diverged(
            f"the validation loss is {measured['val_loss']} after epoch "
            f"{training.progress.epoch + 1}",
            training,
            rate,
        )
    if training.progress.initial_oks is None:
        training.set_initial(validate)
    return {
        "loss": float(np.mean(losses)),
        **measured,
        "learning_rate": float(watchers.model.optimizer.learning_rate),
    }


def _diverged(what: str, training: Training, rate: float) -> PoseError:
    best = training.progress.best_epoch
    return PoseError(
        f"{what}: the training has left all bounds and is stopped. {training.path} has the weights "
        + (f"of epoch {best}, the best so far. " if best else "it started from. ")
        + f"Try a lower learning rate (it was {rate:.3g}), clipnorm: 1 among the optimizer's arguments, or a larger batch; and look at "
        "what augmentation makes of the images."
    )


# ---------------------------------------------------------------- what goes together


def _check_counts(epochs: int, batch_size: int) -> None:
    if epochs < 1 or batch_size < 1:
        raise PoseError(
            f"training.epochs is {epochs} and training.batch_size {batch_size}; both must be at "
            "least 1"
        )


def _check_matches(model, examples: Examples) -> None:
    expects, gives = tuple(model.input_shape[1:]), tuple(model.output_shape[1:])
    if len(gives) != 3:
        raise PoseError(
            f"the network gives {gives}; only networks that give heatmaps (height, width, K) can "
            "be trained"
        )
    if expects != (*examples.size, 3):
        raise PoseError(
            f"the network expects images of {expects} and was given {(*examples.size, 3)}; load "
            f"the examples with size={expects[:2]}"
        )
    if gives[2] != len(examples.layout):
        raise PoseError(
            f"the network gives {gives[2]} keypoints and the dataset has {len(examples.layout)} "
            f"({examples.layout.name}); "
            f"build the network with keypoints={len(examples.layout)} or choose another dataset"
        )
