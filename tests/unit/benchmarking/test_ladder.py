"""The ladder of networks: its file and chart."""

from collections import Counter

import matplotlib.pyplot as plt
import pytest

from poseutils import plots
from poseutils.benchmarking import benchmark, ladder
from tests.helpers.stand_ins import INT8

CORE = "Cortex-M55"


def test_a_rung_of_the_bundled_network_has_the_costs_that_the_file_has():
    (rung,) = [r for r in ladder() if r.network == "bundled network" and r.size == 192]
    report = benchmark(INT8, runs=1)
    measured = report.metrics
    assert rung.mmacs == pytest.approx(measured["macs"] / 1e6, abs=0.05)
    assert rung.ram_kib == pytest.approx(measured["arena_kib"], abs=0.05)
    assert rung.flash_kib == pytest.approx(measured["constants_kib"], abs=0.05)
    assert rung.minstructions[CORE] == pytest.approx(measured["minstructions_m55"], abs=0.05)
    assert rung.operators == Counter(row["operator"] for row in report.layers)


def test_costs_grow_with_width_and_size():
    trained = [r for r in ladder() if r.network == "st_movenet_lightning_heatmaps"]
    assert {r.alpha for r in trained} == {0.35, 0.5, 0.75, 1.0}
    assert {r.size for r in trained} == {128, 160, 192, 224, 256}
    for rung in trained:
        for other in trained:
            if other.alpha >= rung.alpha and other.size > rung.size:
                assert other.mmacs > rung.mmacs and other.ram_kib > rung.ram_kib


def test_the_chart_has_a_line_for_each_width_and_the_limits_of_a_board():
    measured = [rung for rung in ladder() if rung.oks is not None]
    plots.show_ladder(measured, CORE, {"RAM, KiB": 320})
    panels = plt.gcf().axes
    assert [axes.get_xlabel() for axes in panels] == [
        "million MACs",
        "RAM, KiB",
        "flash, KiB",
        f"million instructions, {CORE}",
    ]
    (legend,) = plt.gcf().legends
    labels = {text.get_text() for text in legend.get_texts()}
    assert {"movenet_lightning_192", "bundled network, alpha 0.35"} <= labels
    (limit,) = [line for line in panels[1].lines if line.get_linestyle() == "--"]
    assert list(limit.get_xdata()) == [320, 320]
    plt.close()
