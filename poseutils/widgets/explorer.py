"""An explorer of predictions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from ..images import read_image
from ..models import Model
from ..plots import draw_poses, overlay_heatmap


def explore(
    model: Model,
    images: Sequence[str | os.PathLike],
    confidence: float = 0.25,
    threshold: float = 0.15,
):
    """An explorer of predictions: choose an image, adjust the thresholds, overlay a keypoint's
    heatmap.

    Args:
        model: to predict with; only networks with heatmaps get the choice of an overlay.
        images: paths.
        confidence: initial threshold of people.
        threshold: initial threshold of keypoints.

    Returns:
        An ipywidgets box.
    """
    import ipywidgets as widgets

    heatmaps = model.model_type == "heatmaps_spe"
    choose = widgets.Dropdown(
        options=[(Path(p).name, i) for i, p in enumerate(images)], description="image"
    )
    people = widgets.FloatSlider(
        confidence, min=0.01, max=0.99, step=0.01, description="people", continuous_update=False
    )
    points = widgets.FloatSlider(
        threshold, min=0, max=1, step=0.01, description="keypoints", continuous_update=False
    )
    overlay = widgets.Dropdown(
        options=[("none", None), ("all", -1)] + [(n, i) for i, n in enumerate(model.layout.names)],
        description="heatmap",
    )
    view = widgets.Image(format="png", layout=widgets.Layout(max_width="640px"))

    def update(_=None) -> None:
        view.value = to_png(
            render(
                model,
                str(images[choose.value]),
                people.value,
                points.value,
                overlay.value if heatmaps else None,
            )
        )

    controls = [choose, people, points, *([overlay] if heatmaps else [])]
    for control in controls:
        control.observe(update, "value")
    update()
    return widgets.VBox([widgets.HBox(controls), view])


@lru_cache(maxsize=8)
def _read(path: str) -> np.ndarray:
    return read_image(path)


def render(
    model: Model, path: str, confidence: float, threshold: float, heatmap: int | None
) -> np.ndarray:
    """The image of the explorer, (H, W, 3) uint8: poses, over the heatmap of a keypoint if its
    index is given (-1 for all)."""
    image = _read(path)
    poses = model.predict(image, confidence=confidence)
    if heatmap is not None:
        pixels, transform = model.preprocess(image)
        heat = model.run(pixels[None])["heatmaps"][0]
        heat = heat.max(axis=2) if heatmap < 0 else heat[:, :, heatmap]
        image = overlay_heatmap(
            image, unfit(heat, transform.matrix, model.input_size, image.shape[:2])
        )
    return draw_poses(image, poses, threshold)


def unfit(
    heat: np.ndarray, matrix: np.ndarray, input_size: tuple[int, int], image_size: tuple[int, int]
) -> np.ndarray:
    """A heatmap (h, w) resampled to the image, (H, W); zero outside the network's input."""
    stride = input_size[1] / heat.shape[1]
    to_cells = matrix / stride
    # The center of OpenCV's first pixel is (0, 0)
    to_cells[:, 2] += to_cells[:, :2] @ (0.5, 0.5) - 0.5
    return cv2.warpAffine(
        heat.astype(np.float32),
        to_cells,
        image_size[::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )


def to_png(image: np.ndarray) -> bytes:
    """(H, W, 3) uint8 RGB as the bytes of a PNG file."""
    return cv2.imencode(".png", image[:, :, ::-1])[1].tobytes()
