"""The results of a sweep: a row for each point, best first, as a table and as files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import PoseError
from ..files import METRICS, read_text, write_json, write_text
from ..pipeline.history import aligned
from ..pipeline.record import Record
from ..pipeline.results import duration, read_metrics
from .points import Point

RESULTS = "results.json"


@dataclass(frozen=True)
class Result:
    """How a point ended.

    Attributes:
        point: its number, which its folder has too.
        values: of the attributes that vary, as text.
        state: ``done``, ``pruned``, ``failed`` or ``stopped``.
        oks: the best mean OKS on the validation images; None before the first epoch.
        best_epoch: the epoch of it, from 1; 0 is the start.
        seconds: duration of its run.
        error: empty unless it failed.
        history: name to one value per epoch.
        metrics: those of its run, by name.
    """

    point: int
    values: Mapping[str, str]
    state: str
    oks: float | None
    best_epoch: int | None
    seconds: float
    error: str = ""
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    metrics: Mapping[str, float | None] = field(default_factory=dict)


def result_of(point: Point) -> Result:
    """The result of a point, from its folder."""
    record, progress = point.record(), point.progress()
    return Result(
        point.number,
        point.values,
        _state(point, record),
        progress.best_oks if progress else None,
        progress.best_epoch if progress else None,
        round(record.seconds, 1) if record else 0.0,
        point.error,
        progress.history if progress else {},
        read_metrics(point.folder / METRICS),
    )


def _state(point: Point, record: Record | None) -> str:
    if point.is_pruned:
        return "pruned"
    if point.error:
        return "failed"
    return "done" if record and record.finished else "stopped"


def best_first(results: Sequence[Result]) -> list[Result]:
    """By their OKS; those that failed, and those without, last."""
    return sorted(
        results, key=lambda r: (r.state == "failed", 1 if r.oks is None else -r.oks, r.point)
    )


def write_results(folder: Path, results: Sequence[Result]) -> None:
    """Writes ``results.json`` with everything, and ``results.csv`` without the histories."""
    write_json(folder / RESULTS, [asdict(result) for result in results])
    rows = [_flat(result) for result in results]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text((folder / RESULTS).with_suffix(".csv"), text.getvalue())


def read_results(folder: str | Path) -> list[Result]:
    """The results of a sweep, best first.

    Raises:
        PoseError: if the folder has none, or they are damaged.
    """
    path = Path(folder) / RESULTS
    try:
        return [Result(**result) for result in json.loads(read_text(path))]
    except (ValueError, TypeError) as error:
        if isinstance(error, PoseError):
            raise
        raise PoseError(f"{path}: not the results of a sweep ({error})") from None


def short_names(names: Sequence[str]) -> dict[str, str]:
    """The last part of each attribute's name; the whole name where another has the same."""
    last = [name.rpartition(".")[2] for name in names]
    return {name: part if last.count(part) == 1 else name for name, part in zip(names, last)}


def table_rows(results: Sequence[Result]) -> list[dict[str, str]]:
    """The main figures of each point as text, by column."""
    return [
        {
            "point": str(result.point),
            **{short: result.values[n] for n, short in short_names(list(result.values)).items()},
            "validation OKS": "n/a" if result.oks is None else f"{result.oks:.3f}",
            "best epoch": "n/a" if result.best_epoch is None else str(result.best_epoch),
            "time": duration(result.seconds) if result.seconds else "n/a",
            "state": result.state,
        }
        for result in results
    ]


def results_table(results: Sequence[Result]) -> str:
    """The table as plain text, with errors and what was not learned below it."""
    rows = table_rows(results)
    lines = aligned([list(rows[0]), *(list(row.values()) for row in rows)])
    notes = [f"point {r.point}: {r.error.strip()}" for r in results if r.error]
    notes += nothing_learned(results)
    return "\n".join([*lines, *([""] if notes else []), *notes])


def nothing_learned(results: Sequence[Result]) -> list[str]:
    """A line that names the points whose OKS is that of their initial weights, if there are any."""
    points = [str(result.point) for result in results if result.best_epoch == 0]
    return [
        f"nothing was learned by point {', '.join(points)}: no epoch was better than the initial "
        "weights. Train for more epochs, or with another learning rate."
    ] * bool(points)


def _flat(result: Result) -> dict[str, object]:
    """A row of the .csv."""
    values = asdict(result)
    del values["history"]
    return {
        "point": values.pop("point"),
        **values.pop("values"),
        **{name: value for name, value in values.items() if name not in ("metrics", "error")},
        **result.metrics,
        "error": result.error,
    }
