"""What flows through a network on calibration images, kept as sums and maxima, never as all
activations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..models.network import compiled
from .layers import Layers

BATCH = 8


def channel_maxima(
    layers: Layers, tensors: Sequence[int], images: np.ndarray
) -> dict[int, np.ndarray]:
    """The largest value of each channel of some tensors, (C,) each, over all images and places."""
    found = {}
    for _, batch in _runs(layers, tensors, images):
        for tensor, values in zip(tensors, batch, strict=True):
            largest = values.max(axis=tuple(range(values.ndim - 1)))
            found[tensor] = np.maximum(found.get(tensor, largest), largest)
    return found


def mean_maps(layers: Layers, tensors: Sequence[int], images: np.ndarray) -> dict[int, np.ndarray]:
    """The mean of some tensors over all images, place by place, (1, H, W, C) each."""
    found = dict.fromkeys(tensors, 0.0)
    for count, batch in _runs(layers, tensors, images):
        for tensor, values in zip(tensors, batch, strict=True):
            found[tensor] = found[tensor] + values.astype(np.float64).mean(
                axis=0, keepdims=True
            ) * (count / len(images))
    return found


def _runs(layers: Layers, tensors: Sequence[int], images: np.ndarray):
    """For batches of images: how many, and the values of the tensors."""
    forward = reader(layers, tensors) if tensors else None
    for start in range(0, len(images) if forward else 0, BATCH):
        batch = images[start : start + BATCH]
        yield len(batch), forward(batch)


def reader(layers: Layers, tensors: Sequence[int]) -> Callable[[np.ndarray], list[np.ndarray]]:
    """A function of images (B, H, W, 3) that gives the values of some tensors, (B, ...) each."""
    import keras

    forward = compiled(
        keras.Model(layers.model.inputs, [layers.tensors[tensor] for tensor in tensors])
    )
    return lambda images: forward(images.astype(np.float32))
