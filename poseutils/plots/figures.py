"""Pictures in figures: single, in grids, and with what a network answers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..images import read_image
from ..poses import Poses
from .drawing import draw_poses, overlay_heatmap

if TYPE_CHECKING:
    from ..inference import Model


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


def show_raw(image: np.ndarray, model: Model, count: int = 8):
    """What the network answers, before it becomes poses, over what it saw: heatmaps, all together and the first ones alone;
    for other networks the decoded points. Returns the Figure."""
    pixels, transform = model.preprocess(image)
    seen = pixels.astype(np.uint8)
    raw = model.raw(pixels[None])
    if "heatmaps" not in raw:
        (poses,) = model.decode(raw)
        return show_images([seen, draw_poses(seen, poses)], ["what the network sees", "what it answers, decoded"], width=3.4)
    heatmaps = raw["heatmaps"][0]
    chosen = np.linspace(0, len(model.layout) - 1, min(count - 1, len(model.layout))).astype(int)
    views = [overlay_heatmap(seen, heatmaps.max(axis=2))] + [overlay_heatmap(seen, heatmaps[:, :, k]) for k in chosen]
    return show_images(views, ["all keypoints"] + [model.layout.names[k] for k in chosen], width=2.2)
