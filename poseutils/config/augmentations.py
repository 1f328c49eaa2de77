"""Validation of data augmentation outside a configuration file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from ..errors import PoseError
from .calls import Augmentations, in_the_order_written
from .configuration import Config
from .problems import describe

_SECTION = "data_augmentation"


def checked_augmentations(operations: Mapping[str, Mapping | None]) -> dict[str, dict]:
    """The operations with validated arguments, in their order; arguments that are None are left
    out.

    Raises:
        PoseError: for an unknown operation or argument, or an invalid value; lists every problem.
    """
    given = {
        name: {key: value for key, value in (arguments or {}).items() if value is not None}
        for name, arguments in operations.items()
    }
    try:
        Config.model_validate({_SECTION: given})
    except ValidationError as error:  # also for all other sections, which are missing
        lines = describe(error, {_SECTION: given})
        problems = [line for path, line in lines.items() if path[0] == _SECTION]
        if problems:
            raise PoseError("\n".join(problems)) from None
    return in_the_order_written(Augmentations)(given)


def cannot_flip(names: Sequence[str]) -> str:
    """What to write where the names of keypoints do not tell their mirror images."""
    return (
        "random_flip exchanges left and right keypoints, and the names of these do not tell which "
        f"those are: {', '.join(names[:30])}. Give dataset.mirror, for each keypoint the "
        f"index of its mirror image ({list(range(len(names)))} if each is its own), or "
        "dataset.keypoint_names with left and right, or leave random_flip out"
    )
