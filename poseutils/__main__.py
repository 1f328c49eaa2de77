"""``python -m poseutils``: run, sweep or check a configuration, list runs and models, fetch a
model, convert or label a dataset, export as C."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import warnings
from collections.abc import Sequence

from .commands import parser
from .errors import PoseError
from .streams import steady_streams

INTERRUPTED = 130
SYSTEM_ERRORS = {
    errno.EMFILE: (
        "too many open files ({error.filename}). Allow more, for example with: ulimit -n 1024"
    ),
    errno.ENOSPC: "no space left on the disk ({error.filename}). Free some, or write elsewhere.",
}
"""What the system refuses, whatever is done."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command. Returns 0; 1 after an error, whose message is printed; or 130 if
    interrupted."""
    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"
    with steady_streams() as lost:
        code = _run_command(parser().parse_args(arguments))
    if lost:
        print(f"error: the output could not be written: {lost[0]}", file=sys.stderr)
    return code or int(bool(lost))


def _run_command(options: argparse.Namespace) -> int:
    try:
        _check_folder()
        options.command(options)
    except PoseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in SYSTEM_ERRORS:
            raise
        print(f"error: {SYSTEM_ERRORS[error.errno].format(error=error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _check_folder() -> None:
    try:
        os.getcwd()
    except OSError as error:
        raise PoseError(
            f"the current folder cannot be used ({error.strerror}): it may have been deleted. "
            "Change to another with cd."
        ) from None


if __name__ == "__main__":
    sys.exit(main())
