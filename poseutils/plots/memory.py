"""Figures of the memory plan of an exported network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

_PEAK, _OTHERS, _ROWS = "#d1495b", "#555555", "#2a6f97"


def show_memory_plans(
    plans: Mapping[str, Sequence[Mapping]], others: Mapping[str, float] | None = None
) -> None:
    """Memory plans side by side, to one scale. x: operators, y: arena offset; one rectangle per
    tensor, and where most is in memory.

    Args:
        plans: by their titles, rows with offset, bytes, begin and end (of the live range, in
            operators), see :class:`poseutils.deployment.ExportReport`.
        others: KiB that others need for the network, by their names: a line each.
    """
    others = others or {}
    sizes = {title: _arena_bytes(rows) / 1024 for title, rows in plans.items()}
    _, panels = plt.subplots(
        1, len(plans), figsize=(9, 3.6), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, (title, rows) in zip(panels[0], plans.items()):
        _draw_plan(axes, rows)
        axes.set(title=f"{title}: {sizes[title]:,.0f} KiB", xlabel="operator, in execution order")
        for name, kib in others.items():
            axes.axhline(kib, color=_OTHERS, linewidth=0.8, linestyle="--")
            axes.annotate(
                f"{name} {kib:,.0f} KiB",
                (0.99, kib),
                xycoords=("axes fraction", "data"),
                ha="right",
                va="bottom",
                fontsize="small",
                color=_OTHERS,
            )
    top = max([*sizes.values(), *others.values()], default=1)
    panels[0][0].set(ylabel="KiB", ylim=(0, 1.1 * top))


def _draw_plan(axes: Axes, rows: Sequence[Mapping]) -> None:
    from matplotlib import colormaps

    colors, arena = colormaps["tab20"], _arena_bytes(rows) / 1024
    for index, row in enumerate(rows):
        axes.bar(
            row["begin"],
            row["bytes"] / 1024,
            row["end"] - row["begin"],
            row["offset"] / 1024,
            align="edge",
            color=colors(index % 20),
            edgecolor="white",
            linewidth=0.4,
        )
    for begin, end in peaks(rows):
        axes.axvspan(begin, end, color=_PEAK, alpha=0.15, linewidth=0)
        axes.hlines(arena, begin, end, color=_PEAK, linewidth=3)
    axes.margins(x=0.01)
    axes.spines[["top", "right"]].set_visible(False)


def _arena_bytes(rows: Sequence[Mapping]) -> int:
    return max((row["offset"] + row["bytes"] for row in rows), default=0)


def peaks(rows: Sequence[Mapping]) -> list[tuple[float, float]]:
    """When most bytes are in memory; bytes that several tensors share count once."""
    times = sorted({time for row in rows for time in (row["begin"], row["end"])})
    spans = list(zip(times, times[1:]))
    used = [
        _covered([row for row in rows if row["begin"] <= begin and end <= row["end"]])
        for begin, end in spans
    ]
    return [span for span, count in zip(spans, used) if count == max(used)]


def _covered(rows: list[Mapping]) -> int:
    count = end = 0
    for row in sorted(rows, key=lambda row: row["offset"]):
        stop = row["offset"] + row["bytes"]
        count += max(0, stop - max(end, row["offset"]))
        end = max(end, stop)
    return count


def show_rows_in_memory(frames: Sequence[Mapping]) -> None:
    """A strip of frames: the rows of each image that are in memory while layers take turns.

    Args:
        frames: rows with frame, image (of which layer), rows (that it has), first and last (in
            memory; None where none is), see :class:`poseutils.deployment.ExportReport`.
    """
    count = 1 + max(row["frame"] for row in frames)
    _, panels = plt.subplots(
        1, count, figsize=(9, 3.6), sharey=True, squeeze=False, layout="constrained"
    )
    for row in frames:
        axes, place = panels[0][row["frame"]], row["image"]
        axes.barh(place, row["rows"], color="#eeeeee")
        if row["first"] is not None:
            axes.barh(place, row["last"] + 1 - row["first"], left=row["first"], color=_ROWS)
    for number, axes in enumerate(panels[0]):
        axes.set(title=f"{(number + 1) / (count + 1):.0%}", xlabel="row")
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize="small")
    panels[0][0].invert_yaxis()
