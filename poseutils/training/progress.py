"""A training between two epochs: what it has come to, in memory and on disk, and how it goes on
after it was stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from ..errors import PoseError
from ..files import atomic_path
from .callbacks import needed, remembered, remind
from .checkpoint import (
    NAME,
    Checkpoint,
    Progress,
    check_settings,
    find_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from .examples import Examples


def settings_of(
    model,
    train: Examples,
    batch_size: int,
    optimizer: Mapping,
    loss: Mapping | None,
    callbacks: Mapping,
    augmentation: Mapping | None,
    custom_augmentation: Callable | None,
    seed: int,
    rescaling: tuple[float, float],
    half: bool,
) -> dict:
    """What has to be the same for a training to go on as if it had never stopped, in plain values
    of JSON."""
    settings = {
        "network": _description(model),
        "dataset.keypoints": train.layout.names,
        "number of training images": len(train),
        "training.batch_size": batch_size,
        "training.optimizer": optimizer,
        "training.loss": loss,
        "training.callbacks": sorted(needed(callbacks).items()),
        "data_augmentation": list((augmentation or {}).items()),  # the order counts
        "custom_data_augmentation": custom_augmentation is not None,
        "general.global_seed": seed,
        "preprocessing.rescaling": rescaling,
        "training.mixed_precision": half,
    }
    return json.loads(json.dumps(settings, default=str))


def _description(model) -> str:
    """A network in words, and a few letters that are its structure's own: kinds of layers, shapes,
    and what is trained."""
    layers = [
        (type(layer).__name__, [(tuple(v.shape), bool(v.trainable)) for v in layer.variables])
        for layer in model.layers
    ]
    structure = hashlib.blake2b(repr(layers).encode(), digest_size=4).hexdigest()
    return f"{model.count_params():,} parameters, {model.input_shape[1:]} to {model.output_shape[1:]}, layers {structure}"


def _digest(weights: list) -> str:
    """Letters that are the own of these values."""
    digest = hashlib.blake2b(digest_size=16)
    for values in weights:
        digest.update(values.tobytes())
    return digest.hexdigest()


class Training:
    """A training: the network and what steers it, its progress, the best weights, and the files
    that hold them.

    Attributes:
        model, watchers: see ``callbacks``.
        progress: how far it has come.
        best: the best weights so far.
        path: the .keras file that holds these.
    """

    def __init__(
        self, model, watchers, run_dir: Path, saved_models_dir: str, settings: Mapping, epochs: int
    ):
        self.model, self.watchers, self.settings = model, watchers, settings
        self.path, self.checkpoint = run_dir / saved_models_dir / "model.keras", run_dir / NAME
        self.best = model.get_weights()
        self.progress = Progress(_digest(self.best), epochs)

    def begin(self, resume_from: str | Path | None) -> None:
        """Starts, or goes on: from a checkpoint that is named, or from one of this very training
        that was stopped in its folder.

        Raises:
            PoseError: if the one that is named is not there, or of another training.
        """
        self._clear_half_files()
        self.watchers.on_train_begin()
        found = self._named(resume_from) if resume_from else self._stopped()
        if found is not None:
            self._take(found)
        self._save_best()
        self._save()

    def _clear_half_files(self) -> None:
        for path in (self.path, self.checkpoint):
            for half in path.parent.glob(f".{path.stem}-*{path.suffix}"):
                half.unlink(missing_ok=True)

    def _named(self, resume_from: str | Path) -> Checkpoint:
        found = read_checkpoint(find_checkpoint(Path(resume_from)))
        check_settings(found, self.settings)
        done, epochs = found.progress.epoch, self.progress.epochs
        if done > epochs:
            raise PoseError(
                f"{found.path} has {done} epochs and training.epochs is {epochs}; give at least "
                f"{done}"
            )
        return found

    def _stopped(self) -> Checkpoint | None:
        """What this very training, from the same weights, left in its folder when it was
        stopped."""
        try:
            found = read_checkpoint(self.checkpoint)
            check_settings(found, self.settings)
        except PoseError:
            return None
        then, now = found.progress, self.progress
        same = (then.start, then.epochs) == (now.start, now.epochs)
        return found if same and 0 < then.epoch < then.epochs and not then.stopped else None

    def _take(self, found: Checkpoint) -> None:
        epochs, self.progress, self.best = self.progress.epochs, found.progress, list(found.best)
        self.progress.epochs = epochs
        for variables, values in (
            (self.model.variables, found.network),
            (self.watchers.model.optimizer.variables, found.optimizer),
        ):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        remind(self.watchers, self.progress.callbacks)

    def set_initial(self, validate: Callable[[], Mapping[str, float]]) -> None:
        """Measures the weights that the training started from, after it has begun to change
        them."""
        now = self.model.get_weights()
        self.model.set_weights(self.best)
        self.progress.initial_oks = self.progress.best_oks = validate()["val_oks"]
        self.model.set_weights(now)

    def finish_epoch(self, logs: Mapping[str, float]) -> None:
        """Takes up what an epoch gave, and writes it.

        Raises:
            PoseError: if the disk is full; what was written after the epoch before is still there.
        """
        progress = self.progress
        progress.epoch += 1
        for name, value in logs.items():
            progress.history.setdefault(name, []).append(value)
        self.watchers.on_epoch_end(progress.epoch - 1, dict(logs))
        progress.stopped = bool(self.watchers.model.stop_training)
        progress.callbacks = remembered(self.watchers)
        if logs["val_oks"] > progress.best_oks:
            progress.best_oks = logs["val_oks"]
            progress.best_epoch = progress.epoch
            self.best = self.model.get_weights()
            self._save_best()
        self._save()

    def _save_best(self) -> None:
        now = self.model.get_weights()
        self.model.set_weights(self.best)
        with atomic_path(self.path) as temporary:
            self.model.save(temporary)
        self.model.set_weights(now)

    def _save(self) -> None:
        network, optimizer = (
            [v.numpy() for v in variables]
            for variables in (self.model.variables, self.watchers.model.optimizer.variables)
        )
        write_checkpoint(
            Checkpoint(self.checkpoint, self.progress, self.settings, network, optimizer, self.best)
        )
