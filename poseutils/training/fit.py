"""``fit``: trains a heatmap network and keeps the weights with the best validation OKS."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..config.calls import NOT_NEEDED
from ..config.problems import checked_training
from ..errors import PoseError
from ..files import write_notes
from ..models.networks.keras_files import load_tensorflow
from .batches import RESCALING, Batches, training_batches
from .callbacks import make_callbacks
from .checkpoint import Progress
from .device import half_precision_helps
from .examples import Examples
from .hosts import current_share
from .logs import make_prediction_image, tensorboard_logs
from .progress import Training, describe_network
from .steps import make_step
from .validation import Course, diagnosed, make_validate

DEFAULT_OPTIMIZER = {"Adam": {"learning_rate": 0.003}}

_LOG = logging.getLogger("poseutils")
_NOTHING_LEARNED = (
    "NOTHING WAS LEARNED: none of {} epochs was better on the validation images than the start. "
    "OKS {:.4f} before, at most {:.4f} after; model.keras has the weights it started from. {}, or "
    "look at the labels in the dataset notebook."
)
_UNTRAINED = 0.1
"""Validation OKS below which a network starts with random weights, or as good as random ones."""
_IF_UNTRAINED = "It started untrained: train for more epochs, try another learning rate"
_IF_TRAINED = "It started trained: try a lower learning rate, start from scratch"


@dataclass(frozen=True)
class Fit:
    """The result of a training.

    Attributes:
        history: ``loss``, ``val_loss``, ``val_oks`` and ``learning_rate``, one value per epoch.
        initial_oks: mean validation OKS of the initial weights.
        best_oks: mean validation OKS of the best weights.
        best_epoch: the epoch of the best weights, from 1; 0 for the initial weights.
        path: the .keras file of the best weights.
        notes: sentences about labels and settings, if little was learned; also in ``notes.txt``.
    """

    history: dict[str, list[float]]
    initial_oks: float
    best_oks: float
    best_epoch: int
    path: Path
    notes: tuple[str, ...] = ()


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
    """Trains a network in place. It ends with the weights of the best validation OKS, which are
    also saved as ``run_dir/model.keras``.

    The learning rate rises linearly for a tenth of the steps, then follows a cosine decay to zero
    (Loshchilov and Hutter, 2017), unless a callback sets it: ReduceLROnPlateau, or one of
    ``schedules``. The same seed gives the same training on the same machine.

    After every epoch ``run_dir/checkpoint.npz`` holds the complete state. An interrupted training
    resumes when it is started again in its folder, and any training with ``resume_from``, with
    the same result as without the interruption. To train longer, resume with more ``epochs``. A
    training is never replaced by another.

    On several hosts (:func:`.hosts.join`) all call it with the same arguments. Each takes its part
    of every batch, and the losses are those of one host up to rounding; the first writes the files.

    Args:
        model: keras.Model from images (B, H, W, 3) to heatmaps (B, h, w, K), each cell 0 to 1.
        train, validation: examples of the network's input size, one person each.
        epochs: number of epochs.
        run_dir: folder of ``model.keras``, the best weights, and of ``checkpoint.npz``. While
            training, ``model.keras`` is saved some seconds after it improved, and the checkpoint,
            which has the best weights too, after every epoch.
        batch_size: B, of all hosts.
        optimizer: ``{Keras name: arguments}``; default Adam at 0.003. With ``use_ema``, the moving
            average of the weights (Polyak and Juditsky, 1992) is validated and saved; an
            ``ema_momentum`` of 0.999 averages over about a thousand steps.
        loss: ``{name: arguments}``, see ``losses.heatmap_loss``; default: by the network's last
            activation.
        callbacks: ``{name: arguments}``: ReduceLROnPlateau and EarlyStopping, which monitor
            ``val_oks`` by default; LearningRateScheduler or another of ``schedules``. Those of
            ``NOT_NEEDED`` are left out.
        augmentation: ``{name: arguments}``, see ``augmentation``.
        custom_augmentation: a function of images and keypoints that returns both augmented, applied
            after ``augmentation``.
        seed: of shuffling and augmentation.
        rescaling: scale and offset from pixels 0…255 to network inputs.
        mixed_precision: compute in float16 with loss scaling; default: if a GPU is faster so.
            Validation and saved weights are float32.
        saved_models_dir, logs_dir: subfolders of ``run_dir`` for ``model.keras`` and TensorBoard
            logs.
        resume_from: the folder, or the checkpoint, of a training with the same network and
            settings.
        on_epoch: called after each epoch with its number, from 1, and the history so far.

    Raises:
        PoseError: if examples and network do not match; for an unknown name or argument; if the
            checkpoint to resume is of another training; if ``run_dir`` has another one; if training
            diverges; if the disk is full.
            The best weights so far remain.
    """
    load_tensorflow()
    import keras

    for examples in (train, validation):
        _check_matches(model, examples)
    section = checked_training(
        len(train.layout),
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer or DEFAULT_OPTIMIZER,
        loss=loss,
        callbacks=callbacks,
    )
    optimizer, loss = section.optimizer, section.loss
    callbacks = {n: given for n, given in section.callbacks.items() if n not in NOT_NEEDED}
    half = half_precision_helps() if mixed_precision is None else mixed_precision
    settings = {
        "network": describe_network(model),
        "dataset.keypoints": train.layout.names,
        "number of training images": len(train),
        "training.batch_size": batch_size,
        "training.optimizer": optimizer,
        "training.loss": loss,
        "training.callbacks": sorted(callbacks.items()),
        "data_augmentation": list((augmentation or {}).items()),  # the order matters
        "custom_data_augmentation": custom_augmentation is not None,
        "general.global_seed": seed,
        "preprocessing.rescaling": rescaling,
        "training.mixed_precision": half,
    }
    share = current_share()
    keras.utils.set_random_seed(seed)
    batches = training_batches(
        train, batch_size, augmentation, seed, rescaling, custom_augmentation, share
    )
    trained, folder = share.replicated(model), Path(run_dir)
    with share.scope():
        made = make_callbacks(trained, optimizer, callbacks, epochs * len(batches), scaled=half)
    training = Training(trained, made, folder, saved_models_dir, settings, epochs, model, share)
    training.begin(resume_from)
    progress = training.progress
    step = make_step(trained, training.optimizer, loss, half)
    validate = make_validate(model, validation, rescaling, loss, share)
    image = make_prediction_image(model, validation, rescaling)
    kept = tensorboard_logs(folder / logs_dir, progress) if share.writes else nullcontext()
    try:
        with kept as logs:
            while not progress.is_finished:
                training.finish_epoch(_epoch(training, step, batches, validate))
                if logs:
                    logs.write(progress, image)
                if on_epoch:
                    on_epoch(progress.epoch, progress.history)
    finally:
        training.end()
    assert progress.initial_oks is not None  # measured after the first epoch
    notes: list[str] = []
    if share.writes:
        custom = ["custom_data_augmentation"] if custom_augmentation else []
        augmented = [*(augmentation or {}), *custom]
        course = Course(progress.history, len(batches), batches.batch_size, augmented)
        notes = diagnosed(model, train, validation, course, rescaling)
        _report(notes, progress, folder)
    return Fit(
        progress.history,
        progress.initial_oks,
        progress.best_oks,
        progress.best_epoch,
        training.path,
        tuple(notes),
    )


def _epoch(
    training: Training, step: Callable, batches: Batches, validate: Callable
) -> dict[str, float]:
    """Runs one epoch with its validation; returns its metrics. The initial weights are validated
    after the first epoch, so that training starts at once."""
    progress, optimizer = training.progress, training.optimizer
    batches.epoch = progress.epoch
    training.callbacks.on_epoch_begin(progress.epoch)
    rate, epoch = float(optimizer.learning_rate), progress.epoch + 1
    losses = []
    with training.share.scope():
        for number, (images, keypoints) in enumerate(batches, 1):
            losses.append(float(step(images, keypoints)))
            if not math.isfinite(losses[-1]):
                where = f"in epoch {epoch} at step {number} of {len(batches)}"
                raise _diverged(f"the loss is {losses[-1]} {where}", training, rate)
    with training.averaged():
        measured = validate()
    if not math.isfinite(measured["val_loss"]):
        what = f"the validation loss is {measured['val_loss']} after epoch {epoch}"
        raise _diverged(what, training, rate)
    if progress.initial_oks is None:
        training.set_initial(validate)
    learning_rate = float(optimizer.learning_rate)
    return {"loss": float(np.mean(losses)), **measured, "learning_rate": learning_rate}


def _report(notes: list[str], progress: Progress, run_dir: Path) -> None:
    """Logs the notes of a training, and writes them, with the one that nothing was learned."""
    if not progress.best_epoch:
        best = max(progress.history["val_oks"])
        start = progress.initial_oks or 0.0
        advice = _IF_UNTRAINED if start < _UNTRAINED else _IF_TRAINED
        notes.insert(0, _NOTHING_LEARNED.format(progress.epoch, start, best, advice))
    for note in notes:
        _LOG.warning("%s", note)
    write_notes(run_dir, notes)


def _diverged(what: str, training: Training, rate: float) -> PoseError:
    best = training.progress.best_epoch
    weights = f"of epoch {best}, the best so far" if best else "it started from"
    return PoseError(
        f"Training diverged and was stopped: {what}. {training.path} has the weights {weights}. "
        f"Try a lower learning rate (it was {rate:.3g}), clipnorm: 1 in the optimizer's arguments, "
        "or a larger batch, and check the augmented images."
    )


def _check_matches(model, examples: Examples) -> None:
    expects, gives = tuple(model.input_shape[1:]), tuple(model.output_shape[1:])
    if len(gives) != 3:
        raise PoseError(
            f"the network gives {gives}; only networks that output heatmaps (height, width, K) can "
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
            f"({examples.layout.name}); build the network with keypoints={len(examples.layout)} or "
            "choose another dataset"
        )
