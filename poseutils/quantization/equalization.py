"""Cross-layer equalization: channels of unlike size are evened out across layers, so that one scale
for all of them holds.

A channel that is divided by s where a convolution makes it and multiplied by s where the next one
reads it leaves the network's function as it was, as long as what lies between keeps proportions:
f(s·x) = s·f(x) for s > 0. The s that gives a channel the same share of both kernels' ranges loses
least (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV
2019, eq. 11).

The paper takes pairs of layers. Here it is groups: all tensors that must have one s because sums,
paddings, poolings or activations tie them, with every convolution that writes into them and every
one that reads from them. A group that touches something that does not keep proportions, or the
network's ends, is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .layers import Layers, Step, channels_last, folded
from .options import as_keras, check_images
from .statistics import channel_maxima

PROPORTIONAL = (
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
"""Layers that give s·f(x) for s·x, channel by channel; a ``ReLU`` with a maximum only below it."""
ROOM = 1.25
"""Channels count as below the maximum of a ``ReLU`` if this many times their largest value in the
calibration is."""
TURNS = 200
CONVERGED = 1e-4
"""No logarithm of a scale changes more in the last turn."""
SMALLEST = 1e-3
"""The share of a kernel's range below which a channel counts as this: dead channels are not blown
up."""


@dataclass(frozen=True)
class Group:
    """Tensors whose channels must be scaled alike.

    Attributes:
        writers, readers: the convolutions that make them and take them.
        least: (C,) the least scale of each channel that keeps it below the maximum of a ``ReLU``; 0
            where there is none.
        fixed: (C,) bool, channels that reach such a maximum, and stay as they are.
    """

    writers: tuple[Step, ...]
    readers: tuple[Step, ...]
    least: np.ndarray
    fixed: np.ndarray


def equalize(model_or_path, images: np.ndarray):
    """A copy of a Keras model with batch normalization folded and channels evened out across
    layers.

    A ``ReLU`` with a maximum (ReLU6) does not keep proportions. Where the calibration stays well
    below the maximum in all channels, it becomes a plain ``ReLU``; elsewhere it stays, channels
    that reach it keep their scale, and others grow only as far as they stay below. Without maxima
    the float function is the same for every input; with them for inputs whose activations do not
    exceed those of the calibration by more than a quarter.

    Args:
        model_or_path: keras.Model, functional or sequential, or a .keras or .h5 file. It is not
            changed.
        images: (N, H, W, 3) float32 inputs as the network takes them.

    Returns:
        keras.Model with the same inputs and outputs.

    Raises:
        PoseError: for a model that is not a graph of layers, or images of another shape.
    """
    model = as_keras(model_or_path)
    check_images(model, images)
    layers = folded(model)
    peaks = channel_maxima(
        layers, [step.inputs[0] for step in layers.steps if _has_maximum(step)], images
    )
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
    """Makes plain those that no channel comes near in the calibration."""
    for step in layers.steps:
        if (
            _has_maximum(step)
            and layers.called_once(step)
            and (peaks[step.inputs[0]] * ROOM <= step.layer.max_value).all()
        ):
            step.layer.max_value = None


# ---------------------------------------------------------------- what must be scaled alike


def _groups(layers: Layers, peaks: dict[int, np.ndarray]) -> list[Group]:
    """The groups that can be scaled; those without a writer or reader have nothing to even out."""
    root = _tied(layers)
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
            found.append(
                Group(
                    writers,
                    readers,
                    *_limits(clipped, peaks, layers.tensors[writers[0].output].shape[-1]),
                )
            )
    return found


def _tied(layers: Layers) -> list[int]:
    """For each tensor the least number of those tied to it."""
    root = list(range(len(layers.tensors)))
    for step in layers.steps:
        if _keeps_proportions(step, layers):
            for tensor in step.inputs:
                low, high = sorted((root[tensor], root[step.output]))
                root = [low if r == high else r for r in root]
    return root


def _keeps_proportions(step: Step, layers: Layers) -> bool:
    if (
        step.kind not in PROPORTIONAL
        or not channels_last(step)
        or getattr(step.layer, "threshold", 0)
    ):
        return False
    shapes = {tuple(layers.tensors[tensor].shape) for tensor in (*step.inputs, step.output)}
    # A sum that repeats a channel or a pixel ties more than channel to channel
    return step.kind != "Add" or len(shapes) == 1


def _untouchable(layers: Layers) -> set[int]:
    """Tensors that must stay as they are: the network's ends, and all around a layer that does not
    keep proportions."""
    known = {id(step) for step in layers.convolutions() if _divisible(step)}
    touched = {*layers.inputs, *layers.outputs}
    for step in layers.steps:
        if id(step) not in known and not _keeps_proportions(step, layers):
            touched.update(step.inputs, [step.output])
    return touched


def _divisible(step: Step) -> bool:
    """Whether each channel of the kernel belongs to one channel in and one out, in the layout that
    is expected here."""
    return channels_last(step) and getattr(step.layer, "groups", 1) == 1


def _limits(
    clipped: list[Step], peaks: dict[int, np.ndarray], channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """The least scale of each channel, and whether it may not be scaled at all."""
    least, fixed = np.zeros(channels), np.zeros(channels, bool)
    for step in clipped:
        share = peaks[step.inputs[0]] * ROOM / step.layer.max_value
        least, fixed = np.maximum(least, share), fixed | (share > 1)
    return least, fixed


# ---------------------------------------------------------------- the scales


def _converged(groups: list[Group], kernels: dict[int, np.ndarray]) -> list[np.ndarray]:
    """The scales of each group, (C,) each; the kernels are scaled in place, group after group,
    until nothing changes."""
    scales = [np.ones(len(group.least)) for group in groups]
    for _ in range(TURNS):
        before = np.log(np.concatenate(scales)) if scales else np.zeros(0)
        scales = [_balance(group, total, kernels) for group, total in zip(groups, scales)]
        if not scales or np.abs(np.log(np.concatenate(scales)) - before).max() < CONVERGED:
            break
    return scales


def _balance(group: Group, total: np.ndarray, kernels: dict[int, np.ndarray]) -> np.ndarray:
    """Scales the kernels around one group once; returns the scales so far."""
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
    """The axes of a kernel that hold the channels it reads, and those that it writes."""
    return ((-2,), (-2, -1)) if step.kind == "DepthwiseConv2D" else ((-2,), (-1,))


def _share(kernel: np.ndarray, axes: tuple[int, ...], channels: int) -> np.ndarray:
    """(C,) the largest weight of each channel as a share of the largest of all: what is left of 8
    bits under one scale."""
    others = tuple(axis for axis in range(-kernel.ndim, 0) if axis not in axes)
    largest = np.abs(kernel).max(axis=others).reshape(channels)
    return np.maximum(largest / max(largest.max(), 1e-30), SMALLEST)


def _multiply(kernel: np.ndarray, axes: tuple[int, ...], factors: np.ndarray) -> None:
    shape = [kernel.shape[axis] if axis in axes else 1 for axis in range(-kernel.ndim, 0)]
    kernel *= factors.reshape(shape)
