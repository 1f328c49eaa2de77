"""Cross-layer equalization: makes the ranges of channels similar, for per-tensor quantization.

Dividing a channel by s in the convolution that outputs it, and multiplying it by s in the
convolution that reads it, leaves the network's function unchanged if all layers between are
positively homogeneous: f(s·x) = s·f(x) for s > 0. The best s gives the channel the same precision
in both kernels (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
Correction", ICCV 2019, eq. 11).

The paper equalizes pairs of layers. Here, groups: all tensors that must have the same s, as
additions, paddings, poolings or activations connect them, with all convolutions that write or read
them. A group is not equalized if it is connected to another kind of layer, or to an input or output
of the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .layers import Layers, Step, channels_last, folded
from .options import checked_model
from .statistics import channel_maxima

HOMOGENEOUS = (
    "Add",
    "AveragePooling2D",
    "Cropping2D",
    "Dropout",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "LeakyReLU",
    "MaxPooling2D",
    "ReLU",
    "SpatialDropout2D",
    "UpSampling2D",
    "ZeroPadding2D",
)
"""Layers that are positively homogeneous per channel; ``ReLU`` with a maximum only below it."""
ROOM = 1.25
"""Safety factor: a channel is below the maximum of a ``ReLU`` if this many times its largest value
in the calibration is."""
ITERATIONS = 200
CONVERGED = 1e-4
"""Largest change of the logarithm of a scale in the last iteration."""
SMALLEST = 1e-3
"""Lower bound of a channel's range relative to the kernel's, so that dead channels are not scaled
up."""


@dataclass(frozen=True)
class Group:
    """Tensors with common scales of their channels.

    Attributes:
        writers, readers: the convolutions that output and read them.
        least: (C,) lower bound of each scale that keeps the channel below the maximum of a
            ``ReLU``; 0 without a maximum.
        fixed: (C,) bool, channels that reach a maximum and are not scaled.
    """

    writers: tuple[Step, ...]
    readers: tuple[Step, ...]
    least: np.ndarray
    fixed: np.ndarray


def equalize(model_or_path, images: np.ndarray):
    """A copy of a Keras model with folded batch normalization and equalized channels.

    A ``ReLU`` with a maximum (ReLU6) is not homogeneous. If all channels stay well below it in the
    calibration, it becomes a plain ``ReLU``; else it is kept, channels that reach it are not
    scaled, and others only as far as they stay below. Without maxima the float function is
    unchanged; with them it is for inputs whose activations exceed those of the calibration by at
    most a quarter.

    Args:
        model_or_path: keras.Model, functional or sequential, or its file; it is not changed.
        images: (N, H, W, 3) float32 network inputs.

    Returns:
        keras.Model with the same inputs and outputs.

    Raises:
        PoseError: for a model that is not a graph of layers, or images of another shape.
    """
    layers = folded(checked_model(model_or_path, images))
    limited = [step.inputs[0] for step in layers.steps if _has_maximum(step)]
    peaks = channel_maxima(layers, limited, images)
    _drop_maxima(layers, peaks)
    kernels = {
        id(step.layer): step.layer.kernel.numpy().astype(np.float64)
        for step in layers.convolutions()
    }
    groups = _groups(layers, peaks)
    for group, scales in zip(groups, _converged(groups, kernels)):
        for step in group.writers:
            if step.layer.use_bias:
                step.layer.bias.assign(step.layer.bias.numpy() / scales)
    for step in layers.convolutions():
        step.layer.kernel.assign(kernels[id(step.layer)])
    return layers.model


# ---------------------------------------------------------------- activations with a maximum


def _has_maximum(step: Step) -> bool:
    return step.kind == "ReLU" and step.layer.max_value is not None


def _drop_maxima(layers: Layers, peaks: dict[int, np.ndarray]) -> None:
    """Removes the maxima that no channel comes near in the calibration."""
    for step in layers.steps:
        if (
            _has_maximum(step)
            and layers.called_once(step)
            and (peaks[step.inputs[0]] * ROOM <= step.layer.max_value).all()
        ):
            step.layer.max_value = None


# ---------------------------------------------------------------- groups


def _groups(layers: Layers, peaks: dict[int, np.ndarray]) -> list[Group]:
    """The groups that can be scaled, with at least one writer and one reader."""
    root = _connected(layers)
    members = {step.output: step for step in layers.convolutions()}
    frozen = {root[tensor] for tensor in _untouchable(layers)}
    found = []
    for name in sorted(set(root) - frozen):
        writers = tuple(step for step in members.values() if root[step.output] == name)
        readers = tuple(step for step in members.values() if root[step.inputs[0]] == name)
        if writers and readers:
            clipped = [
                step for step in layers.steps if _has_maximum(step) and root[step.output] == name
            ]
            channels = layers.tensors[writers[0].output].shape[-1]
            found.append(Group(writers, readers, *_limits(clipped, peaks, channels)))
    return found


def _connected(layers: Layers) -> list[int]:
    """For each tensor the lowest number of its connected component."""
    root = list(range(len(layers.tensors)))
    for step in layers.steps:
        if _is_homogeneous(step, layers):
            for tensor in step.inputs:
                low, high = sorted((root[tensor], root[step.output]))
                root = [low if r == high else r for r in root]
    return root


def _is_homogeneous(step: Step, layers: Layers) -> bool:
    has_threshold = bool(getattr(step.layer, "threshold", 0))
    if step.kind not in HOMOGENEOUS or not channels_last(step) or has_threshold:
        return False
    shapes = {tuple(layers.tensors[tensor].shape) for tensor in (*step.inputs, step.output)}
    # With broadcasting, an addition connects different channels.
    return step.kind != "Add" or len(shapes) == 1


def _untouchable(layers: Layers) -> set[int]:
    """Tensors that cannot be scaled: inputs and outputs of the network, and of layers that are not
    homogeneous."""
    known = {id(step) for step in layers.convolutions() if _divisible(step)}
    touched = {*layers.inputs, *layers.outputs}
    for step in layers.steps:
        if id(step) not in known and not _is_homogeneous(step, layers):
            touched.update(step.inputs, [step.output])
    return touched


def _divisible(step: Step) -> bool:
    """Whether the kernel has separate axes of input and output channels, in the expected
    layout."""
    return channels_last(step) and getattr(step.layer, "groups", 1) == 1


def _limits(
    clipped: list[Step], peaks: dict[int, np.ndarray], channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Lower bounds of the scales, and which channels must not be scaled."""
    least, fixed = np.zeros(channels), np.zeros(channels, bool)
    for step in clipped:
        share = peaks[step.inputs[0]] * ROOM / step.layer.max_value
        least, fixed = np.maximum(least, share), fixed | (share > 1)
    return least, fixed


# ---------------------------------------------------------------- the scales


def _converged(groups: list[Group], kernels: dict[int, np.ndarray]) -> list[np.ndarray]:
    """The scales (C,) of each group; the kernels are scaled in place, group by group, until the
    scales converge."""
    scales = [np.ones(len(group.least)) for group in groups]
    for _ in range(ITERATIONS):
        before = np.log(np.concatenate(scales)) if scales else np.zeros(0)
        scales = [_balance(group, total, kernels) for group, total in zip(groups, scales)]
        if not scales or np.abs(np.log(np.concatenate(scales)) - before).max() < CONVERGED:
            break
    return scales


def _balance(group: Group, total: np.ndarray, kernels: dict[int, np.ndarray]) -> np.ndarray:
    """Scales the kernels of one group once; returns its accumulated scales."""
    written = np.max(
        [_share(kernels[id(s.layer)], _channel_axes(s)[1], len(total)) for s in group.writers],
        axis=0,
    )
    read = np.max(
        [_share(kernels[id(s.layer)], _channel_axes(s)[0], len(total)) for s in group.readers],
        axis=0,
    )
    wanted = np.where(group.fixed, 1.0, np.maximum(total * np.sqrt(written / read), group.least))
    for step in group.writers:
        _multiply(kernels[id(step.layer)], _channel_axes(step)[1], total / wanted)
    for step in group.readers:
        _multiply(kernels[id(step.layer)], _channel_axes(step)[0], wanted / total)
    return wanted


def _channel_axes(step: Step) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes of a kernel with the input channels, and with the output channels."""
    return ((-2,), (-2, -1)) if step.kind == "DepthwiseConv2D" else ((-2,), (-1,))


def _share(kernel: np.ndarray, axes: tuple[int, ...], channels: int) -> np.ndarray:
    """(C,) precision of each channel: its largest magnitude relative to the kernel's."""
    others = tuple(axis for axis in range(-kernel.ndim, 0) if axis not in axes)
    largest = np.abs(kernel).max(axis=others).reshape(channels)
    return np.maximum(largest / max(largest.max(), 1e-30), SMALLEST)


def _multiply(kernel: np.ndarray, axes: tuple[int, ...], factors: np.ndarray) -> None:
    shape = [kernel.shape[axis] if axis in axes else 1 for axis in range(-kernel.ndim, 0)]
    kernel *= factors.reshape(shape)
