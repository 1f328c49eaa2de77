"""Layers that keep their weights, dropout, and where a network starts from."""

import keras
import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from poseutils.config.sections import Layers
from poseutils.errors import PoseError
from poseutils.keypoints import layout_from_names
from poseutils.models.networks.network import open_network
from poseutils.quantization import quantize
from poseutils.training import Examples, build_model, configured_fit, configured_network
from poseutils.training.networks.transfer import chosen, freeze, with_dropout

NAME = "st_movenet_lightning_heatmaps"


def small_network(**dropout):
    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(8, 5, strides=4, padding="same", use_bias=False, name="first")(image)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(name="norm")(x))
    x = keras.layers.Dropout(**dropout)(x) if dropout else x
    return keras.Model(
        image, keras.layers.Conv2D(2, 3, padding="same", activation="sigmoid", name="last")(x)
    )


# ---------------------------------------------------------------- frozen layers


@pytest.mark.parametrize(
    "layers",
    [
        "2",
        "(2)",
        "-1",
        "(4:8)",
        "(0:-1)",
        "7:13",
        " ( 7 : 13 , 16, 20:28, -1 ) ",
        "(:5)",
        "(-3:)",
        ":",
        "0:30:7",
        "(::-2)",
        "(25:99)",
    ],
)
def test_layers_are_chosen_as_numpy_chooses_them(layers):
    indices = np.arange(30)
    parts = layers.strip().removeprefix("(").removesuffix(")").split(",")
    expected = np.concatenate(
        [np.atleast_1d(eval(f"indices[{part}]", {"indices": indices})) for part in parts]
    )
    assert chosen(layers, 30) == expected.tolist()


@pytest.mark.parametrize(
    "layers",
    [
        "",
        "()",
        "(,)",
        "a",
        "1;2",
        "1:2:3:4",
        "0:9:0",
        "1 2",
        "--1",
        "(1",
        "((1)",
        "indices",
        "__import__('os')",
    ],
)
def test_what_chooses_no_layers(layers):
    with pytest.raises(ValidationError):
        TypeAdapter(Layers).validate_python(layers)


@pytest.mark.parametrize("layers", ["30", "-31", "(1, 99)"])
def test_a_layer_that_is_not_there(layers):
    with pytest.raises(PoseError, match="the network has 30 layers, 0 to 29"):
        chosen(layers, 30)


def test_a_network_with_nothing_left_to_train():
    with pytest.raises(PoseError, match="freezes all that could be trained"):
        freeze(small_network(), "(:)")


def test_what_was_frozen_thaws():
    model = small_network()
    freeze(model, "(0:3)")
    assert [layer.trainable for layer in model.layers] == [False] * 3 + [True] * 2
    freeze(model, "-1")
    assert [layer.trainable for layer in model.layers] == [True] * 4 + [False]
    freeze(model, None)
    assert len(model.trainable_variables) == 5


def spots(count=8):
    rng = np.random.default_rng(0)
    keypoints = np.concatenate(
        [rng.uniform(4, 28, (count, 2, 2)), np.full((count, 2, 1), 2)], axis=-1
    ).astype(np.float32)
    images = rng.integers(0, 255, (count, 32, 32, 3)).astype(np.uint8)
    return Examples(
        images, keypoints, np.full(count, 400.0), layout_from_names(["left_spot", "right_spot"])
    )


CONFIG = """
model: {model_type: heatmaps_spe, model_path: start.keras, input_shape: "(32, 32, 3)"}
dataset: {keypoints: 2}
training:
  {batch_size: 4, epochs: 2, frozen_layers: "(0:3)", dropout: 0.25,
   optimizer: {SGD: {learning_rate: 0.5}}}
"""


def test_a_configuration_freezes_layers_and_adds_dropout(load, tmp_path):
    start = small_network()
    freeze(start, "-1")  # of an earlier training
    start.save(tmp_path / "start.keras")
    config = load(CONFIG)
    assert config.ignored == []
    network = configured_network(config, 2)
    before = {layer.name: layer.get_weights() for layer in start.layers}
    result = configured_fit(config, network, spots(), spots(), tmp_path / "run")
    assert result.best_epoch > 0
    for name, changed in {"first": False, "norm": False, "last": True}.items():
        pairs = zip(before[name], network.get_layer(name).get_weights())
        assert all(np.array_equal(old, new) != changed for old, new in pairs), name
    assert [
        layer.rate for layer in network.layers if isinstance(layer, keras.layers.SpatialDropout2D)
    ] == [0.25]


# ---------------------------------------------------------------- dropout


def outputs(model, training, count=400):
    return model(np.ones((count, 32, 32, 3), np.float32), training=training).numpy()


def test_dropout_loses_whole_channels_before_the_last_convolution_in_training_only():
    model = small_network()
    model.get_layer("norm").momentum = 1.0
    dropped = with_dropout(model, 0.25)
    np.testing.assert_array_equal(outputs(dropped, False, 2), outputs(model, False, 2))
    assert (
        dropped.count_params() == model.count_params()
        and len(dropped.layers) == len(model.layers) + 1
    )
    before = keras.Model(dropped.input, dropped.get_layer("last").input)
    seen = outputs(before, True)
    lost = (seen == 0).all(axis=(1, 2))
    alive = (outputs(keras.Model(model.input, model.get_layer("last").input), True) > 0).any(
        axis=(0, 1, 2)
    )
    assert lost[:, alive].mean() == pytest.approx(0.25, abs=0.05)
    assert not np.array_equal(outputs(dropped, True), outputs(dropped, True))


@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_a_network_with_dropout_keeps_its_own_at_another_rate(rate):
    dropped = with_dropout(small_network(rate=rate), 0.4)
    (layer,) = (layer for layer in dropped.layers if "dropout" in layer.name)
    assert layer.rate == 0.4 and type(layer) is keras.layers.Dropout
    assert not np.array_equal(outputs(dropped, True), outputs(dropped, True))


def test_the_same_seed_loses_the_same():
    model = small_network()
    first, again, other = (with_dropout(model, 0.5, seed) for seed in (1, 1, 2))
    assert np.array_equal(outputs(first, True), outputs(again, True)) and not np.array_equal(
        outputs(first, True), outputs(other, True)
    )


def test_no_dropout_is_the_network_itself():
    model = small_network()
    assert with_dropout(model, None) is model and with_dropout(model, 0) is model


@pytest.mark.parametrize("rate", [1, -0.1])
def test_a_rate_that_cannot_be(rate):
    with pytest.raises(
        PoseError, match="training.dropout is .*expected a fraction from 0 to below 1"
    ):
        with_dropout(small_network(), rate)


def test_a_network_without_a_place_for_dropout():
    image = keras.Input((32, 32, 3))
    with pytest.raises(PoseError, match="neither a dropout layer nor a convolution"):
        with_dropout(keras.Model(image, keras.layers.AveragePooling2D(4)(image)), 0.1)


def test_the_published_network_takes_dropout():
    model = build_model(NAME, (64, 64, 3), 3, 0.35, "softmax")
    dropped = with_dropout(model, 0.1)
    images = np.random.default_rng(0).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    np.testing.assert_array_equal(dropped(images), model(images))
    assert dropped.count_params() == model.count_params()


def test_dropout_is_gone_from_what_is_quantized(tmp_path):
    images = np.random.default_rng(0).uniform(-1, 1, (8, 32, 32, 3)).astype(np.float32)
    plain, dropped = small_network(), with_dropout(small_network(), 0.5)
    files = [
        quantize(model, images, tmp_path / f"{i}.tflite")
        for i, model in enumerate((plain, dropped))
    ]
    pixels = np.rint((images + 1) * 127.5)
    expected, found = (next(iter(open_network(file).run(pixels).values())) for file in files)
    np.testing.assert_array_equal(found, expected)
