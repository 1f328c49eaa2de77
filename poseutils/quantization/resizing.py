"""Nearest upsampling as one operator. Keras repeats rows and columns, which the converters write as
tiles and reshapes; accelerators and the compiler of this project know resizing."""

from __future__ import annotations


def with_resizing(model):
    """The model with its nearest upsampling as resizing to a fixed size, for conversion.

    Results are the same. Layers of another interpolation or an unknown size are kept.

    Args:
        model: keras.Model.

    Returns:
        keras.Model that shares all other layers with ``model``; ``model`` itself if there is
        nothing to change.
    """
    import keras

    if not any(_repeats(layer) for layer in model.layers):
        return model
    return keras.models.clone_model(
        model,
        input_tensors=model.input,
        clone_function=lambda layer: _resizing(layer) if _repeats(layer) else layer,
    )


def _repeats(layer) -> bool:
    import keras

    return (
        type(layer) is keras.layers.UpSampling2D
        and layer.interpolation == "nearest"
        and layer.data_format == "channels_last"
        and None not in layer.output.shape[1:3]
    )


def _resizing(repeating):
    import keras
    import tensorflow as tf

    class Resizing(keras.layers.Layer):
        def call(self, images):
            # Not keras.layers.Resizing: ONNX has no longer a name for where its pixels are.
            return tf.raw_ops.ResizeNearestNeighbor(images=images, size=repeating.output.shape[1:3])

    return Resizing(name=repeating.name)
