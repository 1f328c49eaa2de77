"""Charts of accuracy against cost, and of false alarms against misses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from ..benchmarking.ladder import Rung
from ..benchmarking.person_scores import PersonScores


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


def show_person_scores(measured: Sequence[PersonScores], threshold: float) -> None:
    """False alarms and misses over the threshold of the person score: a panel for each network, a
    pair of lines for each kind of images.

    Args:
        measured: at least one.
        threshold: shown as a vertical line.
    """
    networks = list(dict.fromkeys(one.network for one in measured))
    figure, panels = plt.subplots(
        1, len(networks), figsize=(9, 3.2), sharey=True, squeeze=False, layout="constrained"
    )
    grid = np.linspace(0, 1, 201)
    for axes, network in zip(panels[0], networks, strict=True):
        own = [one for one in measured if one.network == network]
        for one, style in zip(own, ("-", "--"), strict=True):
            for label, count, color in (
                ("false alarms", one.false_alarms, "#d1495b"),
                ("misses", one.misses, "#2a6f97"),
            ):
                shares = [count(value) for value in grid]
                axes.plot(grid, shares, style, color=color, label=f"{label}, {one.images}")
        axes.axvline(threshold, color="black", linestyle=":", linewidth=1)
        axes.set_title(network, fontsize=8)
        axes.set_xlabel("threshold")
        axes.grid(alpha=0.3)
    panels[0, 0].set_ylabel("fraction of images")
    handles = panels[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2, fontsize=8)
    plt.show()
