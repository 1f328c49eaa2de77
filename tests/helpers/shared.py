"""What is made once in a run of the tests, by whichever process needs it first."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

VARIABLE = "POSEUTILS_TESTS_SHARED"
"""Names the folder of the run; worker processes inherit it."""


def made() -> bool:
    """Whether this process or its parent has made the shared folder."""
    return VARIABLE in os.environ


def folder() -> Path:
    """The shared folder, which ends with the process that made it."""
    if not made():
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix="poseutils-tests-")
        atexit.register(_remove, os.environ[VARIABLE], os.getpid())
    return Path(os.environ[VARIABLE])


def shared(name: str, make: Callable[[Path], object]) -> Path:
    """A folder that ``make`` fills; another process that wants it meanwhile waits for it."""
    ready, lock = folder() / name, folder() / f"{name}.lock"
    while not ready.exists():
        try:
            lock.mkdir()
        except FileExistsError:
            time.sleep(0.05)
            continue
        try:
            if not ready.exists():
                work = Path(tempfile.mkdtemp(dir=folder()))
                make(work)
                work.rename(ready)
        finally:
            lock.rmdir()
    return ready


def _remove(path: str, maker: int) -> None:
    if os.getpid() == maker:  # a fork of it ends earlier
        shutil.rmtree(path, ignore_errors=True)
