"""Where a second stage looks for what a detector found."""

from __future__ import annotations

from ..poses import Poses
from ..regions import Region, region_of_box


def region_of_detection(found: Poses, index: int) -> Region:
    """The region around one detection: upright and turned by its points if they are a palm's or a face's, else around its box."""
    return region_of_box(found.boxes[index])
