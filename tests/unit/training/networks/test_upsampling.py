"""Nearest upsampling with a depthwise convolution in place of bilinear upsampling."""

import keras
import numpy as np
import pytest

import poseutils as pu
from poseutils.deployment.spec import read_network
from poseutils.models.networks.network import open_network
from poseutils.quantization import quantization_error, quantize
from poseutils.training import configured_network, load_keras
from poseutils.training.networks.resized import at_size
from poseutils.training.networks.upsampling import with_nearest_upsampling
from tests.helpers.marks import with_gcc
from tests.helpers.running.litert_reference import Reference, same

SIZE = 32
CONFIG = """
model:
  {model_type: heatmaps_spe, alpha: 0.35, input_shape: "(64, 64, 3)", upsampling: %s}
"""


def bilinear_network():
    keras.utils.set_random_seed(3)
    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(image)
    y = keras.layers.DepthwiseConv2D(3, strides=2, padding="same", activation="relu")(x)
    y = keras.layers.UpSampling2D(interpolation="bilinear")(y)
    y = keras.layers.Add()([keras.layers.Conv2D(8, 1)(x), y])
    return keras.Model(image, keras.layers.Conv2D(4, 1, activation="sigmoid")(y), name="small")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(-1, 1, (12, SIZE, SIZE, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def nearest():
    return with_nearest_upsampling(bilinear_network())


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def test_it_begins_as_bilinear_resizing_but_for_the_border(nearest, images):
    before, after = (each.predict(images, verbose=0) for each in (bilinear_network(), nearest))
    np.testing.assert_allclose(after[:, 1:-1, 1:-1], before[:, 1:-1, 1:-1], atol=1e-6)
    assert np.abs(after - before).max() > 1e-3
    assert not any(getattr(each, "interpolation", "") == "bilinear" for each in nearest.layers)
    assert nearest.count_params() == bilinear_network().count_params() + 9 * 8
    assert with_nearest_upsampling(nearest) is nearest


def test_it_is_saved_and_takes_another_size(nearest, images, tmp_path):
    nearest.save(tmp_path / "n.keras")
    loaded = load_keras(tmp_path / "n.keras")
    np.testing.assert_array_equal(
        loaded.predict(images, verbose=0), nearest.predict(images, verbose=0)
    )
    assert at_size(loaded, (64, 96)).output_shape == (None, 32, 48, 4)


@pytest.mark.slow
@pytest.mark.parametrize("start", ["scratch", "a file"])
def test_a_configuration_chooses_it(load, tmp_path, start):
    if start != "scratch":
        configured_network(load(CONFIG % "bilinear"), 4).save(tmp_path / "b.keras")
        start = str(tmp_path / "b.keras")
    network = configured_network(load(CONFIG % "nearest"), 4, start=start)
    up = [i for i, kind in enumerate(kinds(network)) if kind == "UpSampling2D"]
    assert len(up) == 3 and all(network.layers[i].interpolation == "nearest" for i in up)
    smoothing = [layer for layer in network.layers if layer.name.endswith("_smoothing")]
    assert len(smoothing) == 3 and all(layer.trainable for layer in smoothing)


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
@pytest.mark.parametrize("granularity", ["per_channel", "per_tensor"])
def test_a_quantized_file_resizes_by_nearest_neighbors(
    nearest, images, tmp_path, suffix, granularity
):
    """Keras repeats rows and columns, which the converters write as tiles and reshapes."""
    optimize = granularity == "per_tensor"
    path = quantize(nearest, images, tmp_path / f"n{suffix}", granularity, optimize=optimize)
    names = [operator.name for operator in read_network(path).operators]
    assert names.count("RESIZE_NEAREST_NEIGHBOR") == 1 and names.count("DEPTHWISE_CONV_2D") == 2
    assert not {"TILE", "RESHAPE", "RESIZE_BILINEAR"} & set(names)
    assert quantization_error(nearest, path, images)["snr_db"] > 25


@with_gcc
@pytest.mark.parametrize("memory", ["least", "layerwise"])
def test_it_becomes_c(nearest, images, tmp_path, memory):
    path = quantize(nearest, images, tmp_path / "n.tflite", output_type="int8")
    bundle = pu.export(path, tmp_path / "out", memory=memory)
    pixels = np.random.default_rng(1).integers(0, 256, (3, SIZE, SIZE, 3)).astype(np.uint8)
    results = bundle.run_host(bundle.prepare(open_network(path).prepare(pixels)))
    (output,) = bundle.outputs
    reference = Reference(path)
    for number, image in enumerate(pixels):
        reference.run(image[None])
        expected = reference.tensor(bundle.file_graph.outputs[0])
        assert same(results[output.name][number : number + 1], expected)
