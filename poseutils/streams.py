"""Standard output and error that never end a command: what cannot be written is dropped, and
reported at the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Steady:
    """A text stream whose writes do not fail. The first error is kept, and the rest is
    discarded."""

    def __init__(self, stream: Any, lost: list[str]):
        self._stream, self._lost = stream, lost

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except UnicodeEncodeError:  # a file name that is not text, or a terminal without Unicode
            encoding = self._stream.encoding
            return self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except (OSError, ValueError) as error:
            return self._give_up(error)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> int:
        self._lost.append(getattr(error, "strerror", None) or str(error))
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
        except (OSError, ValueError):
            pass  # not a file
        return 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def steady_streams() -> Iterator[list[str]]:
    """Replaces ``sys.stdout`` and ``sys.stderr``; yields the reasons why standard output was
    lost."""
    lost: list[str] = []
    before = sys.stdout, sys.stderr
    if None in before:  # closed: what is opened next must not get their numbers
        while os.open(os.devnull, os.O_RDWR) <= 2:
            pass
    if sys.stdout is None:
        lost.append("it is closed. Leave it open, or direct it to a file or to /dev/null")
        sys.stdout = open(os.devnull, "w")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")
    sys.stdout, sys.stderr = _Steady(sys.stdout, lost), _Steady(sys.stderr, [])  # type: ignore
    try:
        yield lost
    finally:
        sys.stdout.flush()
        sys.stdout, sys.stderr = before


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Drops what native libraries print on standard error; exceptions are raised as usual."""
    try:
        before = os.dup(2)
    except OSError:  # closed
        yield
        return
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
