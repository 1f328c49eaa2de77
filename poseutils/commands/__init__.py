"""The commands of the command line: the arguments of each beside what it does with them."""

from __future__ import annotations

import argparse

from . import models_and_datasets, running


def parser() -> argparse.ArgumentParser:
    """Of all commands; ``command`` of its result runs the one that was given."""
    whole = argparse.ArgumentParser(
        prog="python -m poseutils", description="Pose estimation on STM32, as notebooks."
    )
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    running.add_to(commands)
    models_and_datasets.add_to(commands)
    return whole
