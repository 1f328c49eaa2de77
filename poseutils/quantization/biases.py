"""Bias correction: rounded weights shift what a layer gives on average; its bias takes the shift
back."""

from __future__ import annotations

import numpy as np

from .equalization import equalize
from .layers import Step, folded
from .options import as_keras, check_images
from .statistics import mean_maps

LARGEST = 127
"""The largest 8-bit weight: weights are rounded to -127 to 127."""


def optimized(model_or_path, images: np.ndarray, granularity: str = "per_tensor"):
    """A Keras model made ready for quantization: :func:`equalize`, then :func:`correct_biases`;
    arguments as theirs."""
    return correct_biases(equalize(model_or_path, images), images, granularity)


def correct_biases(model_or_path, images: np.ndarray, granularity: str):
    """A copy of a Keras model whose biases make up for the rounding of its weights, batch
    normalization folded.

    A convolution with rounded weights w + ε gives ε·x too much, on average ε·E[x], as convolutions
    are linear (Nagel et al., ICCV 2019, section 4.2). E[x] is measured, place by place, so that
    padding counts. The float function changes by as much: this is a network to be quantized.

    Args:
        model_or_path: keras.Model, functional or sequential, or its file. It is not changed.
        images: (N, H, W, 3) float32 inputs as the network takes them.
        granularity: ``per_channel`` or ``per_tensor``, as the weights will be rounded.

    Returns:
        keras.Model with the same inputs and outputs.

    Raises:
        PoseError: for a model that is not a graph of layers, or images of another shape.
    """
    model = as_keras(model_or_path)
    check_images(model, images)
    layers = folded(model)
    steps = [step for step in layers.convolutions() if step.layer.use_bias]
    means = mean_maps(layers, sorted({step.inputs[0] for step in steps}), images)
    for step in steps:
        kernel, bias = step.layer.get_weights()
        step.layer.set_weights([rounded(step, kernel, granularity) - kernel, np.zeros_like(bias)])
        shift = step.layer(means[step.inputs[0]].astype(np.float32)).numpy()
        step.layer.set_weights([kernel, bias - shift.mean(axis=tuple(range(shift.ndim - 1)))])
    return layers.model


def rounded(step: Step, kernel: np.ndarray, granularity: str) -> np.ndarray:
    """A kernel as 8 bits hold it: multiples of the largest magnitude / 127, of all or of each
    channel that is written."""
    written = (-2, -1) if step.kind == "DepthwiseConv2D" else (-1,)
    others = (
        None
        if granularity == "per_tensor"
        else tuple(axis for axis in range(-kernel.ndim, 0) if axis not in written)
    )
    unit = np.maximum(np.abs(kernel).max(axis=others, keepdims=True) / LARGEST, 1e-30)
    return np.rint(kernel / unit) * unit
