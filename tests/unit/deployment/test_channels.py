"""Networks of one and of four channels: the image is brought to what they have."""

import numpy as np
import pytest
from PIL import Image

import poseutils as pu
from poseutils import PoseError
from poseutils.deployment import as_exported, export, prove
from tests.helpers.marks import with_gcc
from tests.helpers.networks.tiny_tflite import CONVOLUTION, build, sum_of_two, tensor

DICE = np.random.default_rng(4)
IMAGE = DICE.integers(0, 256, (16, 24, 3)).astype(np.uint8)


def network(channels: int, folder):
    """16×24 pixels of so many channels -> 4×6 heatmaps of 17 keypoints."""
    weights = DICE.integers(-127, 128, (17, 4, 4, channels)).astype(np.int8)
    tensors = [
        tensor("image", (1, 16, 24, channels), scale=1 / 255, zero_point=-128),
        tensor("w", weights.shape, data=weights, scale=0.01),
    ]
    tensors += [
        tensor("b", (17,), "INT32", np.zeros(17, np.int32), scale=0.01 / 255),
        tensor("heatmaps", (1, 4, 6, 17), scale=0.05),
    ]
    path = folder / f"{channels}.tflite"
    path.write_bytes(build(tensors, [("CONV_2D", [0, 1, 2], [3], CONVOLUTION)], [0], [3]))
    return path


@pytest.mark.parametrize("channels", [1, 4])
def test_an_image_is_brought_to_the_channels(tmp_path, channels):
    model = pu.load_model(network(channels, tmp_path))
    expected = np.asarray(Image.fromarray(IMAGE).convert("L" if channels == 1 else "RGBA")).reshape(
        16, 24, channels
    )
    prepared = model.network.prepare(IMAGE[None])
    np.testing.assert_array_equal(prepared[0].astype(int) + 128, expected)
    np.testing.assert_allclose(
        model.network.prepare(IMAGE[None].astype(np.float32)), prepared, atol=1
    )
    assert model.predict(IMAGE).keypoints.shape == (1, 17, 2)


def test_names_of_color_modes(tmp_path):
    gray, four = network(1, tmp_path), network(4, tmp_path)
    expected = pu.load_model(gray).predict(IMAGE).keypoints
    np.testing.assert_array_equal(
        pu.load_model(gray, color_mode="grayscale").predict(IMAGE).keypoints, expected
    )
    pixels, _ = pu.load_model(four, color_mode="bgr").preprocess(IMAGE)
    np.testing.assert_array_equal(pixels, IMAGE[:, :, ::-1])
    with pytest.raises(
        PoseError, match="color_mode='bgr': networks of 1 channels take rgb or grayscale"
    ):
        pu.load_model(gray, color_mode="bgr").predict(IMAGE)


@with_gcc
@pytest.mark.parametrize("channels", [1, 4])
def test_as_c_it_gives_the_same(repository, tmp_path, channels):
    model = pu.load_model(network(channels, tmp_path))
    assert export(model.path, tmp_path / "out").model_type == "heatmaps_spe"
    data = pu.load_dataset(repository / "data/synthetic-people/val")[:4]
    assert (
        pu.evaluate(as_exported(model), data, progress=False).metrics
        == pu.evaluate(model, data, progress=False).metrics
    )


@with_gcc
def test_the_proof_holds(tmp_path):
    path = network(1, tmp_path)
    assert prove(export(path, tmp_path / "out"), pu.load_model(path), IMAGE, "B-U585I-IOT02A").equal


def test_other_inputs_are_refused(tmp_path):
    with pytest.raises(
        PoseError,
        match=r"expected an image input of 1, 3 or 4 channels; its input \(1, 16, 24, 2\) has 2",
    ):
        pu.load_model(network(2, tmp_path), "heatmaps_spe")
    several = tmp_path / "several.tflite"
    several.write_bytes(sum_of_two())
    with pytest.raises(
        PoseError,
        match=r"expected one image input of four dimensions.*'a'.*'b'.*It can be exported as C",
    ):
        pu.load_model(several)
