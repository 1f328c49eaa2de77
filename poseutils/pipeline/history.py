"""A table of the runs in a folder, newest first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ..errors import PoseError
from ..files import read_text
from .record import RECORD, SWEEP, Record, is_locked, read_record
from .results import duration, headline

HEADING = ("run", "mode", "state", "duration", "main results")


def runs_table(folder: str | Path) -> str:
    """A line per run: name, mode, state, duration and main results; below it, sweeps, and folders
    that are no runs or are unreadable.

    Raises:
        PoseError: if there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise PoseError(
            f"{folder}: no such folder. Runs are in 'runs', or in the folder given by --runs-dir."
        )
    rows, unreadable = [], []
    sweeps: list[str] = []
    others: list[str] = []
    for path in (path for path in sorted(folder.iterdir()) if path.is_dir()):
        try:
            if (path / RECORD).exists():
                record = read_record(path)
                rows.append((record.started, _row(record)))
            else:
                (sweeps if (path / SWEEP).exists() else others).append(path.name)
        except (PoseError, OSError) as error:
            unreadable.append(f"unreadable: {error}")
    rows.sort(reverse=True)
    lines = aligned([HEADING, *(row for _, row in rows)]) if rows else [f"no runs in {folder}"]
    below = [
        *(
            f"sweep {name}: python -m poseutils runs {folder / name} lists its runs"
            for name in sweeps
        ),
        *([f"no runs: {', '.join(others)}"] if others else []),
    ]
    lines += [*([""] if below else []), *below, *unreadable]
    return "\n".join(map(_printable, lines))


def _printable(line: str) -> str:
    """Without what a folder's name could send to the terminal."""
    return "".join(c if c.isprintable() else "?" for c in line)


def state(record: Record) -> str:
    """``done``, ``running 3/7``, ``failed at 02-quantize`` or ``stopped at 02-quantize``."""
    if record.finished:
        return "done"
    done = sum(step.status == "done" for step in record.steps)
    if is_locked(record.folder):
        return f"running {done + 1}/{len(record.steps)}"
    step = record.stopped_at()
    if step is None:
        return f"stopped after {done}/{len(record.steps)}"
    return f"{'failed' if step.status == 'failed' else 'stopped'} at {step.folder.name}"


def _row(record: Record) -> tuple[str, ...]:
    return (
        record.folder.name,
        record.operation_mode,
        state(record),
        duration(_seconds(record)),
        _results(record),
    )


def _seconds(record: Record) -> float:
    """The duration of a run, including the elapsed time of a running step."""
    step = record.stopped_at()
    running = step is not None and step.status == "running" and is_locked(record.folder)
    return record.seconds + (
        datetime.now().timestamp() - (record.folder / RECORD).stat().st_mtime if running else 0
    )


def _results(record: Record) -> str:
    path = record.folder / "metrics.json"
    try:
        return headline(json.loads(read_text(path))) if path.exists() else ""
    except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return "metrics.json cannot be read"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line per row, the cells of a column below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
