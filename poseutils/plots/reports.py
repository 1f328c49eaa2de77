"""Figures of an evaluation: curves, worst images, and images on which models disagree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt

from .charts import show_bars, show_histogram
from .drawing import draw_result
from .figures import show_images

if TYPE_CHECKING:
    from ..evaluation import Comparison, Report

_MANY = 40  # largest number of keypoints for bars with legible names
_AXES = {
    "precision": ("recall", "precision", "precision over recall"),
    "PCK": ("error / larger side of the box", "fraction of keypoints", "correct keypoints"),
    "heads": ("error / interocular distance", "fraction of heads", "cumulative error"),
}


def show_report(report: Report) -> None:
    """Shows a report: per-keypoint OKS, OKS of the images, curves, and the worst images."""
    if len(report.per_keypoint) <= _MANY:
        show_bars(report.per_keypoint, "per-keypoint OKS", "mean over people")
    show_histogram({"": report.similarities}, "OKS of the images", "OKS")
    show_report_curves({"": report})
    show_worst(report)


def show_report_curves(reports: Mapping[str, Report]) -> None:
    """The curves of several reports by label, a panel per kind."""
    kinds = list(next(iter(reports.values())).curves)
    _, panels = plt.subplots(
        1, len(kinds), figsize=(4.6 * len(kinds), 3.2), squeeze=False, layout="constrained"
    )
    for axes, kind in zip(panels.flat, kinds, strict=True):
        across, up, title = _AXES[kind]
        for label, report in reports.items():
            x, *series = report.curves[kind]
            for name in series:
                words = [label] * bool(label) + [name] * (len(series) > 1)
                axes.plot(report.curves[kind][x], report.curves[kind][name], label=", ".join(words))
        axes.set(xlabel=across, ylabel=up, title=title, ylim=(0, 1.02))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if axes.get_legend_handles_labels()[1]:
            axes.legend(fontsize=7, loc="lower right")


def show_worst(report: Report, count: int = 8) -> None:
    """The images with the lowest OKS, with the ground truth in white."""
    worst = report.worst(count)
    show_images(
        [draw_result(r) for r in worst], titles=[f"OKS {r.oks:.2f}" for r in worst], width=2.6
    )


def show_disagreements(comparison: Comparison, count: int = 4) -> None:
    """The images whose OKS differs most between the models, a row per model."""
    for label, results in comparison.disagreements(count):
        show_images(
            [draw_result(result) for result in results],
            titles=[f"OKS {result.oks:.2f}" for result in results],
            width=2.6,
        )
        plt.suptitle(label, fontsize=9)
