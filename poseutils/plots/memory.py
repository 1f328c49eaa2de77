"""A figure of the memory plan of an exported network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt

_PEAK = "#d1495b"


def show_memory_plan(tensors: Sequence[Mapping], arena_bytes: int) -> None:
    """Memory plan. x: operator index, y: arena offset; one rectangle per tensor, and the operators
    at peak memory.

    Args:
        tensors: rows with offset, bytes, first and last (operators of the live range), see
            :class:`poseutils.deployment.ExportReport`.
        arena_bytes: size of the arena.
    """
    from matplotlib import colormaps

    colors = colormaps["tab20"]
    _, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    for index, row in enumerate(tensors):
        width = row["last"] + 1 - row["first"]
        height, bottom = row["bytes"] / 1024, row["offset"] / 1024
        axes.bar(
            row["first"],
            height,
            width,
            bottom,
            align="edge",
            color=colors(index % 20),
            edgecolor="white",
            linewidth=0.6,
        )
    for step in peak_steps(tensors):
        axes.hlines(arena_bytes / 1024, step, step + 1, color=_PEAK, linewidth=4)
        axes.axvspan(step, step + 1, color=_PEAK, alpha=0.15, linewidth=0)
    axes.axhline(arena_bytes / 1024, color=_PEAK, linewidth=0.8, linestyle="--")
    axes.annotate(
        f"arena {arena_bytes / 1024:,.0f} KiB",
        (0.99, arena_bytes / 1024),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="bottom",
    )
    axes.set(
        xlabel="operator, in execution order", ylabel="KiB", ylim=(0, 1.1 * arena_bytes / 1024)
    )
    axes.margins(x=0.01)
    axes.spines[["top", "right"]].set_visible(False)


def peak_steps(tensors: Sequence[Mapping]) -> list[int]:
    """The operators at peak memory; bytes shared by several tensors count once."""
    last = max((row["last"] for row in tensors), default=-1)
    used = [
        _covered([row for row in tensors if row["first"] <= step <= row["last"]])
        for step in range(last + 1)
    ]
    return [step for step, count in enumerate(used) if count == max(used)]


def _covered(rows: list[Mapping]) -> int:
    count = end = 0
    for row in sorted(rows, key=lambda row: row["offset"]):
        stop = row["offset"] + row["bytes"]
        count += max(0, stop - max(end, row["offset"]))
        end = max(end, stop)
    return count
