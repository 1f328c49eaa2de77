"""Bias correction: compensates the mean shift of a layer's output by the rounding of its
weights."""

from __future__ import annotations

import numpy as np

from .equalization import equalize
from .layers import Step, folded
from .options import checked_model
from .statistics import mean_maps

LARGEST = 127
"""Weights are quantized to -127…127."""


def optimized(model_or_path, images: np.ndarray, granularity: str = "per_tensor"):
    """A Keras model prepared for quantization: :func:`equalize`, then :func:`correct_biases`."""
    return correct_biases(equalize(model_or_path, images), images, granularity)


def correct_biases(model_or_path, images: np.ndarray, granularity: str):
    """A copy of a Keras model with folded batch normalization and biases that compensate the
    rounding of the weights.

    A convolution with rounded weights w + ε has an error of ε·x, on average ε·E[x] (Nagel et al.,
    ICCV 2019, section 4.2). E[x] is measured per pixel, to include padding. The biases are correct
    for the quantized weights, not for the float ones: the model is to be quantized.

    Args:
        model_or_path: keras.Model, functional or sequential, or its file; it is not changed.
        images: (N, H, W, 3) float32 network inputs.
        granularity: ``per_channel`` or ``per_tensor`` scales of the weights.

    Returns:
        keras.Model with the same inputs and outputs.

    Raises:
        PoseError: for a model that is not a graph of layers, or images of another shape.
    """
    layers = folded(checked_model(model_or_path, images))
    steps = [step for step in layers.convolutions() if step.layer.use_bias]
    means = mean_maps(layers, sorted({step.inputs[0] for step in steps}), images)
    for step in steps:
        kernel, bias = step.layer.get_weights()
        step.layer.set_weights([rounded(step, kernel, granularity) - kernel, np.zeros_like(bias)])
        shift = step.layer(means[step.inputs[0]].astype(np.float32)).numpy()
        step.layer.set_weights([kernel, bias - shift.mean(axis=tuple(range(shift.ndim - 1)))])
    return layers.model


def rounded(step: Step, kernel: np.ndarray, granularity: str) -> np.ndarray:
    """A kernel after int8 quantization: multiples of the largest magnitude / 127, per tensor or per
    output channel."""
    channel_axes = (-2, -1) if step.kind == "DepthwiseConv2D" else (-1,)
    others = None
    if granularity == "per_channel":
        others = tuple(axis for axis in range(-kernel.ndim, 0) if axis not in channel_axes)
    unit = np.maximum(np.abs(kernel).max(axis=others, keepdims=True) / LARGEST, 1e-30)
    return np.rint(kernel / unit) * unit
