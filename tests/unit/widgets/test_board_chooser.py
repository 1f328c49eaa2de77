"""What the board chooser shows, compared with the choice and the scores that it stands for."""

import pytest
import traitlets

from poseutils import widgets
from poseutils.benchmarking import choose, ladder, person_scores
from poseutils.deployment import find_board
from poseutils.errors import PoseError

MEASURED = [rung for rung in ladder() if rung.oks is not None]


def chosen(chooser):
    return [row["cells"]["network"] for row in chooser.networks if row["state"] == "chosen"]


def test_another_board_and_another_oks_are_chosen_for_at_once():
    chooser = widgets.choose_board(MEASURED, "stm32n6570-dk", least_oks=0.5)
    assert chooser.board == "STM32N6570-DK" and "no flash" in chooser.about
    assert "with an NPU" in chooser.about and chooser.networks[0]["cells"]["operators off the NPU"]
    for board, least in (
        ("STM32H747I-DISCO", 0.5),
        ("NUCLEO-H743ZI2", 0.6),
        ("STM32MP135F-DK", 0.6),
    ):
        chooser.board, chooser.least_oks = board, least
        expected = choose(MEASURED, find_board(board), least)
        assert chooser.choice == expected.sentence
        assert chosen(chooser) == ([expected.chosen.name] if expected.chosen else [])


def test_bars_are_parts_of_the_largest_block_and_of_the_flash():
    chooser = widgets.choose_board(MEASURED, "STM32H747I-DISCO", least_oks=0.5)
    assert "1,024 KiB of RAM, 512 in its largest block" in chooser.about
    rows = {(row["cells"]["network"], row["cells"]["input"]): row for row in chooser.networks}
    bundled = rows["bundled network, alpha 0.35", "192"]["bars"]
    assert bundled["RAM, KiB"] == (pytest.approx(112.7 / 512), "internal")
    assert bundled["flash, KiB"] == (pytest.approx(532.9 / 2048), "internal")
    assert rows["movenet_lightning_192", "192"]["bars"]["flash, KiB"] == (1, "external")
    assert {row["state"] for row in chooser.networks} == {"chosen", "suits", "other"}
    chooser.board = "NUCLEO-F401RE"
    assert {row["state"] for row in chooser.networks} == {"other"}


def test_the_threshold_counts_false_alarms_and_misses():
    chooser = widgets.choose_board(MEASURED, "STM32H747I-DISCO")
    assert chooser.threshold == 0.3
    chooser.threshold = 0.45
    assert [(row["falseAlarms"], row["misses"]) for row in chooser.people] == [
        (one.false_alarms(0.45), one.misses(0.45)) for one in person_scores()
    ]


def test_an_unknown_board_is_refused():
    with pytest.raises(PoseError, match="Did you mean STM32H747I-DISCO"):
        widgets.choose_board(MEASURED, "STM32H747-DISCO")
    chooser = widgets.choose_board(MEASURED, "STM32H747I-DISCO")
    for name, value in (("board", "arduino"), ("least_oks", 7.0), ("threshold", -1.0)):
        with pytest.raises(traitlets.TraitError):
            setattr(chooser, name, value)
    assert chooser.board == "STM32H747I-DISCO"
