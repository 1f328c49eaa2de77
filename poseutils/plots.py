"""Figures: poses over images, heatmaps, and the pictures of the notebooks. Matplotlib draws the figures, OpenCV the skeletons."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache

import cv2
import numpy as np

from .images import read_image
from .keypoints import KeypointLayout
from .poses import Poses

LEFT, RIGHT, MIDDLE, BOX, TRUTH = (255, 138, 28), (40, 150, 255), (88, 214, 110), (250, 214, 60), (255, 255, 255)
"""RGB: the person's left side orange, their right side blue, what is on neither green."""

_SHIFT = 4  # OpenCV draws at a sixteenth of a pixel


# ---------------------------------------------------------------- drawing into an image

def draw_poses(image: np.ndarray, poses: Poses, threshold: float = 0.15, boxes: bool = True, color: tuple[int, int, int] | None = None) -> np.ndarray:
    """A copy of the image with limbs, keypoints, boxes and their scores drawn in.

    Args:
        image: (H, W, 3) uint8.
        poses: in pixels of the image.
        threshold: keypoints that score less are drawn as rings, and their limbs not at all.
        boxes: draw boxes and scores where the poses have them.
        color: one color for everything instead of one a side.

    Returns:
        (H, W, 3) uint8.
    """
    canvas = np.ascontiguousarray(image).copy()
    size = max(1.0, min(canvas.shape[:2]) / 160)
    many = len(poses.layout) > 100
    colors = [color] * len(poses.layout) if color else side_colors(poses.layout)
    for person in range(len(poses)):
        if boxes and poses.boxes is not None:
            _draw_box(canvas, poses.boxes[person], poses.box_scores[person], size)
        _draw_person(canvas, poses.keypoints[person], poses.scores[person] >= threshold, poses.layout, colors, size * (0.4 if many else 1))
    return canvas


@lru_cache(maxsize=16)
def side_colors(layout: KeypointLayout) -> tuple[tuple[int, int, int], ...]:
    """One color a keypoint, by the side of the body in its name."""
    return tuple(LEFT if "left" in name.lower() else RIGHT if "right" in name.lower() else MIDDLE for name in layout.names)


def _fixed(point: np.ndarray) -> tuple[int, int]:
    """A point with pixel centers at +0.5 as OpenCV's fixed-point number with pixel centers at 0."""
    x, y = np.clip(point - 0.5, -1e4, 1e5) * (1 << _SHIFT)
    return round(float(x)), round(float(y))


def _draw_person(canvas: np.ndarray, points: np.ndarray, sure: np.ndarray, layout: KeypointLayout, colors, size: float) -> None:
    width = max(1, round(size))
    for a, b in layout.limbs:
        if sure[a] and sure[b]:
            color = colors[a] if colors[a] == colors[b] else MIDDLE
            cv2.line(canvas, _fixed(points[a]), _fixed(points[b]), color, width, cv2.LINE_AA, _SHIFT)
    for point, certain, color in zip(points, sure, colors, strict=True):
        radius = round(1.4 * size * (1 << _SHIFT))
        cv2.circle(canvas, _fixed(point), radius, color, cv2.FILLED if certain else 1, cv2.LINE_AA, _SHIFT)


def _draw_box(canvas: np.ndarray, box: np.ndarray, score: float, size: float) -> None:
    width, scale = max(1, round(size / 2)), max(0.32, 0.16 * size)
    cv2.rectangle(canvas, _fixed(box[:2]), _fixed(box[2:]), BOX, width, cv2.LINE_AA, _SHIFT)
    x, y = int(max(box[0], 0)) + 2, int(max(box[1], 0)) + round(30 * scale)
    cv2.putText(canvas, f"{score:.2f}", (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), width + 2, cv2.LINE_AA)
    cv2.putText(canvas, f"{score:.2f}", (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, BOX, width, cv2.LINE_AA)


def truth_poses(keypoints: np.ndarray, layout: KeypointLayout) -> Poses:
    """Ground truth (N, K, 3) as Poses, so that it can be drawn: labeled keypoints score 1, the others 0."""
    return Poses(keypoints[:, :, :2], (keypoints[:, :, 2] > 0).astype(np.float32), layout)


# ---------------------------------------------------------------- figures

def show_poses(image, poses: Poses, threshold: float = 0.15):
    """Draws poses over an image, a path or an array, and returns the Axes."""
    import matplotlib.pyplot as plt

    image = read_image(image) if isinstance(image, (str, os.PathLike)) else image
    _, axes = plt.subplots(figsize=(6, 6 * image.shape[0] / image.shape[1]), layout="constrained")
    axes.imshow(draw_poses(image, poses, threshold))
    axes.set_axis_off()
    return axes


def show_images(images: Sequence[np.ndarray], titles: Sequence[str] = (), columns: int = 4, width: float = 2.6):
    """A grid of images, each with its title; returns the Figure."""
    import matplotlib.pyplot as plt

    columns = max(1, min(columns, len(images)))
    rows = -(-len(images) // columns)
    tallest = max((image.shape[0] / image.shape[1] for image in images), default=1)
    figure, grid = plt.subplots(rows, columns, figsize=(width * columns, width * rows * tallest + 0.25 * rows), squeeze=False, layout="constrained")
    for axes in grid.flat:
        axes.set_axis_off()
    for index, (axes, image) in enumerate(zip(grid.flat, images, strict=False)):
        axes.imshow(image)
        axes.set_title(titles[index] if index < len(titles) else "", fontsize=9)
    return figure


def overlay_heatmap(image: np.ndarray, heatmap: np.ndarray, strength: float = 0.6) -> np.ndarray:
    """A heatmap (h, w), 0…1, laid over an (H, W, 3) uint8 image in warm colors; (H, W, 3) uint8."""
    import matplotlib

    heat = cv2.resize(np.clip(heatmap, 0, 1).astype(np.float32), image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    colors = matplotlib.colormaps["inferno"](heat)[:, :, :3] * 255
    weight = strength * heat[:, :, None] ** 0.5
    return (image * (1 - weight) + colors * weight).astype(np.uint8)


def show_bars(values: Mapping[str, float] | Mapping[str, Mapping[str, float]], title: str, unit: str = ""):
    """Horizontal bars, one a name; several mappings by label stand side by side. Returns the Axes."""
    import matplotlib.pyplot as plt

    series = values if values and isinstance(next(iter(values.values())), Mapping) else {"": values}
    names = list(next(iter(series.values())))
    _, axes = plt.subplots(figsize=(7, 0.9 + 0.24 * len(names) * max(1, 0.6 * len(series))), layout="constrained")
    height = 0.8 / len(series)
    for index, (label, mapping) in enumerate(series.items()):
        positions = np.arange(len(names)) + (index - (len(series) - 1) / 2) * height
        bars = axes.barh(positions, [mapping.get(name, np.nan) for name in names], height=height, label=label)
        axes.bar_label(bars, fmt="%.2f", fontsize=7, padding=2)
    axes.set_yticks(np.arange(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_title(title)
    axes.set_xlabel(unit)
    axes.spines[["top", "right"]].set_visible(False)
    if len(series) > 1:
        axes.legend(loc="lower right", fontsize=8)
    return axes


def show_curves(history: Mapping[str, Sequence[float]], groups: Mapping[str, Sequence[str]]):
    """Learning curves, one panel a group of names; returns the Figure."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(groups), figsize=(4.4 * len(groups), 3), squeeze=False, layout="constrained")
    for axes, (title, names) in zip(panels.flat, groups.items(), strict=True):
        for name in names:
            if name in history:
                axes.plot(np.arange(1, len(history[name]) + 1), history[name], marker=".", label=name)
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return figure
