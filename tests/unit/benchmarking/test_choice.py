"""The network that a board should run, compared with a search by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseutils.benchmarking import choose, ladder
from poseutils.deployment import BOARDS, find_board, fits

MEASURED = [rung for rung in ladder() if rung.oks is not None]


@given(st.sampled_from(list(BOARDS.values())), st.floats(0, 1))
def test_no_other_network_that_suits_is_better(board, least_oks):
    choice = choose(MEASURED, board, least_oks)
    suitable = [
        rung
        for rung in MEASURED
        if rung.oks >= least_oks and fits(rung.ram_kib, rung.flash_kib, board).verdict != "no"
    ]
    assert (choice.chosen is None) == (not suitable)
    if choice.chosen is None:
        assert choice.sentence.startswith("No network")
        return
    chosen = choice.chosen.rung
    assert chosen in suitable and choice.chosen.suits
    verdict = choice.chosen.fit.verdict
    for rung in suitable:
        other = fits(rung.ram_kib, rung.flash_kib, board).verdict
        assert not (verdict == "external" and other == "internal")
        if other == verdict and not board.linux:
            core = "Cortex-M4" if board.core == "Cortex-M33" else board.core
            assert rung.minstructions[core] >= chosen.minstructions[core]


def test_the_time_is_that_of_one_and_two_instructions_per_cycle():
    choice = choose(MEASURED, find_board("STM32F746G-DISCO"), 0.5)
    (rung,) = [r for r in MEASURED if r.network == "bundled network" and r.size == 192]
    assert choice.chosen.rung is rung
    count = rung.minstructions["Cortex-M7"]
    assert choice.chosen.milliseconds == pytest.approx((count / 2 / 0.216, count / 0.216))
    assert (
        "113 KiB in 320 KiB of internal RAM" in choice.sentence
        and "441 to 881 ms" in choice.sentence
    )


@pytest.mark.parametrize(
    "board, least, said",
    [
        ("NUCLEO-G474RE", 0.0, "weights 532 KiB too much: 512 KiB of internal flash"),
        ("NUCLEO-H743ZI2", 0.6, "The most accurate that fits: bundled network, alpha 0.35, 192"),
    ],
    ids=["nothing fits", "nothing accurate fits"],
)
def test_why_nothing_is_chosen(board, least, said):
    assert said in choose(MEASURED, find_board(board), least).sentence


def test_a_network_without_an_oks_is_never_chosen_but_listed():
    untrained = [rung for rung in ladder() if rung.oks is None]
    choice = choose(untrained, find_board("STM32N6570-DK"), 0.0)
    assert choice.chosen is None and len(choice.rows()) == len(untrained) > 5


def test_the_accelerator_and_the_figures_of_st():
    name = "st_movenet_lightning_heatmaps_192_13kpts"
    choice = choose(ladder(), find_board("STM32N6570-DK"), 0.5)
    (row,) = [row for row in choice.rows() if row["network"] == name]
    assert row["ST publishes"] == "18.4 ms (3.0)" and row["operators off the NPU"] == "5 of 88"
    assert "not for the NPU: 1 × conversion to other integers, 3 × bilinear" in choice.sentence
    without = choose(ladder(), find_board("STM32H747I-DISCO"), 0.5)
    assert "NPU" not in without.sentence
    assert all("operators off the NPU" not in row for row in without.rows())
    (mark,) = [row for row in choice.rows() if row[""] == "▶"]
    assert mark["network"] == choice.chosen.name
