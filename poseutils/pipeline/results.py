"""The metrics of a run: of each step, and of the float and the quantized model side by side."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import PoseError
from ..files import read_text
from ..models.networks.precision import precision_of_file
from ..models.zoo import ZOO, fetch
from .steps import Step

Metrics = dict[str, float | None]

PRECISIONS = ("float", "quantized")
MAIN_METRICS = 4
"""Number of a step's metrics in the tables: the first that its notebook wrote."""
COUNTS = ("images", "people")
"""Sizes of the test set, not results; compared only where they differ."""

_COMPARED = "compared."


def read_metrics(path: Path) -> Metrics:
    """The numbers in a step's ``metrics.json``, by name; empty if there is no such file.

    Raises:
        PoseError: if the file contains anything but names and numbers.
    """
    if not path.exists():
        return {}
    try:
        metrics = json.loads(read_text(path))
        return {
            str(name): float(value) if math.isfinite(value) else None
            for name, value in metrics.items()
        }
    except PoseError:
        raise
    except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise PoseError(
            f'{path}: expected names and numbers, such as {{"oks": 0.5}} ({error})'
        ) from None


def all_metrics(steps: Sequence[Step]) -> Metrics:
    """The metrics of a whole run.

    First those of the models, as ``float.name`` and ``quantized.name``; then those of each step, as
    ``label.name``, with ``label.seconds``, and ``label.failed`` 1 if it failed.
    """
    by_precision = compared(steps)
    metrics = {
        f"{precision}.{name}": value
        for precision, values in by_precision.items()
        for name, value in values.items()
    }
    for step in steps:
        metrics.update({f"{step.label}.{name}": value for name, value in own_metrics(step).items()})
        if step.status != "waiting":
            metrics[f"{step.label}.seconds"] = round(step.seconds, 2)
        if step.status in ("failed", "interrupted"):
            metrics[f"{step.label}.{step.status}"] = 1.0
    return metrics


def own_metrics(step: Step) -> Metrics:
    """A step's metrics, without those of the model it was compared with if :func:`compared` lists
    them."""
    if len(set(_precisions(step).values())) < 2:
        return step.metrics
    return {name: value for name, value in step.metrics.items() if not name.startswith(_COMPARED)}


def compared(steps: Sequence[Step]) -> dict[str, Metrics]:
    """The latest metrics of the ``float`` and the ``quantized`` model, as far as they were
    evaluated."""
    found: dict[str, Metrics] = {}
    for step in steps:
        for parameter, precision in _precisions(step).items():
            prefix = _COMPARED if parameter == "compare_with" else ""
            theirs = {
                name.removeprefix(prefix): value
                for name, value in step.metrics.items()
                if name.startswith(_COMPARED) == bool(prefix)
            }
            found[precision] = found.get(precision, {}) | theirs
    return {precision: found[precision] for precision in PRECISIONS if found.get(precision)}


def _precisions(step: Step) -> dict[str, str]:
    """The precision, float or quantized, of each model that an evaluation was given."""
    if step.service != "evaluate" or not step.metrics:
        return {}
    return {
        name: precision for name, model in step.given.items() if (precision := precision_of(model))
    }


def precision_of(model: str) -> str:
    """``float`` or ``quantized``, by the weights of a zoo model or a file; empty if it cannot be
    read."""
    try:
        return precision_of_file(fetch(model) if model in ZOO else Path(model))
    except (PoseError, OSError):
        return ""


def results_table(steps: Sequence[Step]) -> str:
    """The main results as plain text, a line per step; then the float and the quantized model side
    by side, if both were evaluated; then the notes of the steps."""
    rows = [
        (step.label, duration(step.seconds) if step.status != "waiting" else "", step_results(step))
        for step in steps
    ]
    width = max(len(label) for label, _, _ in rows)
    lines = [f"  {label:<{width}}  {time:>9}  {results}".rstrip() for label, time, results in rows]
    table = side_by_side(compared(steps))
    if table:
        lines += [
            "",
            *(
                f"  {name:<{width}}  {a:>9}  {b:>9}  {change:>9}".rstrip()
                for name, a, b, change in table
            ),
        ]
    for step in steps:
        if step.notes:
            lines += ["", *(f"{step.label}: {note}" for note in step.notes)]
    return "\n".join(lines)


def side_by_side(by_precision: Mapping[str, Metrics]) -> list[tuple[str, str, str, str]]:
    """Rows of name, float, quantized and difference, after a heading; empty unless both were
    evaluated."""
    if set(by_precision) != set(PRECISIONS):
        return []
    before, after = (by_precision[precision] for precision in PRECISIONS)
    same = {name for name in COUNTS if before.get(name) == after.get(name)}
    names = [name for name in before if name in after and name not in same]
    return [
        ("", "float", "quantized", "change"),
        *(
            (name, figure(before[name]), figure(after[name]), change(before[name], after[name]))
            for name in names
        ),
    ]


def change(before: float | None, after: float | None) -> str:
    """The signed difference; empty if it is zero or either value is unknown."""
    if before is None or after is None or before == after:
        return ""
    return f"{after - before:+.4f}" if abs(after) < 1000 else f"{after - before:+,.0f}"


def step_results(step: Step) -> str:
    """The main metrics of a step in one line."""
    figures = [
        f"{name} {figure(value)}" for name, value in list(step.metrics.items())[:MAIN_METRICS]
    ]
    if step.status in ("done", "waiting"):
        return ", ".join(figures)
    return ", ".join([step.status, *figures])


def headline(metrics: Mapping[str, float | None]) -> str:
    """The main metrics of a run: AP or OKS of the float and the quantized model; else its first two
    metrics."""
    chosen = [
        f"{precision}.{name}"
        for precision in PRECISIONS
        for name in (("ap",) if f"{precision}.ap" in metrics else ("oks", "nme"))
    ]
    names = [name for name in chosen if metrics.get(name) is not None]
    states = (".seconds", ".failed", ".interrupted")
    names = names or [name for name in metrics if not name.endswith(states)][:2]
    return ", ".join(f"{name} {figure(metrics[name])}" for name in names)


def figure(value: float | None) -> str:
    """A number for display, to four significant digits or decimals."""
    if value is None:
        return "n/a"
    if abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}"
    has_decimals = 0.001 <= abs(value) < 10 or abs(value) < 0.00005  # an OKS far off is 1e-65
    return f"{value:.4f}" if has_decimals else f"{value:.4g}"


def duration(seconds: float) -> str:
    """A duration for display: ``9.1 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 99.5:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
