"""Upsampling by operators that accelerators have."""

from __future__ import annotations

import numpy as np

TAPS = np.outer((1, 2, 1), (1, 2, 1)).astype(np.float32) / 16
"""Nearest neighbors of twice the size, weighted so, are bilinear resizing, but for the border."""


def with_nearest_upsampling(model):
    """The network with nearest instead of bilinear upsampling, and a depthwise convolution after
    each, which begins as the same bilinear resizing and is trained like the other layers.

    Args:
        model: keras.Model.

    Returns:
        keras.Model that shares all other layers with ``model``; ``model`` itself if it has no
        bilinear upsampling by two.
    """
    import keras

    if not any(map(_is_bilinear, model.layers)):
        return model

    def copy(layer):
        return keras.layers.UpSampling2D(name=layer.name) if _is_bilinear(layer) else layer

    def call(layer, *inputs, **options):
        result = layer(*inputs, **options)
        replaced = _is_bilinear(model.get_layer(layer.name))
        return _smoothed(result, f"{layer.name}_smoothing") if replaced else result

    return keras.models.clone_model(
        model, input_tensors=model.input, clone_function=copy, call_function=call
    )


def _is_bilinear(layer) -> bool:
    import keras

    return (
        type(layer) is keras.layers.UpSampling2D
        and layer.interpolation == "bilinear"
        and tuple(layer.size) == (2, 2)
        and layer.data_format == "channels_last"
    )


def _smoothed(x, name: str):
    import keras

    smoothing = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=name)
    x = smoothing(x)
    smoothing.kernel.assign(np.broadcast_to(TAPS[:, :, None, None], smoothing.kernel.shape))
    return x
