"""Marks for tests that need a program, and for parameters of tests."""

import shutil
from importlib.util import find_spec

import pytest

from poseutils.deployment import missing_tools


def _unless(missing):
    return pytest.mark.skipif(bool(missing), reason=f"not installed here: {', '.join(missing)}")


def with_tools(*tools):
    """Skips a test where one of these programs is missing."""
    return _unless([tool for tool in tools if shutil.which(tool) is None])


with_gcc = with_tools("gcc", "make")
with_qemu = _unless(missing_tools())
with_serial = _unless([] if find_spec("serial") else ["pyserial"])
with_tflm = _unless([] if find_spec("tflite_micro") else ["tflite-micro"])


def slow_except(quick, values):
    """Parameters of which those in ``quick`` alone run in ``make test``; a tuple is known by its
    first value."""
    return [
        pytest.param(*each, marks=() if each[0] in quick else pytest.mark.slow)
        for each in (value if isinstance(value, tuple) else (value,) for value in values)
    ]
