"""Figures of many trainings: where their lines are."""

import matplotlib
import matplotlib.pyplot as plt
import pytest

matplotlib.use("Agg")

from poseutils import plots  # noqa: E402


def lines_of(axes):
    """The lines that are no axis: their heights."""
    return [list(line.get_ydata()) for line in axes.lines if len(set(line.get_xdata())) > 1]


def test_parallel_coordinates_are_logarithmic_only_over_a_factor_of_ten():
    values = [("1e-4", "8", "mse", 0.1), ("1e-3", "16", "focal", 0.3), ("1e-2", "32", "mse", 0.2)]
    rows = [dict(zip(("rate", "batch", "loss", "OKS"), row)) for row in values]
    plots.show_parallel_coordinates(rows, "OKS")
    heights = [[0, 0, 0, 0], [1, 1, 0, 0.5], [0.5, 1 / 3, 1, 1]]  # the best is drawn last
    for line, wanted in zip(lines_of(plt.gcf().axes[0]), heights, strict=True):
        assert line == pytest.approx(wanted)


def test_one_point_has_a_figure_too():
    plots.show_parallel_coordinates([{"rate": "1", "loss": "mse", "OKS": 0.1}], "OKS")
    assert lines_of(plt.gcf().axes[0]) == [[0.5, 0.5, 0.5]]


def test_curves_are_laid_over_each_other_the_first_thick():
    plots.show_curves_together({f"point {n}": [0.1, n / 20] for n in range(12)}, "OKS")
    axes = plt.gcf().axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == [[0.1, n / 20] for n in range(12)]
    widths = [line.get_linewidth() for line in axes.lines]
    assert widths[0] > 2 * max(widths[1:])
    assert [text.get_text() for text in axes.get_legend().get_texts()][0] == "point 0"
    assert len(axes.get_legend().get_texts()) == 8
