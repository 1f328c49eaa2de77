"""An image with points that are dragged."""

from __future__ import annotations

from collections.abc import Sequence

import anywidget
import numpy as np
import traitlets

from ..errors import PoseError
from .pages import page, to_png


class Png(traitlets.Bytes):
    """The bytes of a PNG file; an array, (H, W, 3) or (H, W) uint8, is converted."""

    def validate(self, obj: object, value: object) -> bytes | None:
        if isinstance(value, np.ndarray):
            if value.dtype != np.uint8 or value.ndim not in (2, 3):
                raise PoseError(
                    f"image: {value.dtype} of shape {value.shape}; expected uint8, (height, width, "
                    "3) or (height, width)"
                )
            value = to_png(value if value.ndim == 3 else np.dstack([value] * 3))
        return super().validate(obj, value)


class Points(traitlets.List):
    """A list of [x, y]; an array (N, 2) is converted."""

    def validate(self, obj: object, value: object) -> list | None:
        points = np.asarray(value, np.float64)
        points = points.reshape(-1, 2) if points.size == 0 else points
        if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
            raise PoseError(f"points: {value!r:.80}; expected finite x and y for each of N points")
        return super().validate(obj, points.tolist())


class Canvas(anywidget.AnyWidget):
    """An image with points that are dragged.

    Attributes:
        image: the bytes of a PNG file; may be set to an array, too.
        points: list of [x, y] in pixels of the image, pixel centers at +0.5. Changes while a point
            is dragged; what an observer sets for the dragged point is shown when it is released.
        names: of the points, shown beside them.
        edges: pairs of indices of points.
        scale: pixels on the screen for a pixel of the image, without interpolation.
    """

    _esm = page("parts.js", "canvas.js")
    image = Png().tag(sync=True)
    points = Points().tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    edges = traitlets.List(traitlets.List(traitlets.Int())).tag(sync=True)
    scale = traitlets.Float(1.0).tag(sync=True)


def drag_points(
    image: np.ndarray | bytes,
    points: np.ndarray | Sequence[Sequence[float]],
    names: Sequence[str] = (),
    edges: Sequence[Sequence[int]] = (),
    scale: float = 1.0,
) -> Canvas:
    """An image with points that are dragged with the mouse; ``observe(function, "points")`` calls a
    function while one is dragged, which may set ``image`` and ``points`` of the widget.

    Args:
        image: (H, W, 3) or (H, W) uint8 RGB, or the bytes of a PNG file.
        points: (N, 2) x, y in pixels of the image, pixel centers at +0.5.
        names: of the points, or none.
        edges: pairs of indices of points that a line joins.
        scale: pixels on the screen for a pixel of the image, without interpolation.

    Raises:
        PoseError: if the image or the points are something else; if there are names, but not N; if
            an edge has no such point; if ``scale`` is not above 0.
    """
    count = len(points)
    if names and len(names) != count:
        raise PoseError(f"{len(names)} names for {count} points; expected as many, or none")
    if not all(0 <= index < count for edge in edges for index in edge):
        raise PoseError(f"edges: {edges!r:.80}; expected pairs of indices below {count}")
    if not scale > 0:
        raise PoseError(f"scale={scale!r}; expected a number above 0")
    joined = [[int(a), int(b)] for a, b in edges]
    return Canvas(image=image, points=points, names=list(names), edges=joined, scale=scale)
