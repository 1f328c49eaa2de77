"""Training with fused batch normalization is training with Keras's own."""

import numpy as np
import pytest

from poseutils.training import build_model
from poseutils.training.networks.normalization import with_fused_normalization
from poseutils.training.steps import make_step

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

IMAGES = np.random.default_rng(0).normal(2, 3, (6, 10, 12, 3)).astype(np.float32)


def network(**arguments):
    """A convolution, its normalization with scales and offsets that are not the first ones, and
    what follows."""
    keras.utils.set_random_seed(1)
    image = keras.Input(IMAGES.shape[1:])
    x = keras.layers.Conv2D(8, 3, name="before")(image)
    x = keras.layers.BatchNormalization(momentum=0.9, epsilon=0.01, name="normal", **arguments)(x)
    model = keras.Model(image, keras.layers.Conv2D(4, 1, name="after")(keras.layers.ReLU()(x)))
    random = np.random.default_rng(2)
    model.set_weights(
        [weight + random.uniform(0, 0.5, weight.shape) for weight in model.get_weights()]
    )
    return model


def one_pass(model, images=IMAGES):
    """What a pass in training gives, its gradients, and all weights after it."""
    with tf.GradientTape() as tape:
        heatmaps = model(images, training=True)
        loss = tf.reduce_sum(tf.sin(heatmaps))
    variables = [variable.value for variable in model.trainable_variables]
    return heatmaps.numpy(), tape.gradient(loss, variables)


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def test_passes_gradients_and_moving_statistics_are_those_of_keras():
    plain, other = network(), network()
    fused = with_fused_normalization(other)
    assert "BatchNormalization" in kinds(plain) and "BatchNormalization" not in kinds(fused)
    for _ in range(2):
        (expected, slopes), (given, found) = one_pass(plain), one_pass(fused)
        np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-4)
        largest = max(np.abs(slope).max() for slope in slopes)
        for slope, expected_slope in zip(found, slopes, strict=True):
            np.testing.assert_allclose(slope, expected_slope, atol=1e-5 * largest)
    for mine, keras_own in zip(other.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(mine, keras_own, rtol=1e-5, atol=1e-6)
    assert not np.allclose(
        other.get_layer("normal").moving_mean, network().get_layer("normal").moving_mean
    )


def test_variables_are_shared_and_the_network_itself_stays_as_it_is():
    model = network()
    before = kinds(model)
    fused = with_fused_normalization(model)
    assert kinds(model) == before
    assert {id(variable) for variable in fused.variables} == {
        id(variable) for variable in model.variables
    }


@pytest.mark.parametrize(
    "arguments", [{"scale": False}, {"center": False}, {"axis": 1}, {"trainable": False}]
)
def test_other_normalizations_stay_keras_own(arguments):
    model = network(**arguments)
    assert kinds(with_fused_normalization(model)) == kinds(model)


def test_batch_normalization_of_vectors_stays():
    vector = keras.Input((5,))
    model = keras.Model(vector, keras.layers.BatchNormalization()(vector))
    assert "BatchNormalization" in kinds(with_fused_normalization(model))


@pytest.mark.slow
def test_a_step_of_training_computes_all_of_a_network_so():
    model = build_model("st_movenet_lightning_heatmaps", (64, 64, 3), 5, alpha=0.35)
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    step = tf.function(make_step(model, optimizer), autograph=False)
    graph = step.get_concrete_function(
        tf.zeros((2, 64, 64, 3)), tf.ones((2, 5, 3))
    ).graph.as_graph_def()
    operations = [node.op for function in graph.library.function for node in function.node_def]
    layers = kinds(model).count("BatchNormalization")
    assert (
        operations.count("FusedBatchNormV3")
        == operations.count("FusedBatchNormGradV3")
        == layers
        > 50
    )
