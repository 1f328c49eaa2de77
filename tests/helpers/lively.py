"""The real topology with fresh weights, and statistics as a training leaves them, so that something
flows through all of it."""

import numpy as np

from poseutils.training import build_model


def lively_network(size, keypoints=4, alpha=0.35, seed=0):
    """Batch normalizations have the statistics of random images, and shifts of their own."""
    model = build_model("st_movenet_lightning_heatmaps", (*size, 3), keypoints, alpha)
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            layer.momentum = 0.0  # one batch sets the statistics
            layer.beta.assign(layer.beta.numpy() * 0.25 + rng.normal(0.2, 0.3, layer.beta.shape))
    model(rng.uniform(-1, 1, (16, *size, 3)).astype(np.float32), training=True)
    return model
