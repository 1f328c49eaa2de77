"""What the command line gives becomes points."""

import pytest

from poseutils.errors import PoseError
from poseutils.sweeps.space import Range, read_space


def test_every_combination_in_order():
    space = read_space(["a.x=1,2", "b.y=u", "c.z=v,w"], ranges=False)
    assert space.fixed == ("b.y=u",)
    assert [tuple(point.values()) for point in space.points()] == [
        ("1", "v"),
        ("1", "w"),
        ("2", "v"),
        ("2", "w"),
    ]
    assert [tuple(point.values()) for point in space.one_by_one()] == [
        ("1", "v"),
        ("2", "v"),
        ("1", "w"),
    ]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("(96, 96, 3),(192, 192, 3)", ("(96, 96, 3)", "(192, 192, 3)")),
        ("{mse: {sigma: 0, a: 1}},{}", ("{mse: {sigma: 0, a: 1}}", "{}")),
        ("'a,b',c", ("'a,b'", "c")),
        ("1e-3, 1e-4,1e-3", ("1e-3", "1e-4")),
    ],
)
def test_commas_within_brackets_and_quotes_separate_nothing(text, values):
    assert read_space([f"a.x={text}"], ranges=False).attributes == {"a.x": values}


@pytest.mark.parametrize(
    ("text", "whole", "logarithmic"),
    [("1e-4..1e-2", False, True), ("0.35..1.0", False, False), ("4..64", True, True)],
)
def test_ranges(text, whole, logarithmic):
    found = read_space([f"a.x={text}"], ranges=True).attributes["a.x"]
    assert isinstance(found, Range) and str(found) == text
    assert (found.is_whole, found.is_logarithmic) == (whole, logarithmic)


def test_what_begins_like_a_range_may_be_a_path():
    assert read_space(["a.x=../b,../c"], ranges=True).attributes == {"a.x": ("../b", "../c")}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "no attribute has several values"),
        (["a.x=1", "b.y=2"], "no attribute has several values"),
        (["a.x=1,2", "a.x=3"], "a.x is given twice"),
        (["a.x=1..2"], r"only --sampler optuna draws from a range. Give values: a.x=1,2"),
        (["a.x", "a.y=1,2"], "a.x: expected section.attribute=value"),
    ],
)
def test_what_cannot_be_compared(arguments, says):
    with pytest.raises(PoseError, match=says):
        read_space(arguments, ranges=False)


def test_an_empty_range():
    with pytest.raises(PoseError, match="an empty range"):
        read_space(["a.x=2..1"], ranges=True)
