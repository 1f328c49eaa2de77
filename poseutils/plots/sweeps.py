"""Figures of many trainings beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

_NAMED = 8
"""Number of curves that a legend names: the first."""
_COLORS = "viridis_r"


def show_curves_together(curves: Mapping[str, Sequence[float]], title: str) -> None:
    """Curves over epochs, from 1, laid over each other. The first is drawn thick; the legend names
    the first ones."""
    _, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    colors = plt.get_cmap(_COLORS)(np.linspace(1, 0.15, max(1, len(curves))))
    for index, ((label, values), color) in enumerate(zip(curves.items(), colors)):
        axes.plot(
            np.arange(len(values)) + 1,
            values,
            marker=".",
            color=color,
            linewidth=1 if index else 2.5,
            zorder=len(curves) - index,
            label=label if index < _NAMED else None,
        )
    last = max(map(len, curves.values()), default=1)
    axes.set(title=title, xlabel="epoch", xlim=(0, last + 0.5), ylim=(0, 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    if curves:
        axes.legend(fontsize=8)


def show_parallel_coordinates(rows: Sequence[Mapping[str, str | float]], score: str) -> None:
    """A vertical axis per column and a line per row, colored by its ``score``.

    An axis of numbers is logarithmic if they are positive and span a factor of ten; other values
    are spread evenly in the order of the rows.

    Args:
        rows: with the same columns; numbers may be given as text.
        score: the column of numbers that is colored, from lowest to highest.
    """
    columns = list(rows[0])
    _, axes = plt.subplots(figsize=(1.2 + 2.2 * len(columns), 4), layout="constrained")
    heights = np.empty((len(rows), len(columns)))
    for place, name in enumerate(columns):
        heights[:, place], ticks = _spread([row[name] for row in rows])
        _draw_axis(axes, place, ticks)
    scores = np.array([float(row[score]) for row in rows])
    low, high = scores.min(), max(scores.max(), scores.min() + 1e-9)
    for line, value in sorted(zip(heights, scores), key=lambda pair: pair[1]):
        color = plt.get_cmap(_COLORS)((value - low) / (high - low))
        axes.plot(range(len(columns)), line, color=color, linewidth=2, alpha=0.85)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks([])
    axes.margins(x=0.12)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.figure.colorbar(
        plt.cm.ScalarMappable(plt.Normalize(low, high), _COLORS), ax=axes, label=score
    )


def _draw_axis(axes: Axes, place: int, ticks: Mapping[str, float]) -> None:
    axes.axvline(place, color="gray", linewidth=0.8, zorder=0)
    for text, height in ticks.items():
        axes.annotate(
            text,
            (place, height),
            (-5, 0),
            textcoords="offset points",
            fontsize=8,
            ha="right",
            va="center",
            bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1},
        )


def _spread(values: Sequence[str | float]) -> tuple[np.ndarray, dict[str, float]]:
    """The height of each value on its axis, 0 to 1, and the heights that are labeled."""
    try:
        numbers = np.array([float(value) for value in values])
    except ValueError:
        names = list(dict.fromkeys(map(str, values)))
        places = dict(zip(names, np.linspace(0, 1, len(names)) if len(names) > 1 else [0.5]))
        return np.array([places[str(value)] for value in values]), places
    scaled = np.log(numbers) if 0 < 10 * numbers.min() <= numbers.max() else numbers
    low, span = scaled.min(), np.ptp(scaled)
    heights = (scaled - low) / span if span else np.full(len(numbers), 0.5)
    ordered = np.argsort(numbers)
    shown = ordered if len(set(numbers)) <= _NAMED else ordered[[0, -1]]
    return heights, {f"{numbers[i]:.4g}": float(heights[i]) for i in shown}
