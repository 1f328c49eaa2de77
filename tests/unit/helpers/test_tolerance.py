"""What nbval takes as equal outputs, and what not."""

import pytest

from tests.helpers.tolerance import aligned


@pytest.mark.parametrize(
    ("text", "reference", "share"),
    [
        ("oks 0.799", "oks 0.801", None),
        ("| -0.004 | 0.010 |", "| 0.003 | 0.012 |", None),
        ("| 0 | -0.007 |", "| 0.006 | 0 |", None),
        ("loss 1,000.000", "loss 1,019.000", None),
        ("59,900,000 instructions", "60,050,719 instructions", 0.1),
        ("equal: yes", "equal: yes", None),
    ],
)
def test_numbers_within_tolerance_are_equal(text, reference, share):
    assert aligned(text, reference, share) == reference


@pytest.mark.parametrize(
    ("text", "reference", "share"),
    [
        ("oks 0.651", "oks 0.751", None),
        ("113 KiB", "114 KiB", None),
        ("0 people", "1 person", None),
        ("gain 0", "gain 0.030", None),
        ("v1.12", "v1.13", None),
        ("1.0 and 2", "1.0", None),
        ("40,000,000 instructions", "60,050,719 instructions", 0.1),
        ("equal: no", "equal: yes", 0.1),
        ("nothing 0.750", "something 0.751", None),
    ],
)
def test_others_are_not(text, reference, share):
    assert aligned(text, reference, share) != reference
