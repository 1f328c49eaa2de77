"""What a configuration is refused with, within bounds."""

from __future__ import annotations

import time
from contextlib import contextmanager

from poseutils.config import load_config
from poseutils.errors import PoseError

_LISTS = "\n".join(
    ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 9)]
)
_MERGES = "\n".join(
    ["m0: &m0 {" + ", ".join(f"k{i}: 1" for i in range(100)) + "}"]
    + [f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 20)}]}}" for i in range(1, 9)]
)
YAML_BOMBS = [
    _LISTS,
    _MERGES,
    "a: &a [*a]",
    "a: &a {b: *a}",
    "training: &a {model: *a}",
    "[" * 90_000,
    "{a: " * 40_000,
    "x: " + "-" * 150_000,
    "- " * 90_000,
]
"""Small files that expand without bound, or are nested too deeply."""


@contextmanager
def at_most(seconds):
    """Bounds the CPU time, which other processes do not lengthen."""
    start = time.process_time()
    yield
    assert time.process_time() - start < seconds


def refusal_of(path, *overrides):
    """Loads a file; what it is refused with, or None. Anything but a PoseError fails the test."""
    try:
        load_config(path, overrides)
        return None
    except PoseError as error:
        message = str(error)
    assert message.startswith(str(path)) or any(
        repr(override) in message for override in overrides
    ), message
    assert len(message.splitlines()[0]) < 6000
    return message
