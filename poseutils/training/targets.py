"""What a heatmap network is asked for.

B images, K keypoints, an input of H × W pixels, heatmaps of h × w cells. Keypoints are (B, K, 3): x
and y in pixels of the input (pixel centers at +0.5) and visibility: 0 not labeled, 1 labeled but
hidden, 2 visible. Everything here runs on any backend of Keras.
"""

from __future__ import annotations

from ..models.keras_files import keras_library

SIGMA = 1.5
"""Standard deviation of the targets, in cells of the heatmap."""
LEAST_SUM = 1e-6
"""Of a target that is scaled to a sum of one: that of a keypoint far outside has none."""


def target_heatmaps(
    keypoints,
    input_size: tuple[int, int],
    heatmap_size: tuple[int, int],
    sigma: float = SIGMA,
    sum_to_one: bool = False,
):
    """The heatmaps that a network should give: Gaussians, or one cell for each keypoint.

    Args:
        keypoints: (B, K, 2 or 3).
        input_size: H, W.
        heatmap_size: h, w.
        sigma: standard deviation in cells; 0 for one-hot targets.
        sum_to_one: whether each heatmap is scaled to a sum of one, as those of a softmax are.

    Returns:
        (B, h, w, K) float32 tensor.
    """
    targets = (gaussian_heatmaps if sigma else one_hot_heatmaps)(
        keypoints, input_size, heatmap_size, *([sigma] if sigma else [])
    )
    ops = keras_library().ops
    return (
        targets / ops.maximum(ops.sum(targets, axis=(1, 2), keepdims=True), LEAST_SUM)
        if sum_to_one
        else targets
    )


def gaussian_heatmaps(
    keypoints, input_size: tuple[int, int], heatmap_size: tuple[int, int], sigma: float = SIGMA
):
    """Gaussians around the exact places of the keypoints, which fall between cells (Tompson et al.,
    2014).

    A keypoint at pixel x lies at x · w / W of the heatmap, whose cell i has its center at i + 0.5.
    A cell that is the center has 1.

    Args, returns:
        as for :func:`target_heatmaps`.
    """
    ops = keras_library().ops

    def falloff(positions, cells: int):
        """(B, K) positions along one axis -> (B, cells, K) Gaussian of the distance from each
        cell's center."""
        centers = ops.arange(cells, dtype="float32") + 0.5
        return ops.exp(-ops.square(centers[None, :, None] - positions[:, None, :]) / (2 * sigma**2))

    return _outer(keypoints, input_size, heatmap_size, falloff)


def one_hot_heatmaps(keypoints, input_size: tuple[int, int], heatmap_size: tuple[int, int]):
    """One in the cell that a keypoint lies in and zero elsewhere, as ST's model zoo trains; all
    zeros for a keypoint outside.

    Args, returns:
        as for :func:`target_heatmaps`.
    """
    ops = keras_library().ops

    def hit(positions, cells: int):
        """(B, K) positions along one axis -> (B, cells, K): 1 for the cell that they are in."""
        return ops.cast(
            ops.floor(positions)[:, None, :] == ops.arange(cells, dtype="float32")[None, :, None],
            "float32",
        )

    return _outer(keypoints, input_size, heatmap_size, hit)


def _outer(keypoints, input_size: tuple[int, int], heatmap_size: tuple[int, int], along):
    """(B, h, w, K): the product of what ``along(positions, cells)`` gives for the rows and for the
    columns."""
    ops = keras_library().ops
    keypoints = ops.cast(keypoints, "float32")
    rows = along(keypoints[..., 1] * (heatmap_size[0] / input_size[0]), heatmap_size[0])
    columns = along(keypoints[..., 0] * (heatmap_size[1] / input_size[1]), heatmap_size[1])
    return rows[:, :, None, :] * columns[:, None, :, :]


def is_labeled(keypoints, input_size: tuple[int, int]):
    """(B, K) bool tensor: the keypoint has a label, and augmentation has not moved it out of the
    image."""
    ops = keras_library().ops
    x, y, visibility = (ops.cast(keypoints, "float32")[..., part] for part in range(3))
    height, width = input_size
    return (visibility > 0) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
