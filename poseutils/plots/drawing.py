"""Draws poses, boxes and heatmaps into images, with OpenCV."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..errors import PoseError
from ..files import atomic_path
from ..images import read_image
from ..keypoints import KeypointLayout
from ..poses import Poses

if TYPE_CHECKING:
    from ..datasets import Sample
    from ..evaluation import ImageResult

Color = tuple[int, int, int]

LEFT, RIGHT, MIDDLE = (255, 138, 28), (40, 150, 255), (88, 214, 110)
BOX, TRUTH = (250, 214, 60), (255, 255, 255)
"""RGB: the person's left side orange, right side blue, middle green, boxes yellow, ground truth
white."""

FINGERS = {
    "thumb": (235, 40, 190),
    "index": (60, 90, 255),
    "middle": (255, 214, 0),
    "ring": (0, 190, 90),
    "little": (0, 214, 255),
}
"""RGB: a color for each finger, unlike skin."""

_RIM = (20, 20, 20)
_MESH = 100  # layouts of more keypoints are meshes, drawn as contours with faint dots

_SHIFT = 4  # fractional bits of OpenCV's fixed-point coordinates


def draw_poses(
    image: np.ndarray,
    poses: Poses,
    threshold: float = 0.15,
    boxes: bool = True,
    color: Color | None = None,
) -> np.ndarray:
    """A copy of the image with limbs, keypoints, boxes and scores.

    Args:
        image: (H, W, 3) uint8.
        poses: in pixels of the image.
        threshold: keypoints with lower scores are drawn hollow, without limbs; NaN keypoints are
            not drawn.
        boxes: draw boxes and scores, if the poses have them.
        color: RGB of all keypoints and limbs, instead of a color per side.

    Returns:
        (H, W, 3) uint8.
    """
    canvas, layout = np.ascontiguousarray(image).copy(), poses.layout
    size = _line_size(canvas)
    colors = (color,) * len(layout) if color else side_colors(layout)
    lines = (color,) * len(layout.limbs) if color else limb_colors(layout)
    draw = _draw_hand if _fingers(layout) else _draw_person
    draw = _draw_mesh if len(layout) > _MESH else draw
    for person in range(len(poses)):
        if boxes and poses.boxes is not None and poses.box_scores is not None:
            label = f"{poses.box_scores[person]:.2f}"
            if poses.handedness is not None:
                label += " right" if poses.handedness[person] > 0.5 else " left"
            if poses.track_ids is not None:
                label = f"{poses.track_ids[person]}: {label}"
            _draw_box(canvas, poses.boxes[person], label, size)
        sure = poses.scores[person] >= threshold
        draw(_Skeleton(canvas, poses.keypoints[person], sure, layout, colors, lines), size)
    return canvas


@lru_cache(maxsize=16)
def side_colors(layout: KeypointLayout) -> tuple[Color, ...]:
    """A color for each keypoint: by finger for hands, else by side of the body, from names or, for
    meshes, mirror indices."""
    fingers = _fingers(layout)
    if fingers:
        return tuple(FINGERS.get(finger, TRUTH) for finger in fingers)
    if len(layout) > _MESH:  # MediaPipe's mesh lists the right half first
        return tuple(
            MIDDLE if k == other else RIGHT if k < other else LEFT
            for k, other in enumerate(layout.mirror)
        )
    return tuple(
        LEFT if "left" in name.lower() else RIGHT if "right" in name.lower() else MIDDLE
        for name in layout.names
    )


@lru_cache(maxsize=16)
def limb_colors(layout: KeypointLayout) -> tuple[Color, ...]:
    """A color for each limb, from those of its keypoints: a finger's own, and where the side
    changes, the middle's."""
    colors = side_colors(layout)
    if _fingers(layout):
        return tuple(colors[b] for _, b in layout.limbs)
    if len(layout) > _MESH:
        return tuple(colors[a] if colors[b] == MIDDLE else colors[b] for a, b in layout.limbs)
    return tuple(colors[a] if colors[a] == colors[b] else MIDDLE for a, b in layout.limbs)


def _fingers(layout: KeypointLayout) -> tuple[str, ...]:
    """The first word of each keypoint name if all five fingers are among them, else empty."""
    words = tuple(re.split(r"[_ ]", name.lower())[0] for name in layout.names)
    return words if set(FINGERS) <= set(words) else ()


def _line_size(image: np.ndarray) -> float:
    """Line width in pixels, in proportion to the image."""
    return max(1.0, min(image.shape[:2]) / 160)


def _fixed(point: np.ndarray) -> tuple[int, int]:
    """A point (pixel centers at +0.5) as OpenCV's fixed-point coordinates (pixel centers at 0)."""
    x, y = np.clip(point - 0.5, -1e4, 1e5) * (1 << _SHIFT)
    return round(float(x)), round(float(y))


@dataclass(frozen=True)
class _Skeleton:
    """The keypoints of one person, hand or head, to draw on a canvas.

    Attributes:
        sure: (K,) bool, keypoints that are drawn filled, with their limbs.
        colors, limb_colors: RGB of each keypoint and each limb.
    """

    canvas: np.ndarray
    points: np.ndarray
    sure: np.ndarray
    layout: KeypointLayout
    colors: Sequence[Color]
    limb_colors: Sequence[Color]

    @property
    def placed(self) -> np.ndarray:
        """(K,) bool: keypoints that are not NaN."""
        return np.isfinite(self.points).all(axis=1)

    def size_for(self, size: float) -> float:
        """The line width, limited for a hand or head, which may be small in a large image."""
        points = self.points[self.placed]
        largest = float(np.ptp(points, axis=0).max()) if len(points) else 0
        return min(size, max(1.0, largest / 45))

    def limbs(self, width: int, color: Color | None = None) -> None:
        """Lines in the color of each limb, or all in one."""
        colors = (color,) * len(self.limb_colors) if color else self.limb_colors
        shown = self.sure & self.placed
        for (a, b), color in zip(self.layout.limbs, colors, strict=True):
            if shown[a] and shown[b]:
                ends = _fixed(self.points[a]), _fixed(self.points[b])
                cv2.line(self.canvas, *ends, color, width, cv2.LINE_AA, _SHIFT)

    def dots(self, canvas: np.ndarray, size: float) -> None:
        for k in np.flatnonzero(self.placed).tolist():
            thickness = cv2.FILLED if self.sure[k] else 1
            _draw_point(canvas, self.points[k], self.colors[k], size, thickness)


def _draw_person(one: _Skeleton, size: float) -> None:
    one.limbs(max(1, round(size)))
    one.dots(one.canvas, size)


def _draw_hand(one: _Skeleton, size: float) -> None:
    """Limbs in the color of their finger, with a dark rim for contrast with skin and between
    crossing fingers."""
    size = 0.8 * one.size_for(size)
    width = max(1, round(size))
    if width > 1:
        one.limbs(width + 2, _RIM)
    one.limbs(width)
    one.dots(one.canvas, size)


def _draw_mesh(one: _Skeleton, size: float) -> None:
    """Contours as lines, all points as small, half-transparent dots, so that the face stays
    visible."""
    size = one.size_for(size)
    dots = one.canvas.copy()
    one.dots(dots, 0.3 * size)
    cv2.addWeighted(dots, 0.5, one.canvas, 0.5, 0, dst=one.canvas)
    one.limbs(max(1, round(0.6 * size)))


def _draw_point(
    canvas: np.ndarray, point: np.ndarray, color: Color, size: float, thickness: int
) -> None:
    radius = round(1.4 * size * (1 << _SHIFT))
    cv2.circle(canvas, _fixed(point), radius, color, thickness, cv2.LINE_AA, _SHIFT)


def _draw_box(canvas: np.ndarray, box: np.ndarray, label: str, size: float) -> None:
    width, scale = max(1, round(size / 2)), max(0.32, 0.16 * size)
    cv2.rectangle(canvas, _fixed(box[:2]), _fixed(box[2:]), BOX, width, cv2.LINE_AA, _SHIFT)
    x, y = int(max(box[0], 0)) + 2, int(max(box[1], 0)) + round(30 * scale)
    for color, thickness in (((0, 0, 0), width + 2), (BOX, width)):
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(canvas, label, (x, y), font, scale, color, thickness, cv2.LINE_AA)


def draw_truth(sample: Sample, layout: KeypointLayout) -> np.ndarray:
    """The image of a sample with its ground truth; hidden keypoints are hollow."""
    canvas = draw_poses(read_image(sample.path), truth_poses(sample.keypoints, layout))
    if (sample.visibility == 2).any():
        for point in sample.keypoints[sample.visibility == 1]:
            _draw_point(canvas, point[:2], TRUTH, _line_size(canvas), thickness=1)
    return canvas


def draw_result(result: ImageResult, threshold: float = 0.15) -> np.ndarray:
    """The image of an evaluation result, with the ground truth in white below the prediction in
    color."""
    image = draw_poses(
        read_image(result.sample.path),
        truth_poses(result.sample.keypoints, result.poses.layout),
        color=TRUTH,
    )
    return draw_poses(image, result.poses, threshold)


def truth_poses(keypoints: np.ndarray, layout: KeypointLayout) -> Poses:
    """Ground truth (N, K, 3) as Poses for drawing; keypoints that are not labeled are NaN."""
    labeled = keypoints[:, :, 2] > 0
    return Poses(
        np.where(labeled[:, :, None], keypoints[:, :, :2], np.nan),
        labeled.astype(np.float32),
        layout,
    )


def overlay_heatmap(image: np.ndarray, heatmap: np.ndarray, strength: float = 0.6) -> np.ndarray:
    """A heatmap (h, w), 0…1, blended over an (H, W, 3) uint8 image; (H, W, 3) uint8."""
    import matplotlib

    heat = cv2.resize(
        np.clip(heatmap, 0, 1).astype(np.float32),
        image.shape[1::-1],
        interpolation=cv2.INTER_LINEAR,
    )
    colors = matplotlib.colormaps["inferno"](heat)[:, :, :3] * 255
    weight = strength * heat[:, :, None] ** 0.5
    return (image * (1 - weight) + colors * weight).astype(np.uint8)


def save_image(path: str | Path, image: np.ndarray) -> Path:
    """Writes an (H, W, 3) uint8 RGB image atomically, in the format given by the suffix.

    Raises:
        PoseError: if it cannot be written, or the format does not hold images of this size.
    """
    try:
        done, data = cv2.imencode(Path(path).suffix, image[:, :, ::-1])
    except cv2.error:
        done = False
    if not done:
        height, width = image.shape[:2]
        raise PoseError(
            f"{path}: this format cannot hold an image of {width} × {height} pixels; choose "
            "another, such as .png"
        )
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.tobytes())
    return Path(path)
