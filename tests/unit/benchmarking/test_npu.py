from poseutils.benchmarking import expected_on_processor
from poseutils.deployment import find_board

LAYERS = [{"operator": name} for name in ("CONV_2D", "RESIZE_BILINEAR", "ADD", "RESIZE_BILINEAR")]


def test_operators_that_leave_the_accelerator():
    (row,) = expected_on_processor(LAYERS, find_board("STM32N6570-DK"))
    assert (row["operator"], row["layers"]) == ("RESIZE_BILINEAR", 2)


def test_a_board_without_one():
    assert expected_on_processor(LAYERS, find_board("STM32H747I-DISCO")) == []
