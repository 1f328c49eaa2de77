"""``heatmaps_spe``: one heatmap a keypoint, one person an image."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..keypoints import KeypointLayout
from ..poses import Poses
from .view import InputView, Thresholds

EXPECTS = "one output (B, H, W, K) of heatmaps, smaller than the input by a whole factor"


def find(outputs: Mapping[str, np.ndarray], view: InputView) -> dict[str, np.ndarray] | None:
    """``heatmaps`` (B, H, W, K), whatever the network's own order of axes."""
    if len(outputs) != 1:
        return None
    (heatmaps,) = outputs.values()
    if heatmaps.ndim != 4:
        return None
    heatmaps = heatmaps.transpose(0, 2, 3, 1) if view.channels_first else heatmaps
    height, width = heatmaps.shape[1:3]
    if height < 2 or view.height % height or view.width % width or view.height // height != view.width // width:
        return None
    return {"heatmaps": heatmaps}


def count_keypoints(found: Mapping[str, np.ndarray]) -> int:
    return found["heatmaps"].shape[3]


def decode(found: Mapping[str, np.ndarray], view: InputView, layout: KeypointLayout, thresholds: Thresholds = Thresholds()) -> list[Poses]:
    """The highest cell of each heatmap, at its center; the score is the cell's value.

    Args:
        found: ``heatmaps`` (B, H, W, K).

    Returns:
        B Poses of one person each, in pixels of the input.
    """
    heatmaps = found["heatmaps"]
    batch, height, width, count = heatmaps.shape
    cells = np.ascontiguousarray(heatmaps.reshape(batch, height * width, count).swapaxes(1, 2))
    best = cells.argmax(axis=2)
    scores = np.take_along_axis(cells, best[:, :, None], axis=2)[:, :, 0].astype(np.float32)
    rows, columns = np.divmod(best, width)
    stride = np.float32(view.width / width)
    keypoints = (np.stack([columns, rows], axis=2).astype(np.float32) + np.float32(0.5)) * stride
    return [Poses(keypoints[b : b + 1], scores[b : b + 1], layout) for b in range(batch)]
