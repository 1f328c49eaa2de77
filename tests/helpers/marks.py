"""Marks for parameters of tests."""

import pytest


def slow_except(quick, values):
    """Parameters of which those in ``quick`` alone run in ``make test``; a tuple is known by its
    first value."""
    return [
        pytest.param(*each, marks=() if each[0] in quick else pytest.mark.slow)
        for each in (value if isinstance(value, tuple) else (value,) for value in values)
    ]
