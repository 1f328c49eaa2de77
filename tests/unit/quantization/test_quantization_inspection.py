"""Errors layer by layer, what each choice costs, and their pictures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import poseutils as pu
from poseutils import plots
from poseutils.errors import PoseError
from poseutils.models.networks.network import open_network
from poseutils.quantization import choices, layer_errors, optimized, quantize, recommended
from tests.helpers.lively import lively_network

SIZE = 64


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(-1, 1, (6, SIZE, SIZE, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    return lively_network((SIZE, SIZE))


@pytest.fixture(scope="module")
def path(model, images, tmp_path_factory):
    return quantize(model, images, tmp_path_factory.mktemp("layers") / "q.tflite")


@pytest.mark.slow
def test_every_layer_of_the_real_network_is_found_by_its_own_name(model, path, images):
    rows = layer_errors(model, path, images[:3])
    names = [row["layer"] for row in rows]
    computed = ("Conv2D", "DepthwiseConv2D", "Add", "UpSampling2D", "Activation")
    assert sorted(names) == sorted(
        layer.name for layer in model.layers if type(layer).__name__ in computed
    )
    for row in rows:
        layer = model.get_layer(row["layer"])
        assert {"CONV_2D": "Conv2D", "DEPTHWISE_CONV_2D": "DepthwiseConv2D", "ADD": "Add"}.get(
            row["operator"], ""
        ) in type(layer).__name__
        assert row["shape"][-1] == layer.output.shape[-1] and row["snr_db"] > 5


def test_the_ratio_is_the_definition(images, tmp_path):
    """One convolution: the ratio is that of its output, which quantization leaves as the network's
    own."""
    import keras

    image = keras.Input((SIZE, SIZE, 3))
    keras.utils.set_random_seed(0)
    small = keras.Model(image, keras.layers.Conv2D(4, 3, activation="relu", name="only")(image))
    (row,) = layer_errors(small, quantize(small, images, tmp_path / "q.tflite"), images)
    exact = small.predict(images, verbose=0).astype(np.float64)
    (given,) = open_network(tmp_path / "q.tflite", rescaling=(1.0, 0.0)).run(images).values()
    assert row["snr_db"] == pytest.approx(
        20 * np.log10(np.linalg.norm(exact) / np.linalg.norm(exact - given)), abs=0.05
    )
    assert (row["layer"], row["operator"], row["shape"]) == ("only", "CONV_2D", (62, 62, 4))


def test_a_layer_that_is_hurt_shows(images, tmp_path):
    """One scale for all weights of a layer, and channels of very unlike size: that layer, and none
    before it."""
    import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(8, 3, activation="relu", name="first")(image)
    x = keras.layers.Conv2D(8, 1, activation="relu", name="hurt")(x)
    model = keras.Model(image, keras.layers.Conv2D(3, 1, name="last")(x))
    kernel, bias = model.get_layer("hurt").get_weights()
    # One input channel above all others
    model.get_layer("hurt").set_weights([kernel * np.array([[300.0] + [1] * 7]).T, bias])
    first, bias = model.get_layer("first").get_weights()
    model.get_layer("first").set_weights([first / np.array([300.0] + [1] * 7), bias])
    rows = {
        row["layer"]: row["snr_db"]
        for row in layer_errors(
            model, quantize(model, images, tmp_path / "q.tflite", "per_tensor"), images
        )
    }
    assert rows["hurt"] < rows["first"] - 10
    better = optimized(model, images)
    rows = {
        row["layer"]: row["snr_db"]
        for row in layer_errors(
            better, quantize(better, images, tmp_path / "o.tflite", "per_tensor"), images
        )
    }
    assert rows["hurt"] > 30


@pytest.mark.slow
def test_layers_of_another_network(images, path):
    import keras

    image = keras.Input((SIZE, SIZE, 3))
    other = keras.Model(image, keras.layers.Conv2D(7, 5)(image), name="other")
    with pytest.raises(PoseError, match="no layer.*other"):
        layer_errors(other, path, images)
    with pytest.raises(PoseError, match="64, 64, 3"):
        layer_errors(other, path, images[:, :32])


# ---------------------------------------------------------------- choices


@pytest.fixture(scope="module")
def rows(repository, tmp_path_factory):
    model = pu.load_model(repository / "data/models/st_movenet_lightning_heatmaps_a035_192.keras")
    data = pu.load_dataset(repository / "data/synthetic-people/val")[:8]
    pictures = np.stack([model.preprocess(pu.read_image(sample.path))[0] for sample in data])
    folder = tmp_path_factory.mktemp("choices")
    found = choices(
        model, model.network.prepare(pictures), data, folder, ("per_channel", "onnx_per_channel")
    )
    return found, folder, model, data


@pytest.mark.slow
def test_choices_are_what_evaluating_the_files_gives(rows):
    found, folder, model, data = rows
    exact = pu.evaluate(model, data, progress=False)
    assert [row["choice"] for row in found] == ["float", "per_channel", "onnx_per_channel"]
    assert found[0]["oks"] == exact.metrics["oks"] and found[0]["loss"] == 0
    for row in found[1:]:
        report = pu.evaluate(pu.load_model(folder / row["file"]), data, progress=False)
        assert row["oks"] == pytest.approx(report.metrics["oks"], abs=1e-6)
        assert row["loss"] == pytest.approx(100 * (exact.metrics["oks"] - row["oks"]), abs=1e-6)
        losses = 100 * (np.array(exact.similarities) - report.similarities)
        assert row["uncertainty"] == pytest.approx(
            np.std(losses, ddof=1) / len(losses) ** 0.5, abs=1e-4
        )
        assert row["kib"] == pytest.approx((folder / row["file"]).stat().st_size / 1024)


@pytest.mark.parametrize(
    ("uncertainty", "choice"), [(0.15, "c"), (0.25, "a"), (0.06, "d"), (0.01, "d"), (np.nan, "d")]
)
def test_the_recommendation_is_the_smallest_file_without_a_measurable_loss(uncertainty, choice):
    rows = [{"choice": "float", "loss": 0.0, "kib": 0.5, "uncertainty": 0.0}]
    for name, loss, kib in (("a", 0.4, 1), ("b", 0.15, 8), ("c", 0.2, 7), ("d", 0.1, 9)):
        rows.append({"choice": name, "loss": loss, "kib": kib, "uncertainty": uncertainty})
    assert recommended(rows)["choice"] == choice


@pytest.mark.slow
def test_an_unknown_choice(rows, tmp_path):
    with pytest.raises(PoseError, match="per_layer.*per_tensor_optimized"):
        choices(rows[2], np.zeros((1, 192, 192, 3)), rows[3], tmp_path, ["per_layer"])


# ---------------------------------------------------------------- pictures


@pytest.mark.slow
def test_pictures_show_the_numbers(rows):
    plt.close("all")
    assert plots.show_choices(rows[0]) is None
    axes = plt.gcf().axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["per_channel", "onnx_per_channel"]
    assert [bar.get_width() for bar in axes.patches] == [row["loss"] for row in rows[0][1:]]
    layers = [
        {"layer": name, "snr_db": snr} for name, snr in zip("abcde", (30.0, 12.0, 25.0, 40.0, 9.0))
    ]
    assert plots.show_layer_errors({"one": layers, "other": layers[::-1]}) is None
    axes = plt.gcf().axes[0]
    assert [bar.get_height() for bar in axes.patches] == [30, 12, 25, 40, 9]
    assert [text.get_text() for text in axes.texts] == ["4", "1", "2"]
    assert axes.get_xlabel().endswith("lowest: 4 e, 1 b, 2 c")
    assert list(axes.lines[0].get_ydata()) == [9, 40, 25, 12, 30]
    plt.close("all")
