"""``run.json``: what a run is and how far it came, so that it can be listed, and go on after a stop."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import PoseError
from ..files import write_json
from .results import read_metrics
from .steps import STATUSES, Step, plan

RECORD = "run.json"


@dataclass(frozen=True)
class Record:
    """A run.

    Attributes:
        folder: the run folder.
        project_name, operation_mode: as configured.
        started: ISO 8601, to the second, local time.
        overrides: of the configuration, as they stood on the command line.
        steps: in order; changed as they run.
    """

    folder: Path
    project_name: str
    operation_mode: str
    started: str
    overrides: tuple[str, ...]
    steps: Sequence[Step]

    @property
    def finished(self) -> bool:
        """True if every step is done."""
        return all(step.status == "done" for step in self.steps)

    @property
    def seconds(self) -> float:
        """What its steps took together."""
        return sum(step.seconds for step in self.steps)

    def stopped_at(self) -> Step | None:
        """The step that failed, or that ran when the run stopped; None if it stopped between two."""
        return next((step for step in self.steps if step.status not in ("done", "waiting")), None)

    def save(self) -> None:
        """Writes ``run.json`` in one step."""
        fields = {name: getattr(self, name) for name in ("project_name", "operation_mode", "started")}
        steps = [
            {"service": step.service, "status": step.status, "seconds": round(step.seconds, 3), "error": step.error} for step in self.steps
        ]
        write_json(self.folder / RECORD, fields | {"overrides": list(self.overrides), "steps": steps})


def read_record(folder: str | Path) -> Record:
    """The run in a folder, with the metrics of its steps.

    Raises:
        PoseError: if it holds no run, or one that cannot be read.
    """
    folder = Path(folder).absolute()
    path = folder / RECORD
    if not path.is_file():
        what = "no run folder: it has no run.json" if folder.is_dir() else "no such folder"
        raise PoseError(f"{folder}: {what}. 'python -m poseutils runs' lists the runs.")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        steps = plan([step["service"] for step in values["steps"]], folder)
        for step, kept in zip(steps, values["steps"], strict=True):
            step.status, step.seconds, step.error = STATUSES[STATUSES.index(kept["status"])], float(kept["seconds"]), str(kept["error"])
        fields = [str(values[name]) for name in ("project_name", "operation_mode", "started")]
        record = Record(folder, *fields, tuple(values["overrides"]), steps)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise PoseError(f"{path}: not a run's record ({type(error).__name__}: {error})") from None
    for step in steps:
        step.metrics = read_metrics(step.folder / "metrics.json") if step.status == "done" else {}
    return record


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds a run folder while it is written to. However this process ends, the system lets go of it.

    Raises:
        PoseError: if another process holds it.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        _lock(handle, folder)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PoseError(f"{folder}: this run is going on, in another process. Wait for it, or stop it first.") from None


def is_held(folder: Path) -> bool:
    """True if a process works on the run."""
    try:
        with held(folder):
            return False
    except PoseError:
        return True
