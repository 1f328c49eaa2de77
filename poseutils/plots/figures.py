"""Pictures in figures: single, in grids, and with what a network answers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..images import read_image
from ..poses import Poses
from ..regions import cut, region_of_detection
from .drawing import draw_poses, overlay_heatmap

if TYPE_CHECKING:
    from ..inference import Model


def show_figures(shown: bool) -> None:
    """Whether a notebook's figures appear at all, from here on (``general.display_figures``); tables always do."""
    import matplotlib.pyplot as plt
    from IPython import get_ipython

    shell = get_ipython()
    if not shown and shell is not None:
        plt.switch_backend("agg")
        shell.events.register("post_execute", lambda: plt.close("all"))


def show_poses(image, poses: Poses, threshold: float = 0.15) -> None:
    """Draws poses over an image, a path or an array."""
    import matplotlib.pyplot as plt

    image = read_image(image) if isinstance(image, (str, os.PathLike)) else image
    _, axes = plt.subplots(figsize=(6, 6 * image.shape[0] / image.shape[1]), layout="constrained")
    axes.imshow(draw_poses(image, poses, threshold))
    axes.set_axis_off()


def show_images(images: Sequence[np.ndarray], titles: Sequence[str] = (), columns: int = 4, width: float = 2.6) -> None:
    """A grid of images, each with its title."""
    import matplotlib.pyplot as plt

    columns = max(1, min(columns, len(images)))
    rows = -(-len(images) // columns)
    tallest = max((image.shape[0] / image.shape[1] for image in images), default=1)
    size = (width * columns, width * rows * tallest + 0.25 * rows)
    _, grid = plt.subplots(rows, columns, figsize=size, dpi=80, squeeze=False, layout="constrained")  # photographs make notebooks large
    for axes in grid.flat:
        axes.set_axis_off()
    for index, (axes, image) in enumerate(zip(grid.flat, images, strict=False)):
        axes.imshow(np.asarray(image).astype(np.uint8))
        axes.set_title(titles[index] if index < len(titles) else "", fontsize=9)


def show_difference(images: Sequence[np.ndarray], first: np.ndarray, second: np.ndarray, labels: tuple[str, str, str], gain: float) -> None:
    """Heatmaps (B, h, w, K) of two networks over the same images, and their difference times ``gain``."""
    views = []
    for image, a, b in zip(images, first, second, strict=False):
        image = image.astype(np.uint8)
        views += [overlay_heatmap(image, heat) for heat in (a.max(axis=2), b.max(axis=2), gain * np.abs(a - b).max(axis=2))]
    show_images(views, list(labels) * len(first), columns=3, width=2.4)


def show_raw(image: np.ndarray, model: Model, count: int = 8) -> None:
    """What the network answers, before it becomes poses, over what it saw: heatmaps, all together and the first ones alone;
    for other networks the decoded points."""
    if model.detector is not None:
        return _show_stages(image, model, count)
    pixels, transform = model.preprocess(image)
    seen = pixels.astype(np.uint8)
    raw = model.raw(pixels[None])
    if "heatmaps" not in raw:
        (poses,) = model.decode(raw)
        show_images([seen, draw_poses(seen, poses)], ["what the network sees", "what it answers, decoded"], width=3.4)
        return
    heatmaps = raw["heatmaps"][0]
    chosen = np.linspace(0, len(model.layout) - 1, min(count - 1, len(model.layout))).astype(int)
    views = [overlay_heatmap(seen, heatmaps.max(axis=2))] + [overlay_heatmap(seen, heatmaps[:, :, k]) for k in chosen]
    show_images(views, ["all keypoints"] + [model.layout.names[k] for k in chosen], width=2.2)


def _show_stages(image: np.ndarray, model: Model, count: int) -> None:
    """What the detector finds, and the regions that the network is shown, upright."""
    found = model.detector.predict(image)
    regions = [cut(image, region_of_detection(found, i), model.input_size)[0] for i in range(min(len(found), count - 1))]
    titles = ["what the detector finds"] + ["what the network is shown"] * len(regions)
    show_images([draw_poses(image, found)] + regions, titles, width=2.8)
