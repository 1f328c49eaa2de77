"""OPERATORS.md, against the code that it is written from."""

from poseutils.compiler.frontends.qdq import OPERATORS
from poseutils.compiler.lowering import LOWERING
from tests.bench.operators_page import PAGE, page


def test_the_page_is_what_the_code_says():
    written = PAGE.read_text(encoding="utf-8")
    assert written == page(), "run: python -m tests.bench.operators_page"
    words = set(written.replace(",", " ").replace("`", " ").replace(".", " ").split())
    assert set(LOWERING) | set(OPERATORS) <= words


def test_every_condition_of_an_operator_is_named():
    convolution = page().partition("### CONV_2D\n")[2].partition("\n###")[0]
    for reason in (
        "Attributes: activation, stride, padding, pads, dilation.",
        "weights with zero points of 0 are expected",
        "a window of … rows; up to 64 are supported",
        "int8 with one scale and zero point is supported",
        "… groups; up to 1024 are supported",
    ):
        assert reason in convolution
