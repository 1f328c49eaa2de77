"""The heatmaps of a network as a layer over an image."""

from __future__ import annotations

import cv2
import numpy as np

from ..models import Model
from .pages import to_png

_LARGEST = 640  # longer side of the layer in pixels; the page stretches it over the image
_STRENGTH = 0.7


def heat_png(model: Model, image: np.ndarray, keypoint: int | None) -> bytes:
    """The heatmap of a keypoint over an (H, W, 3) image, or the largest of all keypoints (None), as
    a PNG that is the more transparent the smaller the values are."""
    import matplotlib

    pixels, transform = model.preprocess(image)
    heat = model.run(pixels[None])["heatmaps"][0]
    heat = heat.max(axis=2) if keypoint is None else heat[:, :, keypoint]
    heat = unfit(heat, transform.matrix, model.input_size, image.shape[:2]).clip(0, 1)
    scale = min(1.0, _LARGEST / max(heat.shape))
    heat = cv2.resize(heat, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    layer = matplotlib.colormaps["inferno"](heat)
    layer[:, :, 3] = _STRENGTH * np.sqrt(heat)
    return to_png((255 * layer).round().astype(np.uint8))


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
