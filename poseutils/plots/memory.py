"""The memory plan of an exported network as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_PEAK = "#d1495b"


def show_memory_plan(tensors: Sequence[Mapping], arena_bytes: int) -> None:
    """Time across, bytes up, one rectangle a tensor; the peak, where the arena is full to the top, is marked.

    Args:
        tensors: rows of offset, bytes, first and last (operators), see :class:`poseutils.deployment.ExportReport`.
        arena_bytes: the size of the arena.
    """
    import matplotlib.pyplot as plt
    from matplotlib import colormaps

    colors = colormaps["tab20"].colors
    _, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    for place, row in enumerate(tensors):
        width = row["last"] + 1 - row["first"]
        style = {"color": colors[place % 20], "edgecolor": "white", "linewidth": 0.6}
        axes.bar(row["first"], row["bytes"] / 1024, width, row["offset"] / 1024, align="edge", **style)
    for step in peak_steps(tensors):
        axes.hlines(arena_bytes / 1024, step, step + 1, color=_PEAK, linewidth=4)
        axes.axvspan(step, step + 1, color=_PEAK, alpha=0.15, linewidth=0)
    axes.axhline(arena_bytes / 1024, color=_PEAK, linewidth=0.8, linestyle="--")
    axes.annotate(
        f"arena {arena_bytes / 1024:,.0f} KiB", (0.99, arena_bytes / 1024), xycoords=("axes fraction", "data"), ha="right", va="bottom"
    )
    axes.set(xlabel="operator, in the order they run", ylabel="KiB", ylim=(0, 1.1 * arena_bytes / 1024))
    axes.margins(x=0.01)
    axes.spines[["top", "right"]].set_visible(False)


def peak_steps(tensors: Sequence[Mapping]) -> list[int]:
    """The operators during which most bytes are in use; those that several tensors share count once."""
    last = max((row["last"] for row in tensors), default=-1)
    used = [_covered([row for row in tensors if row["first"] <= step <= row["last"]]) for step in range(last + 1)]
    return [step for step, count in enumerate(used) if count == max(used)]


def _covered(rows: list[Mapping]) -> int:
    count = end = 0
    for row in sorted(rows, key=lambda row: row["offset"]):
        stop = row["offset"] + row["bytes"]
        count += max(0, stop - max(end, row["offset"]))
        end = max(end, stop)
    return count
