"""The state of a training, in memory and on disk, and how it is resumed."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..errors import PoseError
from ..files import atomic_path, remove_incomplete
from .callbacks import callback_states, restore_callbacks
from .checkpoint import (
    NAME,
    Checkpoint,
    Progress,
    check_settings,
    find_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from .hosts import Share, describe_weights

SAVE_SECONDS = 15.0
"""Between savings of the best weights, which take as long as a short epoch."""

_LOG = logging.getLogger("poseutils")


def describe_network(model) -> str:
    """The size of a network, and a digest of its structure: layer types, shapes, trainability."""
    layers = [
        (type(layer).__name__, [(tuple(v.shape), bool(v.trainable)) for v in layer.variables])
        for layer in model.layers
    ]
    structure = hashlib.blake2b(repr(layers).encode(), digest_size=4).hexdigest()
    sizes = f"{model.input_shape[1:]} to {model.output_shape[1:]}"
    return f"{model.count_params():,} parameters, {sizes}, layers {structure}"


class Training:
    """A training: network, optimizer, callbacks, progress and best weights, with their files.

    Attributes:
        model, callbacks: see :func:`.callbacks.make_callbacks`.
        shown: the network that is validated and saved: ``model``, or on several hosts that of this
            host, which has the weights to validate only in :meth:`averaged`.
        share: of this host, which says whether it writes files.
        progress: epochs and history so far.
        best: the best weights so far.
        path: the .keras file of the best weights.
    """

    def __init__(
        self,
        model,
        callbacks,
        run_dir: Path,
        saved_models_dir: str,
        settings: Mapping,
        epochs: int,
        shown=None,
        share: Share = Share(),
    ):
        self.model, self.callbacks = model, callbacks
        self.shown, self.share = shown or model, share
        self.settings = json.loads(json.dumps(settings, default=str))
        self.path, self.checkpoint = run_dir / saved_models_dir / "model.keras", run_dir / NAME
        self.best = model.get_weights()
        self._unsaved, self._next_save = False, 0.0
        self.progress = Progress(describe_weights(model), epochs)

    @property
    def optimizer(self):
        """Keras's optimizer."""
        return self.callbacks.model.optimizer

    def begin(self, resume_from: str | Path | None) -> None:
        """Starts, or resumes: from a given checkpoint, or from that of the same training in its
        folder. One that was finished there is taken as it is.

        Raises:
            PoseError: if the given checkpoint is missing, or of another training; if the folder
                holds another training, finished or not.
        """
        for path in (self.path, self.checkpoint) if self.share.writes else ():
            remove_incomplete(path.parent)
        self.callbacks.on_train_begin()
        found = self._given(resume_from) if resume_from else self._same()
        here = found is not None and found.path.absolute() == self.checkpoint.absolute()
        if not here and self.share.writes:
            self._refuse_other()
        if found is not None:
            self._restore(found)
        if here and self.progress.is_finished:
            _LOG.warning(
                "%s: this training was finished after %d epochs and is taken as it is; for "
                "another, choose another folder",
                self.checkpoint.parent,
                self.progress.epoch,
            )
            if self.path.exists():
                return
        self._save_best()
        self._save()

    def _refuse_other(self) -> None:
        """Raises PoseError if another training, or its model, would be replaced."""
        try:
            earlier = read_checkpoint(self.checkpoint).progress
        except PoseError:
            earlier = None
        if not (earlier.epoch if earlier else self.path.exists()):
            return
        state, further = "", "train it longer"
        if earlier and earlier.is_finished:
            state = f", finished after {earlier.epoch} epochs"
        elif earlier:
            state = f", interrupted after {earlier.epoch} of {earlier.epochs} epochs"
            further = "resume it, with its settings,"
        raise PoseError(
            f"{self.path} is of another training{state}: it is not replaced. Choose another "
            f"run_dir, {further} with training.resume_training_from={self.checkpoint.parent} and "
            "more epochs, or delete the folder."
        )

    def _given(self, resume_from: str | Path) -> Checkpoint:
        found = read_checkpoint(find_checkpoint(Path(resume_from)))
        check_settings(found, self.settings)
        done, epochs = found.progress.epoch, self.progress.epochs
        if done > epochs:
            raise PoseError(
                f"{found.path} has {done} epochs and training.epochs is {epochs}; give at least "
                f"{done}"
            )
        return found

    def _same(self) -> Checkpoint | None:
        """The checkpoint of this training, with the same settings and initial weights, in its
        folder."""
        try:
            found = read_checkpoint(self.checkpoint)
            check_settings(found, self.settings)
        except PoseError:
            return None
        then, now = found.progress, self.progress
        same = (then.start, then.epochs) == (now.start, now.epochs)
        return found if same and then.epoch > 0 else None

    def _restore(self, found: Checkpoint) -> None:
        found.progress.epochs = self.progress.epochs
        self.progress, self.best = found.progress, list(found.best)
        variables = [*self.model.variables, *self.optimizer.variables]
        for variable, value in zip(variables, [*found.network, *found.optimizer], strict=True):
            variable.assign(value)
        restore_callbacks(self.callbacks, self.progress.callbacks)

    def set_initial(self, validate: Callable[[], Mapping[str, float]]) -> None:
        """Validates the initial weights, which may be after the first steps of training."""
        with self._showing_best():
            self.progress.initial_oks = self.progress.best_oks = validate()["val_oks"]

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Gives the network the weights to validate and keep: their moving average, if the
        optimizer has ``use_ema``. Training goes on from its own weights."""
        now = self.model.get_weights() if self.optimizer.use_ema else None
        if now is not None:
            self.optimizer.finalize_variable_values(self.model.trainable_variables)
        if self.shown is not self.model:
            self.shown.set_weights(self.model.get_weights())
        try:
            yield
        finally:
            if now is not None:
                self.model.set_weights(now)

    def finish_epoch(self, logs: Mapping[str, float]) -> None:
        """Adds the results of an epoch, runs the callbacks, and writes the files.

        Raises:
            PoseError: if the disk is full; the files of the previous epoch remain.
        """
        progress = self.progress
        progress.epoch += 1
        for name, value in logs.items():
            progress.history.setdefault(name, []).append(value)
        self.callbacks.on_epoch_end(progress.epoch - 1, dict(logs))
        progress.stopped = bool(self.callbacks.model.stop_training)
        progress.callbacks = callback_states(self.callbacks)
        if logs["val_oks"] > progress.best_oks:
            progress.best_oks, progress.best_epoch = logs["val_oks"], progress.epoch
            with self.averaged():
                self.best = self.model.get_weights()
            self._unsaved = True
        self._save()
        if self._unsaved and time.monotonic() > self._next_save:
            self._save_best()

    def end(self) -> None:
        """Gives the network its best weights, and saves them."""
        self.shown.set_weights(self.best)
        if self._unsaved:
            self._save_best()

    @contextmanager
    def _showing_best(self) -> Iterator[None]:
        now = self.shown.get_weights()
        self.shown.set_weights(self.best)
        yield
        self.shown.set_weights(now)

    def _save_best(self) -> None:
        if self.share.writes:
            with self._showing_best(), atomic_path(self.path) as temporary:
                self.shown.save(temporary)
        self._unsaved, self._next_save = False, time.monotonic() + SAVE_SECONDS

    def _save(self) -> None:
        if not self.share.writes:
            return
        network = [v.numpy() for v in self.model.variables]
        optimizer = [v.numpy() for v in self.optimizer.variables]
        write_checkpoint(
            Checkpoint(self.checkpoint, self.progress, self.settings, network, optimizer, self.best)
        )
