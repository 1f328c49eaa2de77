"""What a heatmap network is asked for, and how far from it it is.

B images, K keypoints, an input of H × W pixels, heatmaps of h × w cells. Keypoints are (B, K, 3): x and y in pixels of the input
(pixel centers at +0.5) and visibility, above zero where labeled.
"""

from __future__ import annotations

from ..networks import load_tensorflow

SIGMA = 1.5
"""Standard deviation of the targets, in cells of the heatmap."""
FOCUS = 2.0
"""Exponent of the quality focal loss, as published."""


def gaussian_heatmaps(keypoints, input_size: tuple[int, int], heatmap_size: tuple[int, int], sigma: float = SIGMA):
    """Gaussians around the exact places of the keypoints, which fall between cells (Tompson et al., 2014).

    A keypoint at pixel x lies at x · w / W of the heatmap, whose cell i has its center at i + 0.5. A cell that is the center has 1.

    Args:
        keypoints: (B, K, 2 or 3).
        input_size: H, W.
        heatmap_size: h, w.
        sigma: standard deviation in cells.

    Returns:
        (B, h, w, K) float32 tensor.
    """
    tf = load_tensorflow()

    keypoints = tf.cast(keypoints, tf.float32)
    falls = [
        _falloff(keypoints[..., axis] * (cells / pixels), cells, sigma)
        for axis, cells, pixels in ((1, heatmap_size[0], input_size[0]), (0, heatmap_size[1], input_size[1]))
    ]
    return falls[0][:, :, None, :] * falls[1][:, None, :, :]


def _falloff(positions, cells: int, sigma: float):
    """(B, K) positions along one axis -> (B, cells, K) Gaussian of the distance from each cell's center."""
    import tensorflow as tf

    centers = tf.range(cells, dtype=tf.float32) + 0.5
    return tf.exp(-tf.square(centers[None, :, None] - positions[:, None, :]) / (2 * sigma**2))


def is_labeled(keypoints, input_size: tuple[int, int]):
    """(B, K) bool tensor: the keypoint has a label, and augmentation has not moved it out of the image."""
    import tensorflow as tf

    inside = (keypoints[..., :2] >= 0) & (keypoints[..., :2] < tf.constant([input_size[1], input_size[0]], tf.float32))
    return (keypoints[..., 2] > 0) & tf.reduce_all(inside, axis=-1)


def heatmap_loss(input_size: tuple[int, int], heatmap_size: tuple[int, int], final_activation: str):
    """The loss of a batch, ``loss(keypoints, heatmaps)``: over labeled keypoints only, summed over cells and averaged over keypoints.

    For sigmoid heatmaps it is the quality focal loss, a cross-entropy weighted by the square of the error, so that the many cells
    that are rightly empty do not drown the few that matter (Li et al., "Generalized Focal Loss", 2020). For softmax heatmaps it is the
    cross-entropy with the Gaussian scaled to a sum of one.
    """
    import tensorflow as tf

    per_keypoint = {"sigmoid": _quality_focal, "softmax": _cross_entropy}[final_activation]

    def loss(keypoints, heatmaps):
        keypoints = tf.cast(keypoints, tf.float32)
        labeled = tf.cast(is_labeled(keypoints, input_size), tf.float32)
        targets = gaussian_heatmaps(keypoints, input_size, heatmap_size)
        return tf.reduce_sum(per_keypoint(targets, heatmaps) * labeled) / tf.maximum(tf.reduce_sum(labeled), 1.0)

    return loss


def _quality_focal(targets, heatmaps):
    import tensorflow as tf

    heatmaps = tf.clip_by_value(heatmaps, 1e-6, 1 - 1e-6)
    entropy = -targets * tf.math.log(heatmaps) - (1 - targets) * tf.math.log(1 - heatmaps)
    return tf.reduce_sum(tf.abs(targets - heatmaps) ** FOCUS * entropy, axis=(1, 2))


def _cross_entropy(targets, heatmaps):
    import tensorflow as tf

    targets = targets / tf.maximum(tf.reduce_sum(targets, axis=(1, 2), keepdims=True), 1e-6)
    return -tf.reduce_sum(targets * tf.math.log(tf.maximum(heatmaps, 1e-6)), axis=(1, 2))
