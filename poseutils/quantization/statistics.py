"""Statistics of activations on calibration images, accumulated batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..models.networks.runtimes import compiled
from .layers import Layers

BATCH = 8


def channel_maxima(
    layers: Layers, tensors: Sequence[int], images: np.ndarray
) -> dict[int, np.ndarray]:
    """(C,) maximum of each channel over all images and pixels, by tensor."""
    found: dict[int, np.ndarray] = {}
    for _, batch in _runs(layers, tensors, images):
        for tensor, values in zip(tensors, batch, strict=True):
            largest = values.max(axis=tuple(range(values.ndim - 1)))
            found[tensor] = np.maximum(found.get(tensor, largest), largest)
    return found


def mean_maps(layers: Layers, tensors: Sequence[int], images: np.ndarray) -> dict[int, np.ndarray]:
    """(1, H, W, C) mean over all images, by tensor."""
    found: dict[int, np.ndarray] = dict.fromkeys(tensors, np.zeros(()))
    for count, batch in _runs(layers, tensors, images):
        for tensor, values in zip(tensors, batch, strict=True):
            mean = values.astype(np.float64).mean(axis=0, keepdims=True)
            found[tensor] = found[tensor] + mean * (count / len(images))
    return found


def _runs(layers: Layers, tensors: Sequence[int], images: np.ndarray):
    """Yields the size of each batch and the values of the tensors."""
    if not tensors:
        return
    forward = reader(layers, tensors)
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        yield len(batch), forward(batch)


def reader(layers: Layers, tensors: Sequence[int]) -> Callable[[np.ndarray], list[np.ndarray]]:
    """A function from images (B, H, W, 3) to the values of tensors, (B, ...) each."""
    import keras

    forward = compiled(
        keras.Model(layers.model.inputs, [layers.tensors[tensor] for tensor in tensors])
    )
    return lambda images: forward(images.astype(np.float32))
