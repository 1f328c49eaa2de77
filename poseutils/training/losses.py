"""Losses of heatmaps, on any backend of Keras.

Each loss is a function of ``keras.ops``, targets and heatmaps (B, h, w, K), and weights of
keypoints (B, K), which are zero for unlabeled ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..decoders.heatmaps_spe import SIGMA, encode
from ..errors import PoseError
from ..models.networks.keras_files import keras_library

FOCUS = 2.0
"""Exponent of the quality focal loss, as published."""
LEAST = 1e-6
"""Lower bound of probabilities in logarithms."""
DEFAULT_LOSSES: Mapping[str, Mapping[str, Mapping]] = {
    "sigmoid": {"mse": {}},
    "softmax": {"cross_entropy": {}},
}
"""The default loss for each last activation: the one with the best OKS in otherwise equal
trainings."""


def heatmap_loss(
    input_size: tuple[int, int],
    heatmap_size: tuple[int, int],
    final_activation: str,
    loss: Mapping[str, Mapping] | None = None,
) -> Callable:
    """The loss function of a batch, over labeled keypoints inside the image.

    Args:
        input_size: H, W of the images.
        heatmap_size: h, w of the heatmaps.
        final_activation: ``sigmoid`` of each cell, or ``softmax`` over the cells of each heatmap,
            whose targets sum to one.
        loss: ``{name: arguments}`` of :data:`LOSSES` (default: :data:`DEFAULT_LOSSES`). Arguments:
            ``sigma`` of the targets in cells, 0 for one-hot targets; ``occluded_weight`` of
            keypoints that are labeled but hidden, relative to visible ones; ``keypoint_weights``,
            one per keypoint. A predicted keypoint is weighted by its score, which is its
            visibility.

    Returns:
        ``loss(keypoints, heatmaps)``: (B, K, 3) and (B, h, w, K) -> a scalar tensor.

    Raises:
        PoseError: for a loss that does not fit the activation.
    """
    ops = keras_library().ops
    ((name, arguments),) = (loss or DEFAULT_LOSSES[final_activation]).items()
    check_loss(name, final_activation)
    sigma, weights = sigma_of({name: arguments}), _weights(ops, input_size, arguments)

    def compute(keypoints, heatmaps):
        keypoints = ops.cast(keypoints, "float32")
        sum_to_one = final_activation == "softmax"
        targets = encode(keypoints, input_size, heatmap_size, sigma, sum_to_one, xp=ops)
        return LOSSES[name](ops, targets, ops.cast(heatmaps, "float32"), weights(keypoints))

    return compute


def sigma_of(loss: Mapping[str, Mapping] | None) -> float:
    """The standard deviation, in cells, of the targets of :func:`heatmap_loss`; 0 for one-hot
    targets."""
    return next(iter((loss or {"": {}}).values())).get("sigma", SIGMA)


def check_loss(name: str, final_activation: str) -> None:
    """Checks that a loss fits a network with this last activation.

    Raises:
        PoseError: if it does not.
    """
    needed = NEEDED.get(name, final_activation)
    if needed != final_activation:
        fitting = [n for n in LOSSES if NEEDED.get(n, final_activation) == final_activation]
        raise PoseError(
            f"training.loss is {name}, which is for networks that end in {needed}, and this one "
            f"ends in {final_activation}; choose {' or '.join(fitting)}"
        )


def _weights(ops, input_size: tuple[int, int], arguments: Mapping) -> Callable:
    """The function from keypoints (B, K, 3) to their weights (B, K)."""
    occluded: float = arguments.get("occluded_weight", 1.0)
    each: Sequence[float] = arguments.get("keypoint_weights") or [1.0]

    def weigh(keypoints):
        visibility = keypoints[..., 2]
        trust = ops.where(
            visibility == 1, ops.cast(occluded, "float32"), ops.minimum(visibility, 1.0)
        )
        return (
            ops.cast(_is_labeled(keypoints, input_size), "float32")
            * trust
            * ops.convert_to_tensor(each, "float32")
        )

    return weigh


def _is_labeled(keypoints, input_size: tuple[int, int]):
    """(B, K) bool tensor: labeled, and not moved out of the image by augmentation."""
    x, y, visibility = (keypoints[..., part] for part in range(3))
    height, width = input_size
    return (visibility > 0) & (x >= 0) & (x < width) & (y >= 0) & (y < height)


def _squared_error(ops, targets, heatmaps, weights):
    """Summed over cells, averaged over keypoints. The mean over cells, as in ST's model zoo, makes
    gradients so small that the epsilon of Adam outweighs them."""
    return _average(ops, ops.sum(ops.square(targets - heatmaps), axis=(1, 2)), weights)


def _quality_focal(ops, targets, heatmaps, weights):
    """Cross-entropy of each cell, weighted by the square of its error, so that the many easy
    background cells do not dominate (Li et al., "Generalized Focal Loss", 2020); summed over cells,
    averaged over keypoints."""
    heatmaps = ops.clip(heatmaps, LEAST, 1 - LEAST)
    entropy = -targets * ops.log(heatmaps) - (1 - targets) * ops.log(1 - heatmaps)
    focused = ops.abs(targets - heatmaps) ** FOCUS * entropy
    return _average(ops, ops.sum(focused, axis=(1, 2)), weights)


def _cross_entropy(ops, targets, heatmaps, weights):
    """Cross-entropy of two distributions over the cells of a heatmap, averaged over keypoints."""
    entropy = -targets * ops.log(ops.maximum(heatmaps, LEAST))
    return _average(ops, ops.sum(entropy, axis=(1, 2)), weights)


def _average(ops, losses, weights):
    total = ops.sum(weights)
    return ops.sum(losses * weights) / ops.where(total > 0, total, 1.0)


LOSSES = {"mse": _squared_error, "quality_focal": _quality_focal, "cross_entropy": _cross_entropy}
NEEDED = {"quality_focal": "sigmoid", "cross_entropy": "softmax"}
"""The last activation that a loss requires."""
