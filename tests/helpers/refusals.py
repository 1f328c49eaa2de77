"""What a configuration is refused with, within bounds."""

from __future__ import annotations

import time
from contextlib import contextmanager

from poseutils.config import load_config
from poseutils.errors import PoseError


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
