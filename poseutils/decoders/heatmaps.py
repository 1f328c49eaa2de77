"""``heatmaps_spe``: one heatmap a keypoint, one person an image.

A keypoint is in the highest cell of its heatmap; where in it, or just beside it, the cells around tell (``Thresholds.refine``):

- ``argmax``: at the cell's center, as ST's model zoo decodes.
- ``quarter``: a quarter of a cell towards the higher neighbor, along x and along y (Newell et al., "Stacked Hourglass Networks", 2016).
- ``centroid``: at the center of mass of the 7 × 7 cells around.
- ``dark``: at the top of the Gaussian that fits: smooth, take the logarithm, and go one Newton step to where its gradient is zero
  (Zhang et al., "Distribution-Aware Coordinate Representation", CVPR 2020).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..keypoints import KeypointLayout
from ..poses import Poses
from .view import InputView, Thresholds, check_finite

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
    """The highest place of each heatmap, between cells as ``thresholds.refine`` finds it; the score is the highest cell's value.

    Args:
        found: ``heatmaps`` (B, H, W, K).

    Returns:
        B Poses of one person each, in pixels of the input.

    Raises:
        PoseError: if the maximum of a heatmap is NaN or infinite.
    """
    heatmaps = found["heatmaps"]
    batch, height, width, count = heatmaps.shape
    maps = np.ascontiguousarray(heatmaps.transpose(0, 3, 1, 2), np.float32).reshape(batch * count, height, width)
    best = maps.reshape(len(maps), -1).argmax(axis=1)  # the first NaN where there is one
    scores = maps.reshape(len(maps), -1)[np.arange(len(maps)), best]
    check_finite(scores, "heatmaps")
    cells = np.stack(np.divmod(best, width)[::-1], axis=1)
    places = np.clip(cells + np.float32(0.5) + _OFFSETS[thresholds.refine](maps, cells, scores), 0, (width, height))
    keypoints = (places * np.float32(view.width / width)).astype(np.float32).reshape(batch, 1, count, 2)
    scores = scores.reshape(batch, 1, count)
    return [Poses(keypoints[b], scores[b], layout) for b in range(batch)]


# Each of these: (M, H, W) maps, their highest cells (M, 2) x, y, and the heights there (M,) -> (M, 2) offsets in cells, or a number.


def _argmax(maps: np.ndarray, cells: np.ndarray, heights: np.ndarray) -> float:
    return 0.0


def _quarter(maps: np.ndarray, cells: np.ndarray, heights: np.ndarray) -> np.ndarray:
    window = _windows(maps, cells, heights, 1, beyond=0.0)
    left, right, above, below = window[:, 1, 0], window[:, 1, 2], window[:, 0, 1], window[:, 2, 1]
    x, y = cells.T
    inside = [(x > 0) & (x < maps.shape[2] - 1), (y > 0) & (y < maps.shape[1] - 1)]  # at the border there are no two to compare
    return 0.25 * np.stack([np.sign(right - left) * inside[0], np.sign(below - above) * inside[1]], axis=1)


def _centroid(maps: np.ndarray, cells: np.ndarray, heights: np.ndarray) -> np.ndarray:
    return _center_of_mass(_windows(maps, cells, heights, 3, beyond=0.0))


def _center_of_mass(window: np.ndarray) -> np.ndarray:
    """(M, n, n) weights -> (M, 2) from the middle; zero where nothing weighs."""
    columns, rows = window.sum(axis=1), window.sum(axis=2)
    steps = np.arange(window.shape[1], dtype=np.float32) - window.shape[1] // 2
    mass = columns.sum(axis=1)
    return np.stack([columns @ steps, rows @ steps], axis=1) / np.where(mass > 0, mass, 1)[:, None]


_DARK_SIGMA = 1.25
"""Cells. The paper takes that of the training targets, which no file tells; from 1 to 1.5 the mean OKS of cropped people hardly moves."""

_DARK_REACH = 2.0
"""Cells that a keypoint may lie from the highest one along an axis: beyond, the peak is no Gaussian and its fit means nothing."""

_DARK_SMOOTH = np.exp(-np.square(np.arange(11) - np.arange(4, 7)[:, None]) / (2 * _DARK_SIGMA**2)).astype(np.float32)
"""(3, 11) smooths a window of 11 cells by a Gaussian, at the three cells in its middle."""

_DARK_FLOOR = 1e-6
"""Parts of the maximum that count as zero: a logarithm needs more."""


def _dark(maps: np.ndarray, cells: np.ndarray, heights: np.ndarray) -> np.ndarray:
    smooth = _DARK_SMOOTH @ _windows(maps, cells, heights, 5) @ _DARK_SMOOTH.T
    window = np.log(np.maximum(smooth, _DARK_FLOOR)).astype(np.float64)
    left, middle, right, above, below = window[:, 1, 0], window[:, 1, 1], window[:, 1, 2], window[:, 0, 1], window[:, 2, 1]
    dx, dy = (right - left) / 2, (below - above) / 2
    dxx, dyy = right - 2 * middle + left, below - 2 * middle + above
    dxy = (window[:, 2, 2] - window[:, 2, 0] - window[:, 0, 2] + window[:, 0, 0]) / 4
    determinant = dxx * dyy - dxy * dxy
    summit = (dxx < 0) & (determinant > 1e-6)  # else a plateau, a ridge or a saddle, where the step leads anywhere
    step = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], axis=1) / np.where(summit, determinant, 1)[:, None]
    return np.where(summit[:, None], np.clip(step, -_DARK_REACH, _DARK_REACH), 0)


def _windows(maps: np.ndarray, cells: np.ndarray, heights: np.ndarray, radius: int, beyond: float | None = None) -> np.ndarray:
    """The cells around the highest one as parts of it: (M, 2 radius + 1, 2 radius + 1), from 0 to 1.

    Beyond the border is the value given, or else the nearest cell. A map without a positive value gives zeros.
    """
    count, height, width = maps.shape
    steps = np.arange(-radius, radius + 1)
    columns, rows = (cells[:, :, None] + steps).transpose(1, 0, 2)
    x, y = columns.clip(0, width - 1), rows.clip(0, height - 1)
    flat = (np.arange(count) * (height * width))[:, None, None] + (y * width)[:, :, None] + x[:, None, :]
    window = maps.ravel()[flat]
    np.maximum(window, 0, out=window)
    window /= np.where(heights > 0, heights, np.float32(np.inf))[:, None, None]
    if beyond is not None:
        window[((rows != y)[:, :, None]) | ((columns != x)[:, None, :])] = beyond
    return window


_OFFSETS = {"argmax": _argmax, "quarter": _quarter, "centroid": _centroid, "dark": _dark}
