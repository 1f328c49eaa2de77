"""All combinations of the values, in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .points import Point, point_folder
from .space import Space


class Grid:
    """Gives every point of a space that is not finished.

    Attributes:
        points: all of them.
    """

    def __init__(self, space: Space, folder: Path):
        self.points = [
            Point(number, values, point_folder(folder, number))
            for number, values in enumerate(space.points())
        ]

    def at_once(self, slots: int) -> int:
        """How many points are submitted at once: all, as Dask queues them."""
        return len(self.points)

    def left(self) -> Iterator[Point]:
        """The points to run."""
        return iter(self.points)

    def watch(self, point: Point) -> None:
        """Called while a point runs."""

    def finish(self, point: Point) -> None:
        """Called when a point has ended."""
