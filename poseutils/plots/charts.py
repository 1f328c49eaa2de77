"""Tables and charts of measurements."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any
from urllib.parse import quote

import matplotlib.pyplot as plt
import numpy as np

from .. import markdown
from ..markdown import escaped
from ..poses import Poses

_FEW = 8  # files of a folder that are all linked
_LABEL = 52  # characters of a line of an axis label, which may be a file name


def table(rows: Sequence[Mapping], empty: str = "nothing to show"):
    """A table for notebooks, from rows (dictionaries); the cells of missing keys are empty. Floats
    have at most three decimals. Without rows a sentence: ``empty``."""
    from IPython.display import Markdown

    if not rows:
        return Markdown(f"*{empty}*")
    columns: dict = {}
    for row in rows:
        columns = {**columns, **row, **columns}  # the first value of each, in order
    return Markdown(
        markdown.table(
            [escaped(name) for name in columns],
            [[_cell(row.get(name, "")) for name in columns] for row in rows],
            [not isinstance(value, str) for value in columns.values()],
        )
    )


def links(run_dir: str | Path):
    """For notebooks, links to the files in a run folder, without dotfiles, that open from the
    current folder; of a folder with many files, to the first."""
    from IPython.display import Markdown

    lines = []
    for path in sorted(p for p in Path(run_dir).iterdir() if not p.name.startswith(".")):
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        shown = files if len(files) <= _FEW else files[:1]
        lines += [f"- {_link(file, run_dir)}" for file in shown]
        if len(shown) < len(files):
            lines[-1] += f" and {len(files) - 1} more"
    return Markdown("\n".join(lines))


def _link(file: Path, run_dir: str | Path) -> str:
    address = quote(Path(os.path.relpath(file)).as_posix())
    return f"[{escaped(file.relative_to(run_dir).as_posix())}]({address})"


def _cell(value) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:,.0f}" if value.is_integer() else f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else escaped(value)


def show_layers(rows: Sequence[Mapping], columns: Mapping[str, str]) -> None:
    """Bar charts over the layers of a network in execution order, one panel per column; the maximum
    is annotated.

    Args:
        rows: one per layer, as in :attr:`poseutils.benchmarking.Report.layers`.
        columns: keys of the rows to show, each with its label.
    """
    _, panels = plt.subplots(
        len(columns),
        1,
        figsize=(9, 1.9 * len(columns)),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, (key, label) in zip(panels.flat, columns.items(), strict=True):
        values = np.array([row[key] for row in rows], dtype=float)
        top = int(values.argmax())
        axes.bar(
            np.arange(len(rows)),
            values,
            width=1.0,
            color=["#d1495b" if i == top else "#5b8db8" for i in range(len(rows))],
        )
        axes.annotate(
            f"{rows[top]['operator']} #{rows[top]['index']}",
            (top, values[top]),
            fontsize=8,
            va="bottom",
            ha="left" if top < len(rows) / 2 else "right",
        )
        axes.set_ylabel(label, fontsize=8)
        axes.margins(x=0.01, y=0.15)
        axes.spines[["top", "right"]].set_visible(False)
    panels.flat[-1].set_xlabel("layer, in execution order")


def show_ranges(low: np.ndarray, high: np.ndarray, title: str, labels: tuple[str, str]) -> None:
    """Vertical bars from ``low`` to ``high``, (N,) each, one per channel or layer.

    Args:
        labels: of the horizontal axis, what a bar is, and of the vertical one.
    """
    _, axes = plt.subplots(figsize=(9, 2.6), layout="constrained")
    axes.use_sticky_edges = False  # else the lowest bar ends on the frame
    axes.bar(np.arange(len(low)), high - low, bottom=low, width=0.9, color="#5b8db8")
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set(title=title, xlabel=labels[0], ylabel=labels[1])
    axes.margins(x=0.01)
    axes.spines[["top", "right"]].set_visible(False)


def show_agreement(
    first: Sequence[float], second: Sequence[float], labels: tuple[str, str], title: str
) -> None:
    """A scatter plot of two results for the same images, with the identity line.

    Args:
        labels: of the horizontal axis, ``first``, and of the vertical one.
    """
    _, axes = plt.subplots(figsize=(4.4, 4.2), layout="constrained")
    axes.plot([0, 1], [0, 1], color="gray", linewidth=0.8)
    axes.scatter(first, second, s=18, alpha=0.7, color="#d1495b")
    axes.set(title=title, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_xlabel(fill(labels[0], _LABEL), fontsize=7)
    axes.set_ylabel(fill(labels[1], _LABEL), fontsize=7)


def mean_scores(poses: Iterable[Poses]) -> dict[str, float]:
    """The mean score of each keypoint over all people, by name; with more than 40 keypoints, the
    mean over all of them."""
    poses = [p for p in poses if len(p)]
    if not poses:
        return {"no people detected": 0.0}
    means = np.concatenate([p.scores for p in poses]).mean(axis=0)
    if len(means) > 40:
        return {"all keypoints": float(means.mean())}
    return dict(zip(poses[0].layout.names, means.tolist(), strict=True))


def show_bars(
    values: Mapping[str, float] | Mapping[str, Mapping[str, float]], title: str, unit: str = ""
) -> None:
    """A horizontal bar chart, one bar per name; several mappings by label are grouped."""
    series: Any = (
        values if values and isinstance(next(iter(values.values())), Mapping) else {"": values}
    )
    names = list(next(iter(series.values())))
    _, axes = plt.subplots(
        figsize=(7, 0.9 + 0.24 * len(names) * max(1, 0.6 * len(series))), layout="constrained"
    )
    height = 0.8 / len(series)
    for index, (label, mapping) in enumerate(series.items()):
        positions = np.arange(len(names)) + (index - (len(series) - 1) / 2) * height
        bars = axes.barh(
            positions, [mapping.get(name, np.nan) for name in names], height=height, label=label
        )
        axes.bar_label(bars, fmt="%.2f", fontsize=7, padding=2)
    axes.set_yticks(np.arange(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_title(title)
    axes.set_xlabel(unit)
    axes.spines[["top", "right"]].set_visible(False)
    if len(series) > 1:
        axes.figure.legend(loc="outside upper center", fontsize=8)


def show_histogram(values: Mapping[str, Sequence[float]], title: str, xlabel: str) -> None:
    """Histograms of numbers from 0 to 1, one per label."""
    _, axes = plt.subplots(figsize=(6, 2.8), layout="constrained")
    axes.hist(
        [np.array(v)[~np.isnan(v)] for v in values.values()],
        bins=np.linspace(0, 1, 21).tolist(),
        label=list(values),
    )
    axes.set(title=title, xlabel=xlabel, ylabel="images")
    if any(values):
        axes.figure.legend(loc="outside upper center", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def show_curves(
    history: Mapping[str, Sequence[float]],
    groups: Mapping[str, Sequence[str]],
    initial: Mapping[str, float] | None = None,
) -> None:
    """Learning curves, one panel per group of names; axes begin at 0, and those of OKS end at 1.
    Of names in ``initial``, the value before the first epoch is shown at 0."""
    _, panels = plt.subplots(
        1, len(groups), figsize=(4.4 * len(groups), 3), squeeze=False, layout="constrained"
    )
    for axes, (title, names) in zip(panels.flat, groups.items(), strict=True):
        for name in names:
            if name in history:
                before = [initial[name]] if initial and name in initial else []
                values = [*before, *history[name]]
                epochs = np.arange(len(values)) + 1 - len(before)
                axes.plot(epochs, values, marker=".", label=name)
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.set_ylim(0, 1 if all(name.endswith("oks") for name in names) else None)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
