"""Quantization: the integer file, what it takes and gives, and how far it is from the float
network."""

import numpy as np
import pytest

from poseutils.errors import PoseError
from poseutils.images import fit_to, read_image
from poseutils.models.networks.network import open_network
from poseutils.quantization import activation_ranges, quantization_error, quantize, weight_ranges
from poseutils.training import build_model

SIZE = (64, 64)


@pytest.fixture(scope="module")
def images():
    """Smooth colorful inputs from -1 to 1, unlike noise and like photographs, that never reach the
    ends of the range."""
    rng = np.random.default_rng(0)
    coarse = [
        fit_to(rng.uniform(20, 230, (5, 5, 3)).astype(np.float32), SIZE, interpolation="bicubic")[0]
        for _ in range(24)
    ]
    return np.clip(np.stack(coarse) / 127.5 - 1, -0.9, 0.9).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    """A small network of the same kinds of layers, with channels of very unlike size, where one
    scale for all is too coarse."""
    import keras

    keras.utils.set_random_seed(1)
    image = keras.Input((*SIZE, 3))
    x = keras.layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="first")(image)
    x = keras.layers.ReLU(6)(keras.layers.BatchNormalization(name="norm")(x))
    x = keras.layers.ReLU()(
        keras.layers.DepthwiseConv2D(3, strides=2, padding="same", name="depthwise")(x)
    )
    network = keras.Model(image, keras.layers.Conv2D(4, 1, activation="sigmoid")(x), name="small")
    network.get_layer("norm").gamma.assign(np.geomspace(0.1, 2, 16))
    network.get_layer("norm").moving_variance.assign(np.full(16, 0.2))
    last = network.layers[-1]
    last.kernel.assign(last.kernel * 10 / np.geomspace(0.1, 2, 16)[:, None])
    return network


@pytest.fixture(scope="module")
def files(model, images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("quantized")
    return {
        name: quantize(model, images[:16], folder / f"{name}.tflite", name)
        for name in ("per_channel", "per_tensor")
    }


def test_the_input_takes_pixels_as_they_are(files):
    for path in files.values():
        network = open_network(path)
        assert (network.input.dtype, network.input.shape) == ("uint8", (1, *SIZE, 3))
        assert network.input.scale == pytest.approx(
            1 / 127.5, rel=1e-6
        ) and network.input.zero_point in (127, 128)
        assert [(o.dtype, o.shape) for o in network.outputs] == [("float32", (1, 16, 16, 4))]


def test_pixels_give_what_the_float_network_gives(files, model, images):
    pixels = np.rint((images[16:] + 1) * 127.5).astype(np.uint8)
    (heatmaps,) = open_network(files["per_channel"]).run(pixels).values()
    exact = model.predict(images[16:], verbose=0)
    assert np.abs(heatmaps - exact).mean() < 0.1 * exact.std()


def test_per_channel_is_close_to_float_and_closer_than_per_tensor(files, model, images):
    errors = {name: quantization_error(model, path, images[16:]) for name, path in files.items()}
    assert errors["per_channel"]["snr_db"] > 30
    assert errors["per_channel"]["snr_db"] > errors["per_tensor"]["snr_db"]


def test_error_is_the_ratio_of_signal_to_noise(files, model, images):
    exact = model.predict(images[16:], verbose=0).astype(np.float64)
    (rounded,) = open_network(files["per_channel"], rescaling=(1.0, 0.0)).run(images[16:]).values()
    error = quantization_error(model, files["per_channel"], images[16:])
    assert error["snr_db"] == pytest.approx(
        20 * np.log10(np.linalg.norm(exact) / np.linalg.norm(exact - rounded)), abs=1e-3
    )
    assert error["max_error"] == pytest.approx(np.abs(exact - rounded).max(), rel=1e-4)


@pytest.mark.slow
def test_the_real_network_is_integer_through_and_through(images, tmp_path):
    path = quantize(
        build_model("st_movenet_lightning_heatmaps", (*SIZE, 3), 4, 0.35),
        images[:4],
        tmp_path / "real.tflite",
    )
    operators = [r.operator for r in activation_ranges(path)]
    assert operators.count("RESIZE_BILINEAR") == 3
    assert operators.count("CONV_2D") == 44 and operators.count("DEPTHWISE_CONV_2D") == 21
    assert operators[-1] == "LOGISTIC"


def test_activation_ranges_hold_what_goes_through(files):
    ranges = activation_ranges(files["per_channel"])
    assert (ranges[0].operator, ranges[0].low[0]) == ("QUANTIZE", pytest.approx(-1, abs=0.006))
    assert ranges[0].high[0] == pytest.approx(1, abs=0.006)
    assert (ranges[-1].low[0], ranges[-1].high[0]) == (0, pytest.approx(255 / 256))


def test_weight_ranges_are_those_of_the_float_network(files, model):
    """The stored first convolution is the float one times what batch normalization multiplies each
    channel by."""
    norm = model.get_layer("norm")
    factor = (norm.gamma / np.sqrt(np.asarray(norm.moving_variance) + norm.epsilon)).numpy()
    kernel = np.asarray(model.get_layer("first").kernel) * factor
    first = weight_ranges(files["per_channel"])[0]
    assert first.operator == "CONV_2D"
    step = np.abs(kernel).max(axis=(0, 1, 2)) / 127
    assert (np.abs(first.low - kernel.min(axis=(0, 1, 2))) <= step * 0.51).all()
    assert (np.abs(first.high - kernel.max(axis=(0, 1, 2))) <= step * 0.51).all()
    coarse = weight_ranges(files["per_tensor"])[0]
    assert (np.abs(coarse.high - kernel.max(axis=(0, 1, 2))) <= step.max() * 0.51).all()


def test_depthwise_weights_have_a_range_a_channel(files, model):
    (depthwise,) = (
        r for r in weight_ranges(files["per_channel"]) if r.operator == "DEPTHWISE_CONV_2D"
    )
    kernel = np.asarray(model.get_layer("depthwise").kernel)[:, :, :, 0]
    np.testing.assert_allclose(depthwise.low, kernel.min(axis=(0, 1)), atol=0.01)
    np.testing.assert_allclose(depthwise.high, kernel.max(axis=(0, 1)), atol=0.01)


@pytest.mark.parametrize(
    "input_type, output_type, dtypes",
    [("int8", "int8", ("int8", "int8")), ("float", "uint8", ("float32", "uint8"))],
)
def test_input_and_output_types(model, images, tmp_path, input_type, output_type, dtypes):
    path = quantize(
        model, images[:4], tmp_path / "q.tflite", input_type=input_type, output_type=output_type
    )
    network = open_network(path)
    assert (network.input.dtype, network.outputs[0].dtype) == dtypes
    assert quantization_error(model, path, images[16:])["snr_db"] > 15


def test_a_saved_model_can_be_quantized_and_images_stay_as_they_were(model, images, tmp_path):
    model.save(tmp_path / "m.keras")
    given = images[:4].copy()
    path = quantize(tmp_path / "m.keras", given, tmp_path / "new" / "q.tflite")
    np.testing.assert_array_equal(given, images[:4])
    assert [p.name for p in path.parent.iterdir()] == ["q.tflite"]


def test_nothing_is_printed(model, images, tmp_path, capfd, caplog):
    quantize(model, images[:2], tmp_path / "q.tflite")
    assert capfd.readouterr() == ("", "") and not caplog.records


def test_real_photographs(asset, model, tmp_path):
    """The photographs' own range is narrower than that of pixels, and the input's is still that of
    pixels."""
    photograph = fit_to(read_image(asset("images/bus.jpg")), SIZE)[0] / 127.5 - 1
    path = quantize(model, photograph[None] * 0.5, tmp_path / "q.tflite")
    assert open_network(path).input.scale == pytest.approx(1 / 127.5, rel=1e-6)


@pytest.mark.parametrize(
    "change, says",
    [
        ({"granularity": "per_layer"}, "per_layer.*per_channel"),
        ({"input_type": "int4"}, "int4.*uint8"),
        ({"output_type": None}, "None.*float"),
        ({"images": np.zeros((0, 64, 64, 3))}, "at least one"),
        ({"images": np.zeros((2, 32, 64, 3))}, "32.*64, 64, 3"),
        ({"model_or_path": "no.keras"}, "no.keras"),
        ({"out_path": "q.pb"}, "q.pb.*.tflite or .onnx"),
    ],
)
def test_a_quantization_that_cannot_be(change, says, model, images, tmp_path):
    with pytest.raises(PoseError, match=says):
        quantize(
            **{
                "model_or_path": model,
                "images": images,
                "out_path": tmp_path / "q.tflite",
                **change,
            }
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_error_of_another_network(files, images):
    other = build_model("st_movenet_lightning_heatmaps", (*SIZE, 3), 5, 0.35)
    with pytest.raises(PoseError, match="not the same network"):
        quantization_error(other, files["per_channel"], images)
