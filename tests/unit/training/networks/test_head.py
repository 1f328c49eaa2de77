"""A network for another number of keypoints: a new head on the same body."""

import logging

import keras
import numpy as np
import pytest

from poseutils.errors import PoseError
from poseutils.training import build_model, configured_network, load_keras
from poseutils.training.networks.head import channels_of, check_head, read_layers, with_keypoints

CONFIG = """
model: {model_type: heatmaps_spe, model_path: start.keras, input_shape: "(32, 32, 3)"}
dataset: {keypoints: 5}
"""


def small(last=4):
    """A convolution, and one with bias and sigmoid."""
    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(8, 3, strides=4, padding="same", name="body")(image)
    return keras.Model(image, keras.layers.Conv2D(last, 1, activation="sigmoid", name="last")(x))


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_the_head_is_new_and_the_body_the_same(activation, tmp_path):
    network = build_model("st_movenet_lightning_heatmaps", (64, 64, 3), 17, 0.35, activation)
    replaced = with_keypoints(network, 5)
    built = build_model("st_movenet_lightning_heatmaps", (64, 64, 3), 5, 0.35, activation)
    assert replaced.output_shape == built.output_shape == (None, 16, 16, 5)
    assert [w.shape for w in replaced.get_weights()] == [w.shape for w in built.get_weights()]
    pairs = list(zip(network.get_weights(), replaced.get_weights(), strict=True))
    assert all(np.array_equal(old, new) for old, new in pairs if old.shape == new.shape)
    replaced.save(tmp_path / "five.keras")
    images = np.zeros((1, 64, 64, 3), np.float32)
    again = load_keras(tmp_path / "five.keras")
    np.testing.assert_allclose(again(images), replaced(images), atol=1e-6)
    empty = replaced(images).numpy().max()  # of an untrained head
    assert empty < 0.5
    layers = read_layers(tmp_path / "five.keras")
    assert channels_of(layers) == 5 and check_head(layers, 5, 3)


def test_a_configuration_trains_other_keypoints(load, tmp_path, caplog):
    small().save(tmp_path / "start.keras")
    with caplog.at_level(logging.WARNING, "poseutils"):
        network = configured_network(load(CONFIG), 5)
        again = configured_network(load(CONFIG), 5)
        assert "start.keras has 4 keypoints and the data 5: its last layer is new" in caplog.text
        caplog.clear()
        assert configured_network(load(CONFIG), 4).output_shape == (None, 8, 8, 4)
    assert network.output_shape == (None, 8, 8, 5) and not caplog.records
    assert network.layers[-1].get_config()["activation"] == "sigmoid"
    for one, other in zip(network.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_network_that_ends_otherwise():
    image = keras.Input((32, 32, 3))
    x = keras.layers.Dense(8 * 8 * 2)(keras.layers.Flatten()(image))
    network = keras.Model(image, keras.layers.Reshape((8, 8, 2))(x))
    with pytest.raises(PoseError, match="has 2 keypoints and the data 3, for which its last layer"):
        with_keypoints(network, 3)
    assert with_keypoints(network, 2) is network


def test_layers_of_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "damaged.keras").write_bytes(b"PK")
    small().save(tmp_path / "old.h5")
    assert read_layers(tmp_path / "damaged.keras") is None is read_layers(tmp_path / "old.h5")
