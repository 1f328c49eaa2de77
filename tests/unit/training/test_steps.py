"""One step of training: TensorFlow's, compiled here, and Keras's own, which any backend has."""

from functools import cache

import numpy as np
import pytest

from poseutils.training.steps import _keras_step, _tensorflow_step, make_step

keras = pytest.importorskip("keras")

KEYPOINTS = 3


def batches(sizes):
    """Images (4, size, size, 3) and keypoints (4, 3, 3) on them."""
    random = np.random.default_rng(0)
    for size in sizes:
        places = random.uniform(5, size - 5, (4, KEYPOINTS, 2))
        yield (
            random.uniform(-1, 1, (4, size, size, 3)).astype(np.float32),
            np.dstack([places, np.full((4, KEYPOINTS), 2)]).astype(np.float32),
        )


def network(keypoints=KEYPOINTS):
    """Small, as deep ones make much of the least differences."""
    keras.utils.set_random_seed(5)
    x = image = keras.Input((64, 64, 3))
    for _ in range(2):
        x = keras.layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(image, keras.layers.Conv2D(keypoints, 1, activation="sigmoid")(x))


@cache
def trained(make, keypoints=KEYPOINTS, half=False, sizes=(64, 96, 64, 96)):
    """The losses of a step for each size of images, and the weights after them."""
    model, optimizer = network(keypoints), keras.optimizers.Adam(0.01)
    optimizer = keras.optimizers.LossScaleOptimizer(optimizer) if half else optimizer
    optimizer.build(model.trainable_variables)
    step = make(model, optimizer, None, half)
    losses = [float(step(images, points[:, :keypoints])) for images, points in batches(sizes)]
    assert getattr(model, "optimizer", None) is None, "else the file of the network would hold it"
    return losses, model.get_weights()


def test_both_steps_are_the_same_step():
    (expected, weights), (given, found) = trained(_tensorflow_step), trained(_keras_step)
    np.testing.assert_allclose(given, expected, rtol=1e-3)
    for start, after, other in zip(network().get_weights(), weights, found, strict=True):
        np.testing.assert_allclose(other, after, atol=2e-4)
        assert np.abs(after - start).max() > 2e-3


def test_keras_s_step_takes_a_single_keypoint():
    """Whose heatmaps (B, h, w, 1) Keras would bring to as many axes as the keypoints (B, 1, 3)
    have."""
    found, expected = (trained(m, 1, sizes=(64, 64))[0] for m in (_keras_step, _tensorflow_step))
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_keras_s_step_in_half_precision():
    losses, weights = trained(_keras_step, half=True)
    np.testing.assert_allclose(losses, trained(_keras_step)[0], rtol=0.02)
    assert all(weight.dtype == np.float32 and np.isfinite(weight).all() for weight in weights)


def test_the_step_is_that_of_the_backend(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    assert "_keras_step" in make_step(network(), keras.optimizers.SGD()).__qualname__
