"""A chart of accuracy against cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from ..benchmarking.ladder import Rung


def show_ladder(
    rungs: Sequence[Rung], core: str, limits: Mapping[str, float] | None = None
) -> None:
    """OKS against multiply-accumulates, RAM, flash and instructions, on logarithmic axes: a line
    for each width of trained networks, from small to large inputs, and a cross for each other
    network.

    Args:
        rungs: networks with an OKS.
        core: whose instructions are shown.
        limits: what a board has on the chip, ``RAM, KiB`` and ``flash, KiB``; shown as vertical
            lines.
    """
    costs: dict[str, Callable[[Rung], float]] = {
        "million MACs": lambda rung: rung.mmacs,
        "RAM, KiB": lambda rung: rung.ram_kib,
        "flash, KiB": lambda rung: rung.flash_kib,
        f"million instructions, {core}": lambda rung: rung.minstructions[core],
    }
    figure, panels = plt.subplots(2, 2, figsize=(9, 7), sharey=True, layout="constrained")
    for axes, (label, cost) in zip(panels.flat, costs.items(), strict=True):
        for group in _groups(rungs).items():
            _draw(axes, *group, cost)
        if limit := (limits or {}).get(label):
            axes.axvline(limit, color="#d1495b", linestyle="--", linewidth=1)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
    for axes in panels[:, 0]:
        axes.set_ylabel("OKS")
    handles = panels[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2, fontsize=8)
    plt.show()


def _groups(rungs: Sequence[Rung]) -> dict[str, list[Rung]]:
    """Trained networks by name and width, others by name."""
    groups: dict[str, list[Rung]] = {}
    for rung in rungs:
        width = "" if rung.alpha is None else f", alpha {rung.alpha:g}"
        groups.setdefault(rung.network + width, []).append(rung)
    return groups


def _draw(axes, label: str, rungs: Sequence[Rung], cost: Callable[[Rung], float]) -> None:
    ordered = sorted(rungs, key=lambda rung: rung.size)
    axes.errorbar(
        [cost(rung) for rung in ordered],
        [rung.oks for rung in ordered],
        [rung.oks_error for rung in ordered],
        fmt="o-" if ordered[0].alpha else "X",
        markersize=5,
        linewidth=1.2,
        label=label,
    )
    for rung in ordered:
        axes.annotate(
            str(rung.size),
            (cost(rung), rung.oks),
            fontsize=7,
            xytext=(3, 4),
            textcoords="offset points",
        )
