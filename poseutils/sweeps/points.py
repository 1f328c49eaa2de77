"""A point of a sweep: its values, its run folder, and what is known of its training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config.loading import read_config
from ..errors import PoseError
from ..files import read_text
from ..pipeline.record import RECORD, Record, read_record
from ..pipeline.runner import prepare
from ..pipeline.steps import CHECKPOINT
from ..training.checkpoint import Progress, read_progress
from .space import overrides_of

PRUNED = "pruned"
"""The file in a point's folder that ends its training early."""

ERROR = "error.txt"
"""The file in a point's folder with the message of its error."""


@dataclass(frozen=True)
class Point:
    """A point of a sweep.

    Attributes:
        number: from 0.
        values: of the attributes that vary, as text.
        folder: its run folder.
    """

    number: int
    values: Mapping[str, str]
    folder: Path

    def prepare(self, config: Path, fixed: Sequence[str], allow_custom_code: bool) -> None:
        """Makes the run folder, with the configuration in it, unless there is one.

        Raises:
            PoseError: if the configuration is invalid or the folder cannot be written to.
        """
        if (self.folder / RECORD).exists():
            return
        overrides = [*fixed, *overrides_of(self.values)]
        settings, problems = read_config(config, overrides, allow_custom_code)
        if problems:
            raise PoseError("\n".join(problems))
        self.folder.mkdir(exist_ok=True)
        prepare(self.folder, settings, overrides)

    def prune(self) -> None:
        """Ends the point's training after the epoch that it is in."""
        (self.folder / PRUNED).touch()

    @property
    def is_pruned(self) -> bool:
        """Whether its training was ended early."""
        return (self.folder / PRUNED).exists()

    @property
    def is_finished(self) -> bool:
        """Whether nothing of it is left to do."""
        record = self.record()
        return self.is_pruned or (record is not None and record.finished)

    @property
    def error(self) -> str:
        """The error by which it ended; empty if there is none."""
        path = self.folder / ERROR
        return read_text(path) if path.exists() else ""

    def record(self) -> Record | None:
        """The state of its run; None before it was prepared."""
        return read_record(self.folder) if (self.folder / RECORD).exists() else None

    def progress(self) -> Progress | None:
        """The epochs of its training so far; None before the end of the first, where a checkpoint
        may be, of the initial weights."""
        record = self.record()
        step = next((s for s in record.steps if s.service == "train"), None) if record else None
        try:
            progress = read_progress(step.folder / CHECKPOINT) if step else None
        except PoseError:
            return None
        return progress if progress and progress.epoch else None


def point_folder(sweep: Path, number: int) -> Path:
    """The run folder of a point in the folder of its sweep."""
    return sweep / f"point-{number:03d}"
