"""``heatmaps_spe``: one heatmap per keypoint, one person per image.

:func:`encode` makes the heatmap targets of training; :func:`decode` finds the keypoints. A keypoint
is at the maximum of its heatmap, refined to a fraction of a cell (``Thresholds.refine``):

- ``argmax``: the center of the highest cell, as ST's model zoo decodes.
- ``quarter``: a quarter of a cell towards the higher neighbor, along x and along y
  (Newell et al., "Stacked Hourglass Networks", 2016).
- ``centroid``: the center of mass of the 7 × 7 cells around it.
- ``dark``: the maximum of a Gaussian fitted to the peak: smooth the heatmap, take its logarithm,
  and take one Newton step to where the gradient is zero (Zhang et al., "Distribution-Aware
  Coordinate Representation", CVPR 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from ..keypoints import KeypointLayout
from ..poses import Poses
from .options import KEEP_ALL, ONE_PERSON, PEOPLE, InputSpec, Thresholds, check_finite, found_people

EXPECTS = "one output (B, H, W, K) of heatmaps, smaller than the input by a whole factor"
THRESHOLDS = ONE_PERSON
SIGMA = 1.5
"""Standard deviation of Gaussian targets, in cells of the heatmap."""
_PEAK = 0.25
"""Largest share of a heatmap's cells above half of its maximum."""
_LEAST_SUM = 1e-6
"""Avoids a division by zero where a keypoint is far outside the image, and its target all zero."""


def encode(
    keypoints: Any,
    input_size: tuple[int, int],
    heatmap_size: tuple[int, int],
    sigma: float = SIGMA,
    sum_to_one: bool = False,
    xp: ModuleType = np,
) -> Any:
    """The training targets: for each keypoint a Gaussian heatmap, or a one-hot one.

    A keypoint at pixel x is at x · w / W of the heatmap, between cells; cell i has its center at
    i + 0.5. The Gaussian has that exact position as its mean and 1 as its maximum (Tompson et al.,
    2014). A one-hot target is 1 in the cell that contains the keypoint, as ST's model zoo trains,
    and all zeros for a keypoint outside the image.

    Args:
        keypoints: (B, K, 2 or more) x, y in pixels of the input.
        input_size: H, W.
        heatmap_size: h, w.
        sigma: standard deviation in cells; 0 for one-hot targets.
        sum_to_one: scale each heatmap to a sum of one, as the output of a softmax has.
        xp: the array library: NumPy, or ``keras.ops`` for tensors of any backend.

    Returns:
        (B, h, w, K) float32, an array of ``xp``.
    """

    def along(positions: Any, cells: int) -> Any:
        """(B, K) positions on one axis -> (B, cells, K) values of the target on that axis."""
        cell, positions = xp.arange(cells, dtype="float32")[None, :, None], positions[:, None, :]
        if not sigma:
            return xp.where(xp.floor(positions) == cell, np.float32(1), np.float32(0))
        return xp.exp(-xp.square(cell + 0.5 - positions) / (2 * sigma**2))

    keypoints = xp.array(keypoints, dtype="float32")
    rows = along(keypoints[..., 1] * (heatmap_size[0] / input_size[0]), heatmap_size[0])
    columns = along(keypoints[..., 0] * (heatmap_size[1] / input_size[1]), heatmap_size[1])
    targets = rows[:, :, None, :] * columns[:, None, :, :]
    if not sum_to_one:
        return targets
    return targets / xp.maximum(xp.sum(targets, axis=(1, 2), keepdims=True), _LEAST_SUM)


def find(outputs: Mapping[str, np.ndarray], spec: InputSpec) -> dict[str, np.ndarray] | None:
    """``heatmaps`` (B, H, W, K), for networks with channels first or last."""
    if len(outputs) != 1:
        return None
    (heatmaps,) = outputs.values()
    if heatmaps.ndim != 4:
        return None
    heatmaps = heatmaps.transpose(0, 2, 3, 1) if spec.channels_first else heatmaps
    height, width = heatmaps.shape[1:3]
    if (
        height < 2
        or spec.height % height
        or spec.width % width
        or spec.height // height != spec.width // width
    ):
        return None
    return {"heatmaps": heatmaps}


def are_peaks(heatmaps: np.ndarray) -> bool:
    """Whether there are as many maps (B, H, W, K) as a person has keypoints, or most of them have
    one small region of large values; and those of one cell do not add up to one, as those of a
    segmentation do."""
    if heatmaps.shape[3] > 1 and np.abs(heatmaps.sum(axis=3) - 1).max() < 1e-2:
        return False
    if heatmaps.shape[3] in PEOPLE:
        return True
    low, high = (bound(heatmaps, axis=(1, 2), keepdims=True) for bound in (np.min, np.max))
    share = (heatmaps >= (low + high) / 2).mean(axis=(1, 2))
    return bool(np.median(share) <= _PEAK)


def count_keypoints(found: Mapping[str, np.ndarray], spec: InputSpec) -> int:
    return int(found["heatmaps"].shape[3])


def decode(
    found: Mapping[str, np.ndarray],
    spec: InputSpec,
    layout: KeypointLayout,
    thresholds: Thresholds = KEEP_ALL,
) -> list[Poses]:
    """The refined maximum of each heatmap; the score is the value of the highest cell.

    Args:
        found: ``heatmaps`` (B, H, W, K).

    Returns:
        B Poses in pixels of the input, of one person each, or of none: see ``confidence``.

    Raises:
        PoseError: if the maximum of a heatmap is NaN or infinite.
    """
    heatmaps = found["heatmaps"]
    batch, height, width, count = heatmaps.shape
    maps = np.ascontiguousarray(heatmaps.transpose(0, 3, 1, 2), np.float32).reshape(
        batch * count, height, width
    )
    best = maps.reshape(len(maps), -1).argmax(axis=1)  # the first NaN where there is one
    scores = maps.reshape(len(maps), -1)[np.arange(len(maps)), best]
    check_finite(scores, "heatmaps")
    cells = np.stack(np.divmod(best, width)[::-1], axis=1)
    maxima = np.clip(
        cells + np.float32(0.5) + _OFFSETS[thresholds.refine](maps, cells, scores),
        0,
        (width, height),
    )
    keypoints = (
        (maxima * np.float32(spec.width / width)).astype(np.float32).reshape(batch, 1, count, 2)
    )
    scores = scores.reshape(batch, 1, count)
    poses = [Poses(keypoints[b], scores[b], layout) for b in range(batch)]
    return [found_people(one, thresholds) for one in poses]


# Each refinement: (M, H, W) maps, their highest cells (M, 2) x, y, and the peak values there (M,)
# -> (M, 2) offsets in cells from the center of the highest cell.


def _argmax(maps: np.ndarray, cells: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    return np.zeros(cells.shape, np.float32)


def _quarter(maps: np.ndarray, cells: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    window = _windows(maps, cells, peaks, 1, beyond=0.0)
    left, right, above, below = window[:, 1, 0], window[:, 1, 2], window[:, 0, 1], window[:, 2, 1]
    x, y = cells.T
    # At the border one neighbor is missing
    inside = [(x > 0) & (x < maps.shape[2] - 1), (y > 0) & (y < maps.shape[1] - 1)]
    return 0.25 * np.stack(
        [np.sign(right - left) * inside[0], np.sign(below - above) * inside[1]], axis=1
    )


def _centroid(maps: np.ndarray, cells: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    return _center_of_mass(_windows(maps, cells, peaks, 3, beyond=0.0))


def _center_of_mass(window: np.ndarray) -> np.ndarray:
    """(M, n, n) weights -> (M, 2) x, y from the middle cell; zero where all weights are zero."""
    columns, rows = window.sum(axis=1), window.sum(axis=2)
    steps = np.arange(window.shape[1], dtype=np.float32) - window.shape[1] // 2
    mass = columns.sum(axis=1)
    return np.asarray(
        np.stack([columns @ steps, rows @ steps], axis=1) / np.where(mass > 0, mass, 1)[:, None]
    )


_DARK_SIGMA = 1.25
"""Smoothing, in cells. The paper uses the sigma of the training targets, which model files do not
record; between 1 and 1.5 the mean OKS of cropped people hardly changes."""

_DARK_REACH = 2.0
"""Largest offset along an axis, in cells: a larger one means that the peak is not Gaussian."""

_DARK_SMOOTH = np.exp(
    -np.square(np.arange(11) - np.arange(4, 7)[:, None]) / (2 * _DARK_SIGMA**2)
).astype(np.float32)
"""(3, 11): Gaussian smoothing of a window of 11 cells, evaluated at its three middle cells."""

_DARK_FLOOR = 1e-6
"""Fraction of the maximum to which values are clipped before the logarithm."""


def _dark(maps: np.ndarray, cells: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    smooth = _DARK_SMOOTH @ _windows(maps, cells, peaks, 5) @ _DARK_SMOOTH.T
    window = np.log(np.maximum(smooth, _DARK_FLOOR)).astype(np.float64)
    left = window[:, 1, 0]
    middle = window[:, 1, 1]
    right = window[:, 1, 2]
    above = window[:, 0, 1]
    below = window[:, 2, 1]
    dx, dy = (right - left) / 2, (below - above) / 2
    dxx, dyy = right - 2 * middle + left, below - 2 * middle + above
    dxy = (window[:, 2, 2] - window[:, 2, 0] - window[:, 0, 2] + window[:, 0, 0]) / 4
    determinant = dxx * dyy - dxy * dxy
    # Else a plateau, a ridge or a saddle: the Newton step is meaningless
    is_maximum = (dxx < 0) & (determinant > 1e-6)
    step = (
        np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], axis=1)
        / np.where(is_maximum, determinant, 1)[:, None]
    )
    return np.where(is_maximum[:, None], np.clip(step, -_DARK_REACH, _DARK_REACH), 0)


def _windows(
    maps: np.ndarray, cells: np.ndarray, peaks: np.ndarray, radius: int, beyond: float | None = None
) -> np.ndarray:
    """The cells around each maximum as fractions of it: (M, 2 radius + 1, 2 radius + 1), from 0 to
    1.

    Outside the map is the value ``beyond``, by default the nearest cell. A map without positive
    values gives zeros.
    """
    count, height, width = maps.shape
    steps = np.arange(-radius, radius + 1)
    columns, rows = (cells[:, :, None] + steps).transpose(1, 0, 2)
    x, y = columns.clip(0, width - 1), rows.clip(0, height - 1)
    flat = (
        (np.arange(count) * (height * width))[:, None, None]
        + (y * width)[:, :, None]
        + x[:, None, :]
    )
    window: np.ndarray = maps.ravel()[flat]
    np.maximum(window, 0, out=window)
    window /= np.where(peaks > 0, peaks, np.float32(np.inf))[:, None, None]
    if beyond is not None:
        window[((rows != y)[:, :, None]) | ((columns != x)[:, None, :])] = beyond
    return window


_OFFSETS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "argmax": _argmax,
    "quarter": _quarter,
    "centroid": _centroid,
    "dark": _dark,
}
