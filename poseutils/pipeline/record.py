"""``run.json``: the record of a run and the state of its steps, for listing and resuming."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..config import services_of
from ..errors import PoseError
from ..files import read_text, write_json
from .results import read_metrics
from .steps import STATUSES, Step, plan

RECORD = "run.json"
SWEEP = "sweep.json"
"""What marks the folder of a sweep, whose runs are below it."""
LONGEST = 1e9
"""Seconds that no step takes."""


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
        PoseError: if it is not a run folder, or its record is damaged.
    """
    folder = Path(folder).absolute()
    path = folder / RECORD
    if not path.is_file():
        what = "not a run folder: it has no run.json" if folder.is_dir() else "no such folder"
        raise PoseError(f"{folder}: {what}. 'python -m poseutils runs' lists the runs.")
    try:
        record = _record(folder, json.loads(read_text(path)))
    except PoseError:
        raise
    except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError) as error:
        raise PoseError(f"{path}: not a run's record ({type(error).__name__}: {error})") from None
    for step in record.steps:
        if step.folder.is_symlink():
            raise PoseError(f"{step.folder}: a link; a run has folders of its own")
        if step.status == "done":
            step.metrics = read_metrics(step.folder / "metrics.json")
    return record


def _record(folder: Path, values: dict) -> Record:
    """The run that a record describes: its steps follow from its operation mode.

    Raises:
        ValueError, KeyError, TypeError, ArithmeticError: if anything in it is something else.
    """
    project_name, mode, started = (
        _text(values[name]) for name in ("project_name", "operation_mode", "started")
    )
    if len(project_name.splitlines()) > 1:
        raise ValueError(f"project_name {project_name!r}")
    datetime.fromisoformat(started)
    steps = plan(services_of(mode), folder)
    services = [kept["service"] for kept in values["steps"]]
    if services != [step.service for step in steps]:
        raise ValueError(f"{mode} does not run {services}")
    for step, kept in zip(steps, values["steps"], strict=True):
        step.status = STATUSES[STATUSES.index(kept["status"])]
        step.seconds, step.error = float(kept["seconds"]), str(kept["error"])
        if not 0 <= step.seconds < LONGEST:
            raise ValueError(f"{step.seconds} seconds")
    if not isinstance(values["overrides"], list):
        raise ValueError(f"overrides {values['overrides']!r}")
    overrides = tuple(map(_text, values["overrides"]))
    return Record(folder, project_name, mode, started, overrides, steps)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r}; text is expected")
    return value


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
