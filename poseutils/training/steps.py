"""The training step, on any backend of Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import cache

import numpy as np

from ..models.networks.keras_files import keras_library
from .device import computing_in_half_precision
from .networks.normalization import with_fused_normalization
from .networks.resized import at_size
from .validation import make_loss


def make_step(
    model, optimizer, loss: Mapping[str, Mapping] | None = None, half: bool = False
) -> Callable:
    """A training step: a function of images (B, H, W, 3) and keypoints (B, K, 3) that updates the
    model's weights and returns the loss.

    Args:
        model: keras.Model; images of another size are trained at that resolution.
        optimizer: Keras's, built for the model's variables; with ``half`` a LossScaleOptimizer.
        loss: as for :func:`.validation.make_loss`.
        half: compute in float16.
    """
    make = _tensorflow_step if keras_library().backend.backend() == "tensorflow" else _keras_step
    return make(model, optimizer, loss, half)


def _tensorflow_step(model, optimizer, loss: Mapping[str, Mapping] | None, half: bool) -> Callable:
    """A compiled step per image size. Keras's own step takes twice as long to run, and to compile,
    which is most of a short training."""
    import tensorflow as tf

    variables = model.trainable_variables

    @tf.function(autograph=False)
    def step(images, keypoints):
        network = at_size(model, images.shape[1:3])
        loss_of, trained = make_loss(network, loss), with_fused_normalization(network)
        with (
            tf.GradientTape() as tape,
            computing_in_half_precision(trained) if half else nullcontext(),
        ):
            value = loss_of(keypoints, trained(images, training=True))
            # Small gradients would be zero in float16; the optimizer unscales them.
            scaled = optimizer.scale_loss(value)
        optimizer.apply(tape.gradient(scaled, [v.value for v in variables]), variables)
        return value

    return step if tf.config.list_physical_devices("GPU") else _unoptimized(step)


def _unoptimized(step: Callable) -> Callable:
    """A TensorFlow function without graph optimization, which on a CPU takes four seconds and gains
    nothing."""
    import tensorflow as tf

    def call(*arguments):
        options = tf.config.optimizer.get_experimental_options()
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
        try:
            return step(*arguments)
        finally:
            tf.config.optimizer.set_experimental_options(
                {"disable_meta_optimizer": False, **options}
            )

    return call


def _keras_step(model, optimizer, loss: Mapping[str, Mapping] | None, half: bool) -> Callable:
    """Keras's own step, on any backend."""
    import keras

    class Loss(keras.losses.Loss):
        """Passes the keypoints unchanged; Keras would reshape the targets of a plain function to
        the rank of the heatmaps."""

        def __init__(self, compute: Callable):
            super().__init__()
            self.call = compute

    @cache
    def trainer(size: tuple[int, int]):
        network = at_size(model, size)
        # So that the network itself is saved without an optimizer
        twin = keras.Model(network.input, network.output)
        twin.compile(optimizer, Loss(make_loss(network, loss)))
        return twin

    def step(images, keypoints) -> float:
        twin = trainer(tuple(images.shape[1:3]))
        with computing_in_half_precision(model) if half else nullcontext():
            return float(np.mean(twin.train_on_batch(np.asarray(images), np.asarray(keypoints))))

    return step
