"""Checkpoints: the complete state of a training in one file, replaced atomically after each epoch.

The file is an .npz of plain arrays, read without pickle, so that it cannot run code: the variables
of the network (including the states of its random generators) and of the optimizer, the best
weights so far, and a JSON record of the rest.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ..errors import PoseError
from ..files import atomic_path
from ..models.networks.claims.unpacked import check_zip

NAME = "checkpoint.npz"
_FORM = 1
"""Version of the file format."""


@dataclass
class Progress:
    """The progress of a training.

    Attributes:
        start: digest of the initial weights.
        epochs: planned number of epochs.
        epoch: number of completed epochs.
        history: name to one value per completed epoch.
        initial_oks: mean validation OKS of the initial weights; None before it is measured.
        best_oks, best_epoch: of the best weights so far; epoch 0 is the initial weights.
        stopped: True if a callback ended the training early.
        callbacks: the state of each callback.
    """

    start: str = ""
    epochs: int = 0
    epoch: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    initial_oks: float | None = None
    best_oks: float = -np.inf
    best_epoch: int = 0
    stopped: bool = False
    callbacks: list[dict] = field(default_factory=list)

    @property
    def is_finished(self) -> bool:
        """Whether all its epochs were trained, or a callback ended it."""
        return self.stopped or self.epoch >= self.epochs


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training between two epochs.

    Attributes:
        path: the file.
        progress: epochs, history and callbacks.
        settings: attribute names to the values that must not change when it is resumed.
        network, optimizer, best: values of the variables, in order.
    """

    path: Path
    progress: Progress
    settings: Mapping
    network: Sequence[np.ndarray]
    optimizer: Sequence[np.ndarray]
    best: Sequence[np.ndarray]


def write_checkpoint(checkpoint: Checkpoint) -> None:
    """Writes a checkpoint atomically; on failure the previous one remains.

    Raises:
        PoseError: if the folder cannot be written to or the disk is full.
    """
    record = {
        "form": _FORM,
        "settings": checkpoint.settings,
        "progress": asdict(checkpoint.progress),
    }
    arrays = {
        f"{name}{number}": value
        for name in ("network", "optimizer", "best")
        for number, value in enumerate(getattr(checkpoint, name))
    }
    with atomic_path(checkpoint.path) as temporary:
        np.savez(temporary, record=np.array(json.dumps(record)), **arrays)


def find_checkpoint(path: Path) -> Path:
    """The checkpoint file of a path: the file itself, or the one in a folder.

    Raises:
        PoseError: if there is none.
    """
    found = path / NAME if path.is_dir() else path
    if found.is_file():
        return found
    if path.is_dir():
        raise PoseError(
            f"training.resume_training_from is {path}, which has no {NAME}: no epoch of a "
            "training was finished there"
        )
    raise PoseError(
        f"training.resume_training_from is {path}; expected the folder of a training, or the "
        f"{NAME} in it"
    )


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint.

    Raises:
        PoseError: if the file is not a checkpoint, is damaged, or has another version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_zip(archive, path)
        with np.load(path, allow_pickle=False) as file:
            record = json.loads(str(file["record"]))
            parts = [
                [file[f"{name}{i}"] for i in range(_count(file, name))]
                for name in ("network", "optimizer", "best")
            ]
        if record["form"] != _FORM:
            raise PoseError(
                f"{path} was written by another version of this program; train with that, or "
                "start a new training"
            )
        return Checkpoint(path, Progress(**record["progress"]), record["settings"], *parts)
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        EOFError,
        zipfile.BadZipFile,
    ) as error:
        if isinstance(error, PoseError):
            raise
        raise PoseError(
            f"{path} is not a checkpoint of a training, or is damaged: {error}"
        ) from error


def read_progress(path: Path) -> Progress:
    """The progress in a checkpoint, without its arrays; also while another process trains.

    Raises:
        PoseError: if there is no checkpoint, or it is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return Progress(**json.loads(str(file["record"]))["progress"])
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise PoseError(
            f"{path} is not a checkpoint of a training, or is damaged: {error}"
        ) from error


def _count(file, name: str) -> int:
    return sum(1 for key in file.files if key.startswith(name))


def check_settings(checkpoint: Checkpoint, settings: Mapping) -> None:
    """Checks that a checkpoint can be resumed with these settings.

    Raises:
        PoseError: if it cannot; the message lists the differences.
    """
    before = checkpoint.settings
    if before.get("network") != settings["network"]:
        raise PoseError(
            f"{checkpoint.path} is of another network, {_words(before.get('network'))}; this one "
            f"is {_words(settings['network'])}. "
            "Build the same network, or start a new training without training.resume_training_from."
        )
    changed = [name for name in settings if before.get(name) != settings[name]]
    if changed:
        lines = [
            f"  {name} was {_words(before.get(name))}, now {_words(settings[name])}"
            for name in changed
        ]
        raise PoseError(
            f"{checkpoint.path} is of a training with other settings:\n"
            + "\n".join(lines)
            + "\nSet them as they were, or start a new training "
            "without training.resume_training_from."
        )


def _words(value) -> str:
    return value if isinstance(value, str) else json.dumps(value)
