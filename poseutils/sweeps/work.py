"""What a Dask worker does: it runs a point in a process, and waits for it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from ..errors import PoseError
from ..files import write_text
from .points import ERROR, PRUNED

LOOK_SECONDS = 0.5
ROOT = Path(__file__).resolve().parents[2]
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
"""The environment variables by which TensorFlow is given its share of the cores."""


def run_point(folder: str, beside: int, notebooks: str, allow_custom_code: bool) -> None:
    """Does what is left of a point, up to its end or until it is pruned.

    Args:
        folder: the point's run folder.
        beside: number of points that run on this computer at once, which share its cores.
        notebooks: the folder of the notebooks; empty: the workbook's.
        allow_custom_code: as for :func:`poseutils.pipeline.run`.

    An error is written into the point's folder as ``error.txt``.

    Raises:
        PoseError: if there is no such folder on this computer.
    """
    if not Path(folder).is_dir():
        raise PoseError(
            f"{folder}: no such folder on {socket.gethostname()}. All workers need the folder of "
            "the runs, the data and this package under the same paths."
        )
    threads = str(max(1, _cores() // beside))
    pruned, error = Path(folder, PRUNED), Path(folder, ERROR)
    with subprocess.Popen(
        [sys.executable, "-m", f"{__package__}.process", folder, notebooks, str(allow_custom_code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env={**dict.fromkeys(THREADS, threads), **os.environ},
    ) as process:
        while process.poll() is None and not pruned.exists():
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_SECONDS)
        process.kill()
    if process.returncode and not pruned.exists() and not error.exists():
        write_text(error, f"its process ended by {-process.returncode}; often memory is too small")


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
