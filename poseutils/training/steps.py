"""One step of training, on any backend of Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import cache

import numpy as np

from ..models.keras_files import keras_library
from .device import computing_in_half_precision
from .normalization import with_fused_normalization
from .resized import at_size
from .validation import make_loss


def make_step(
    model, optimizer, asked: Mapping[str, Mapping] | None = None, half: bool = False
) -> Callable:
    """One step of training: a function of images (B, H, W, 3) and keypoints (B, K, 3) that changes
    the model's weights and gives the loss.

    Args:
        model: keras.Model; images of other sizes than it was built for go through it at their size.
        optimizer: Keras's, built for the model's variables; with ``half`` one that scales the loss.
        asked: the loss, as for :func:`.validation.make_loss`.
        half: whether it computes in float16.
    """
    make = _tensorflow_step if keras_library().backend.backend() == "tensorflow" else _keras_step
    return make(model, optimizer, asked, half)


def _tensorflow_step(model, optimizer, asked: Mapping[str, Mapping] | None, half: bool) -> Callable:
    """Compiled for each size of images; Keras's own step takes twice as long to compile, which is
    most of a short training, and to run."""
    import tensorflow as tf

    variables = model.trainable_variables

    @tf.function(autograph=False)
    def step(images, keypoints):
        network = at_size(model, images.shape[1:3])
        loss_of, trained = make_loss(network, asked), with_fused_normalization(network)
        with (
            tf.GradientTape() as tape,
            computing_in_half_precision(trained) if half else nullcontext(),
        ):
            loss = loss_of(keypoints, trained(images, training=True))
            # Small gradients are zero in float16; the optimizer divides them again
            scaled = optimizer.scale_loss(loss)
        optimizer.apply(tape.gradient(scaled, [v.value for v in variables]), variables)
        return loss

    return step if tf.config.list_physical_devices("GPU") else _as_written(step)


def _as_written(step: Callable) -> Callable:
    """A TensorFlow function that is not optimized before it runs first: on a CPU that takes four
    seconds and gains nothing."""
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


def _keras_step(model, optimizer, asked: Mapping[str, Mapping] | None, half: bool) -> Callable:
    """Keras's own step, on the backend that it runs on."""
    import keras

    class Loss(keras.losses.Loss):
        """Gets the targets as they are: Keras would bring those of a function to as many axes as
        the heatmaps have."""

        def __init__(self, compute: Callable):
            super().__init__()
            self.call = compute

    @cache
    def trainer(size: tuple[int, int]):
        network = at_size(model, size)
        # So that the network itself is saved without an optimizer
        twin = keras.Model(network.input, network.output)
        twin.compile(optimizer, Loss(make_loss(network, asked)))
        return twin

    def step(images, keypoints) -> float:
        twin = trainer(tuple(images.shape[1:3]))
        with computing_in_half_precision(model) if half else nullcontext():
            return float(np.mean(twin.train_on_batch(np.asarray(images), np.asarray(keypoints))))

    return step
