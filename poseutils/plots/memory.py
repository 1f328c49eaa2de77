"""The memory plan of an exported network as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def show_memory_plan(buffers: Sequence[Mapping], arena_bytes: int) -> None:
    """Time across, bytes up, one rectangle a buffer; the operators during which the arena is full to the top are marked.

    Args:
        buffers: rows of offset, bytes, first and last (operators), see :class:`poseutils.deployment.ExportReport`.
        arena_bytes: the size of the arena.
    """
    import matplotlib.pyplot as plt
    from matplotlib import colormaps

    colors = colormaps["tab20"].colors
    _, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    for place, row in enumerate(buffers):
        width, top = row["last"] + 1 - row["first"], (row["offset"] + row["bytes"]) / 1024
        axes.bar(row["first"], row["bytes"] / 1024, width, row["offset"] / 1024, align="edge", color=colors[place % 20], edgecolor="white")
        if row["offset"] + row["bytes"] == arena_bytes:
            axes.hlines(top, row["first"], row["first"] + width, color="#d1495b", linewidth=3)
    axes.axhline(arena_bytes / 1024, color="#d1495b", linewidth=0.8, linestyle="--")
    axes.annotate(
        f"arena {arena_bytes / 1024:,.0f} KiB", (0.99, arena_bytes / 1024), xycoords=("axes fraction", "data"), ha="right", va="bottom"
    )
    axes.set(xlabel="operator, in the order they run", ylabel="KiB", ylim=(0, 1.1 * arena_bytes / 1024))
    axes.margins(x=0.01)
    axes.spines[["top", "right"]].set_visible(False)
