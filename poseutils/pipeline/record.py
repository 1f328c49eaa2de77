"""``run.json``: the record of a run and the state of its steps, for listing and resuming."""

from __future__ import annotations

import json
import os
import sys
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
        overrides: of the configuration, as given on the command line.
        steps: in order; updated as they run.
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
        """The total duration of the steps."""
        return sum(step.seconds for step in self.steps)

    def stopped_at(self) -> Step | None:
        """The step that failed or was interrupted; None if the run is finished or stopped between
        two steps."""
        return next((step for step in self.steps if step.status not in ("done", "waiting")), None)

    def save(self) -> None:
        """Writes ``run.json`` atomically."""
        fields = {
            name: getattr(self, name) for name in ("project_name", "operation_mode", "started")
        }
        steps = [
            {
                "service": step.service,
                "status": step.status,
                "seconds": round(step.seconds, 3),
                "error": step.error,
            }
            for step in self.steps
        ]
        write_json(
            self.folder / RECORD, fields | {"overrides": list(self.overrides), "steps": steps}
        )


def read_record(folder: str | Path) -> Record:
    """The run in a folder, with the metrics of its steps.

    Raises:
        PoseError: if it is no run folder, or its record is damaged.
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
            step.status = STATUSES[STATUSES.index(kept["status"])]
            step.seconds = float(kept["seconds"])
            step.error = str(kept["error"])
        project_name, operation_mode, started = (
            str(values[name]) for name in ("project_name", "operation_mode", "started")
        )
        record = Record(
            folder, project_name, operation_mode, started, tuple(values["overrides"]), steps
        )
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise PoseError(f"{path}: not a run's record ({type(error).__name__}: {error})") from None
    for step in steps:
        step.metrics = read_metrics(step.folder / "metrics.json") if step.status == "done" else {}
    return record


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Locks a run folder while it is written to. The operating system releases the lock when the
    process ends.

    Raises:
        PoseError: if another process has the lock.
    """
    handle = (
        os.open(folder, os.O_RDONLY)
        if os.name == "posix"
        else os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    )
    try:
        _lock(handle)
        yield
    except _Locked:
        raise PoseError(
            f"{folder}: this run is in progress in another process. Wait for it, or stop it first."
        ) from None
    finally:
        os.close(handle)


class _Locked(Exception):
    """Another process has the lock."""


def _lock(handle: int) -> None:
    """An exclusive lock on a folder, or on Windows, where folders cannot be locked, on the first
    byte of a file."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise _Locked from None


def is_locked(folder: Path) -> bool:
    """True if a process is working on the run."""
    try:
        with locked(folder):
            return False
    except PoseError:
        return True
