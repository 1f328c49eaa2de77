"""``python -m poseutils.sweeps.process``: the process in which a point runs.

It ends when the process that started it does, however that ended: papermill changes the working
directory of a whole process, so that a worker needs another one for each point, and a worker that
was killed cannot end it any more.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from ..errors import PoseError
from ..files import write_text
from ..pipeline import resume
from ..pipeline.record import is_locked, read_record
from .points import ERROR

WAIT_SECONDS = 0.5


def main(folder: str, notebooks: str, allow_custom_code: str) -> int:
    """Does what is left of the run in a folder. Returns 0, or 1 after an error, whose message is
    written to ``error.txt``."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    message = Path(folder) / ERROR
    try:
        while is_locked(Path(folder)):  # by a worker that is lost, but still at it
            time.sleep(WAIT_SECONDS)
        message.unlink(missing_ok=True)
        resume(folder, notebooks or None, allow_custom_code == "True")
        return 0
    except PoseError as error:
        step = read_record(folder).stopped_at()
        write_text(message, step.error if step and step.error else str(error))
    except Exception as error:  # whatever it is, the sweep shows it beside the point
        write_text(message, f"{type(error).__name__}: {error}")
    return 1


def _end_with_parent() -> None:
    """Ends this process, and with it its notebook, once the other end of its input is closed."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
