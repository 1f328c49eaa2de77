"""ONNX: the float file is the Keras network, the quantized one is nearly, and its ends have the
types that were asked for."""

import re
import sys

import numpy as np
import pytest

import poseutils as pu
from poseutils.config.calls import ONNX_OPTIONS
from poseutils.config.values import Flag
from poseutils.errors import PoseError
from poseutils.models.networks.network import open_network
from poseutils.quantization import quantization_error, quantize
from poseutils.quantization.onnx import float_onnx

SIZE = 32


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(-0.9, 0.9, (12, SIZE, SIZE, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    """Small, of the layers of the real one, with channels of unlike size."""
    import keras

    keras.utils.set_random_seed(1)
    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(image)
    x = keras.layers.Conv2D(16, 3, strides=2, use_bias=False)(x)
    x = keras.layers.ReLU(6)(keras.layers.BatchNormalization(name="norm")(x))
    y = keras.layers.ReLU()(
        keras.layers.DepthwiseConv2D(3, strides=2, padding="same", name="depthwise")(x)
    )
    y = keras.layers.UpSampling2D(interpolation="bilinear")(keras.layers.Conv2D(8, 1)(y))
    y = keras.layers.Add()([keras.layers.Conv2D(8, 1, name="lateral")(x), y])
    network = keras.Model(image, keras.layers.Conv2D(4, 1, activation="sigmoid")(y), name="small")
    sizes = np.geomspace(0.02, 2, 16)
    network.get_layer("norm").gamma.assign(sizes)
    for name in ("depthwise", "lateral"):
        layer = network.get_layer(name)
        layer.kernel.assign(layer.kernel.numpy() / sizes[:, None])
    return network


@pytest.fixture(scope="module")
def files(model, images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    return {
        g: quantize(model, images[:8], folder / f"{g}.onnx", g, input_type="float")
        for g in ("per_channel", "per_tensor")
    }


def test_the_float_file_is_the_network(model, images, tmp_path):
    network = opened(float_onnx(model), tmp_path)
    assert network.input.shape == (1, 3, SIZE, SIZE)
    (maps,) = network.run(images).values()
    np.testing.assert_allclose(
        maps.transpose(0, 2, 3, 1), model.predict(images, verbose=0), atol=1e-5
    )


def opened(proto, folder):
    (folder / "float.onnx").write_bytes(proto.SerializeToString())
    return open_network(folder / "float.onnx", rescaling=(1.0, 0.0))


def test_weights_and_results_are_8_bits_with_a_scale_a_channel_or_one(files):
    import onnx

    for granularity, path in files.items():
        proto = onnx.load(path)
        onnx.checker.check_model(proto)
        constants = {c.name: onnx.numpy_helper.to_array(c) for c in proto.graph.initializer}
        weights = [
            n
            for n in proto.graph.node
            if n.op_type == "DequantizeLinear" and constants.get(n.input[0], np.zeros(0)).ndim == 4
        ]
        assert len(weights) == 5 and all(constants[n.input[0]].dtype == np.int8 for n in weights)
        for node in weights:
            scales = constants[node.input[1]]
            assert scales.size == (
                constants[node.input[0]].shape[0] if granularity == "per_channel" else 1
            )
        assert {opset.domain for opset in proto.opset_import} == {""}
        makers = {name: node.op_type for node in proto.graph.node for name in node.output}
        for node in proto.graph.node:
            if node.op_type == "Conv":
                assert makers[node.input[0]] == makers[node.input[1]] == "DequantizeLinear"


def test_per_channel_is_close_to_float_and_closer_than_per_tensor(files, model, images, tmp_path):
    snr = {
        name: quantization_error(model, path, images[8:])["snr_db"] for name, path in files.items()
    }
    assert snr["per_channel"] > 30
    assert snr["per_channel"] > snr["per_tensor"]
    optimized = quantize(
        model, images[:8], tmp_path / "o.onnx", "per_tensor", "float", optimize=True
    )
    assert quantization_error(model, optimized, images[8:])["snr_db"] > snr["per_tensor"]


@pytest.mark.parametrize(
    "input_type, output_type",
    [("uint8", "int8"), ("int8", "uint8"), ("uint8", "float"), ("float", "int8")],
)
def test_the_ends_have_the_types_asked_for_and_nothing_is_rounded_twice(
    files, model, images, tmp_path, input_type, output_type
):
    path = quantize(
        model, images[:8], tmp_path / "q.onnx", input_type=input_type, output_type=output_type
    )
    network = open_network(path, rescaling=(1 / 127.5, -1.0))
    scale = network.input.scale or 1 / 127.5
    zero_point = network.input.zero_point + 128 * (input_type == "int8")
    floats = open_network(
        files["per_channel"],
        rescaling=(scale, -scale * zero_point) if network.input.scale else (1 / 127.5, -1.0),
    )
    as_dtype = {"float": "float32"}
    assert network.input.dtype == as_dtype.get(input_type, input_type)
    assert network.outputs[0].dtype == as_dtype.get(output_type, output_type)
    pixels = np.random.default_rng(2).integers(0, 256, (2, SIZE, SIZE, 3)).astype(np.uint8)
    if input_type == "uint8":
        np.testing.assert_array_equal(network.prepare(pixels), pixels.transpose(0, 3, 1, 2))
    (given,), (expected,) = network.run(pixels).values(), floats.run(pixels).values()
    np.testing.assert_allclose(given, expected, atol=1e-6)


@pytest.mark.slow
def test_the_real_checkpoint_gives_nearly_the_same_poses(repository, tmp_path):
    exact = pu.load_model(repository / "data/models/st_movenet_lightning_heatmaps_a035_192.keras")
    samples = pu.load_dataset(repository / "data/synthetic-people/val")[:12]
    pictures = np.stack([exact.preprocess(pu.read_image(sample.path))[0] for sample in samples])
    path = quantize(
        exact.path,
        exact.network.prepare(pictures),
        tmp_path / "q.onnx",
        input_type="float",
        rescaling=exact.network.rescaling,
    )
    rounded = pu.load_model(path)
    first, second = (
        np.stack([m.predict(str(s.path), confidence=0).keypoints[0] for s in samples])
        for m in (exact, rounded)
    )
    assert np.median(np.linalg.norm(first - second, axis=-1)) < 1  # pixels of 256


def test_options_reach_the_converter_and_the_quantizer(files, model, images, tmp_path):
    """Another version of the operators, and ranges that are averaged over images instead of their
    extremes, which are narrower."""
    import onnx

    path = quantize(
        model,
        images[:8],
        tmp_path / "q.onnx",
        "per_channel",
        "float",
        opset=15,
        onnx_options={"CalibMovingAverage": True, "CalibMovingAverageConstant": 0.5},
    )
    averaged, extreme = (onnx.load(each) for each in (path, files["per_channel"]))
    assert [opset.version for opset in averaged.opset_import if not opset.domain] == [15]
    assert sum(_activation_scales(averaged)) < sum(_activation_scales(extreme))


def test_an_option_that_is_not_documented_is_said(model, images, tmp_path):
    with pytest.warns(UserWarning, match="'CalibMovingAvg' .* did you mean 'CalibMovingAverage'?"):
        quantize(model, images[:2], tmp_path / "q.onnx", onnx_options={"CalibMovingAvg": True})


def test_the_types_of_options_are_those_of_the_documentation():
    from onnxruntime.quantization import quantize_static

    documented = re.findall(r"^ +(\w+) = (True/False)?", quantize_static.__doc__, re.MULTILINE)
    flags = {name: bool(flag) for name, flag in documented if name in ONNX_OPTIONS}
    assert len(flags) > 15
    assert flags == {name: ONNX_OPTIONS[name] is Flag for name in flags}


def _activation_scales(proto):
    import onnx

    constants = {each.name: onnx.numpy_helper.to_array(each) for each in proto.graph.initializer}
    found = [constants[n.input[1]] for n in proto.graph.node if n.op_type == "QuantizeLinear"]
    return [float(scale) for scale in found if scale.ndim == 0]


def test_two_outputs(images, tmp_path):
    import keras

    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(image)
    model = keras.Model(
        image,
        [
            keras.layers.Conv2D(2, 1)(x),
            keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(x)),
        ],
    )
    results = opened(float_onnx(model), tmp_path).run(images)
    maps, numbers = model.predict(images, verbose=0)
    np.testing.assert_allclose(results["output_0"].transpose(0, 2, 3, 1), maps, atol=1e-5)
    np.testing.assert_allclose(results["output_1"], numbers, atol=1e-5)


def test_nothing_is_printed(model, images, tmp_path, capfd, caplog):
    quantize(model, images[:2], tmp_path / "q.onnx", input_type="float")
    assert capfd.readouterr() == ("", "") and not caplog.records


@pytest.mark.parametrize(
    "change, says",
    [
        ({"granularity": "per_layer"}, "per_layer.*per_channel"),
        ({"input_type": "int4"}, "int4.*uint8"),
        ({"images": np.zeros((0, SIZE, SIZE, 3))}, "at least one"),
        ({"images": np.full((1, SIZE, SIZE, 3), np.inf)}, "not numbers"),
        ({"model_or_path": "no.keras"}, "no.keras"),
        ({"onnx_options": {"SmoothQuant": "on"}}, "SmoothQuant: 'on' given; expected True or"),
    ],
)
def test_a_quantization_that_cannot_be(change, says, model, images, tmp_path):
    with pytest.raises(PoseError, match=says):
        quantize(
            **{"model_or_path": model, "images": images, "out_path": tmp_path / "q.onnx", **change}
        )
    assert not list(tmp_path.iterdir())


def test_without_the_package(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(PoseError, match=r"\.\[onnx\]"):
        float_onnx(model)
