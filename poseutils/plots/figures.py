"""Figures of images: single, in grids, and with the raw outputs of a network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ..crops import cut, region_of_detection
from ..images import read_image
from ..poses import Poses
from .drawing import draw_poses, overlay_heatmap

if TYPE_CHECKING:
    from ..models import Model

TALLEST = 3
"""Height by width of the tallest figure of an image."""
_JPEG = {"quality": 85, "subsampling": 0, "optimize": True}
"""Without subsampling, which would blur colored lines."""


class FigureOfImages(Figure):
    """Kept in notebooks as JPEG, with a fifth of the bytes of PNG."""


def subplots_of_images(rows: int, columns: int, **options: Any) -> tuple[FigureOfImages, Any]:
    """As ``plt.subplots``, always an array of axes."""
    _keep_as_jpeg()
    return plt.subplots(
        rows, columns, squeeze=False, layout="constrained", FigureClass=FigureOfImages, **options
    )


def _keep_as_jpeg() -> None:
    ipython = sys.modules.get("IPython")  # is not required outside notebooks
    if ipython is None or (shell := ipython.get_ipython()) is None:
        return
    from IPython.core.pylabtools import print_figure

    kinds = shell.display_formatter.formatters
    as_jpeg = partial(print_figure, fmt="jpeg", base64=True, pil_kwargs=_JPEG)
    kinds["image/png"].for_type(FigureOfImages, lambda figure: None)
    kinds["image/jpeg"].for_type(FigureOfImages, as_jpeg)


def show_figures(shown: bool) -> None:
    """Turns the figures of a notebook on or off (``general.display_figures``); tables are always
    shown. Names of keypoints and files with a ``$`` are shown as they are."""
    from IPython import get_ipython

    plt.rcParams["text.parse_math"] = False
    shell = get_ipython()
    if not shown and shell is not None:
        plt.switch_backend("agg")
        shell.events.register("post_execute", lambda: plt.close("all"))


def show_poses(image: str | Path | np.ndarray, poses: Poses, threshold: float = 0.15) -> None:
    """Shows an image, given as a path or an array, with poses drawn over it."""
    pixels = image if isinstance(image, np.ndarray) else read_image(image)
    _, grid = subplots_of_images(1, 1, figsize=(6, 6 * _ratio(pixels)))
    grid[0, 0].imshow(draw_poses(pixels, poses, threshold))
    grid[0, 0].set_axis_off()


def _ratio(image: np.ndarray) -> float:
    """Height by width, as far as a figure follows it."""
    return min(image.shape[0] / image.shape[1], TALLEST)


def show_images(
    images: Sequence[np.ndarray], titles: Sequence[str] = (), columns: int = 4, width: float = 2.6
) -> None:
    """A grid of images with titles."""
    columns = max(1, min(columns, len(images)))
    rows = -(-len(images) // columns)
    tallest = max(map(_ratio, images), default=1)
    size = (width * columns, width * rows * tallest + 0.25 * rows)
    # Low dpi: small notebooks
    _, grid = subplots_of_images(rows, columns, figsize=size, dpi=80)
    for axes in grid.flat:
        axes.set_axis_off()
    for index, (axes, image) in enumerate(zip(grid.flat, images, strict=False)):
        axes.imshow(np.asarray(image).astype(np.uint8))
        axes.set_title(titles[index] if index < len(titles) else "", fontsize=9)


def show_difference(
    images: Sequence[np.ndarray],
    first: np.ndarray,
    second: np.ndarray,
    labels: tuple[str, str, str],
    gain: float,
) -> None:
    """Heatmaps (B, h, w, K) of two networks for the same images, and their difference multiplied by
    ``gain``."""
    views = []
    for image, a, b in zip(images, first, second, strict=False):
        image = image.astype(np.uint8)
        views += [
            overlay_heatmap(image, heat)
            for heat in (a.max(axis=2), b.max(axis=2), gain * np.abs(a - b).max(axis=2))
        ]
    show_images(views, list(labels) * len(first), columns=3, width=2.4)


def show_raw(image: np.ndarray, model: Model, count: int = 8) -> None:
    """The input of a network with its raw output: heatmaps, combined and of some keypoints; else
    the decoded keypoints."""
    if model.detector is not None:
        return _show_stages(image, model, model.detector, count)
    pixels, transform = model.preprocess(image)
    resized = pixels.astype(np.uint8)
    raw = model.run(pixels[None])
    if "heatmaps" not in raw:
        (poses,) = model.decode(raw)
        show_images(
            [resized, draw_poses(resized, poses)], ["network input", "decoded output"], width=3.4
        )
        return
    _show_heatmaps(resized, raw["heatmaps"][0], model.layout.names, count)


def _show_heatmaps(
    image: np.ndarray, heatmaps: np.ndarray, names: Sequence[str], count: int
) -> None:
    """Heatmaps (h, w, K) over an image (H, W, 3) in gray, combined and of some keypoints, on one
    scale."""
    chosen = np.linspace(0, len(names) - 1, min(count - 1, len(names))).astype(int)
    shown = {"all keypoints": heatmaps.max(axis=2)} | {names[k]: heatmaps[:, :, k] for k in chosen}
    columns = min(4, len(shown))
    rows = -(-len(shown) // columns)
    figure, grid = subplots_of_images(
        rows, columns, figsize=(3 * columns + 0.6, 3.3 * rows), dpi=80
    )
    peak = max(float(heatmaps.max()), 1e-6)
    extent = (0, image.shape[1], image.shape[0], 0)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (name, heat) in zip(grid.flat, shown.items(), strict=False):
        axes.imshow(image.mean(axis=2), cmap="gray", vmin=0, vmax=420)  # dim
        strength = np.sqrt(np.clip(heat / peak, 0, 1))
        colors = axes.imshow(
            heat,
            cmap="inferno",
            vmin=0,
            vmax=peak,
            alpha=strength,
            extent=extent,
            interpolation="bilinear",
        )
        axes.set_title(f"{name}: up to {heat.max():.2f}", fontsize=10)
    scale = plt.cm.ScalarMappable(colors.norm, colors.cmap)
    figure.colorbar(scale, ax=grid, label="value of the heatmap", shrink=0.6)


def _show_stages(image: np.ndarray, model: Model, detector: Model, count: int) -> None:
    """The detections, and the crops that are the network's inputs."""
    found = detector.predict(image)
    assert isinstance(found, Poses)  # as of a single image
    crops = [
        cut(image, region_of_detection(found, i), model.input_size)[0]
        for i in range(min(len(found), count - 1))
    ]
    titles = ["detections"] + ["network input"] * len(crops)
    show_images([draw_poses(image, found)] + crops, titles, width=2.8)
