"""Batch normalization in one operation: Keras takes it apart into some thirty, which on a CPU is
half of a step of training."""

from __future__ import annotations


def with_fused_normalization(model):
    """The same network, with the same variables, whose batch normalization is computed by
    TensorFlow's fused operation.

    It gives what Keras's layer gives, but for the order of sums (Ioffe and Szegedy, "Batch
    Normalization", 2015). It is for training alone: frozen layers, those without a scale or an
    offset, and those that do not normalize the last of four axes stay as they are.

    Args:
        model: keras.Model, a graph of layers.

    Returns:
        keras.Model to train with, which shares all other layers with ``model``.
    """
    import keras

    return keras.models.clone_model(
        model,
        input_tensors=model.input,
        clone_function=lambda layer: _fused(layer) if _fits(layer) else layer,
    )


def _fits(layer) -> bool:
    import keras

    return (
        type(layer) is keras.layers.BatchNormalization
        and layer.trainable
        and layer.scale
        and layer.center
        and not getattr(layer, "renorm", False)
        and not layer.synchronized
        and layer.axis in (-1, 3)
        and len(layer.output.shape) == 4
    )


def _fused(source):
    """The layer that computes what a BatchNormalization does in training, and that moves its mean
    and variance."""
    import keras
    import tensorflow as tf

    class Fused(keras.layers.Layer):
        def __init__(self):
            super().__init__(name=source.name, dtype=source.dtype_policy)
            self.source = source

        def call(
            self, images, training=None, mask=None
        ):  # as the layer that it stands for is called
            normalized, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=tf.cast(images, tf.float32),
                scale=tf.cast(source.gamma, tf.float32),
                offset=tf.cast(source.beta, tf.float32),
                mean=tf.zeros(0),
                variance=tf.zeros(0),
                epsilon=source.epsilon,
                is_training=True,
            )
            count = tf.cast(tf.size(images) // images.shape[-1], tf.float32)
            _follow(source.moving_mean, mean, source.momentum)
            # Keras's is that of the batch itself
            _follow(source.moving_variance, variance * (count - 1) / count, source.momentum)
            return tf.cast(normalized, images.dtype)

    return Fused()


def _follow(moving, new, momentum: float) -> None:
    moving.assign(moving * momentum + new * (1 - momentum))
