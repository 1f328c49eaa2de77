"""What a model file is, read from its metadata, its operators and its values."""

import json
import zipfile

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import poseutils as pu
from poseutils.decoders import Thresholds
from poseutils.errors import PoseError
from poseutils.models.networks.inputs import PIXELS, SIGNED, UNIT, of_affine, of_range
from poseutils.models.networks.metadata import Metadata, read_metadata
from poseutils.models.networks.precision import size_of_file
from tests.helpers.networks.imitations import BLACK, FIRST, SQUARE, brightness, candidates, constant
from tests.helpers.networks.tiny_tflite import build, heatmap_model, tensor

# ---------------------------------------------------------------- units and order


def test_boxes_in_fractions_with_keypoints_in_pixels(tmp_path):
    raw = candidates(found=0)
    raw[:, :4] /= 64
    poses = pu.load_model(constant(tmp_path / "a.onnx", {"x": raw}, FIRST)).predict(BLACK)
    np.testing.assert_allclose(poses.keypoints[0, :2], [[1, 2], [2, 4]])
    assert poses.boxes[0, 2] - poses.boxes[0, 0] == pytest.approx(20)


@pytest.mark.parametrize("unit", [1, 64])
def test_single_poses_in_fractions_and_in_pixels(tmp_path, unit):
    points = np.tile(np.float32([0.5 * unit, 0.25 * unit, 0.9]), (1, 1, 17, 1))
    poses = pu.load_model(constant(tmp_path / "a.onnx", {"x": points})).predict(BLACK)
    np.testing.assert_allclose(poses.keypoints[0, 0], [16, 32])


@pytest.mark.parametrize("unit", [1.0, 1 / 64])
@pytest.mark.parametrize("x_first", [True, False])
def test_the_people_of_the_images_tell_whether_x_is_first(tmp_path, unit, x_first):
    points = np.stack([np.linspace(20, 30, 17), np.linspace(10, 60, 17), np.full(17, 0.9)], axis=1)
    raw = (points if x_first else points[:, [1, 0, 2]]) * [unit, unit, 1]
    model = pu.load_model(constant(tmp_path / "a.onnx", {"x": raw[None, None]}, FIRST))
    np.testing.assert_allclose(model.predict(BLACK).keypoints[0], points[:, :2], rtol=1e-5)


def test_coordinates_from_minus_one_to_one_are_refused_unless_they_are_meant(tmp_path):
    points = np.stack([np.linspace(-0.9, 0.9, 17), np.linspace(-0.4, 0.1, 17), np.full(17, 0.9)], 1)
    path = constant(tmp_path / "a.onnx", {"x": points[None, None]}, FIRST)
    with pytest.raises(pu.PoseError, match=r"-0.9 to 0.9 on images of people; expected fractions"):
        pu.load_model(path)
    found = pu.load_model(path, normalized=True).predict(BLACK).keypoints[0]
    assert found.min() == pytest.approx(-0.9 * 64)


def test_a_few_keypoints_outside_of_the_image_are_no_sign_of_other_units(tmp_path):
    points = np.stack([np.linspace(-0.1, 0.9, 17), np.linspace(0.2, 0.6, 17), np.full(17, 0.9)], 1)
    path = constant(tmp_path / "a.onnx", {"x": points[None, None]}, FIRST)
    assert pu.load_model(path).predict(BLACK).keypoints.min() < 0


@pytest.mark.parametrize("last", [True, False], ids=["heatmaps last", "heatmaps first"])
def test_heatmaps_in_the_other_order_than_the_images(tmp_path, last):
    maps = np.zeros((1, 16, 16, 17), np.float32)
    maps[:, 5, 3] = 1
    maps = maps if last else maps.transpose(0, 3, 1, 2)
    path = constant(tmp_path / "a.onnx", {"x": maps}, FIRST if last else (1, 64, 64, 3))
    np.testing.assert_allclose(pu.load_model(path).predict(BLACK).keypoints[0], [[14, 22]] * 17)


@pytest.mark.parametrize("name", ["righthand", "lr_score"])
def test_the_name_of_handedness_tells_it_from_presence(tmp_path, name):
    points = np.full((1, 63), 50.0)
    outputs = {name: np.full((1, 1), 0.2), "hand_score": np.full((1, 1), 0.9), "points": points}
    poses = pu.load_model(constant(tmp_path / "a.onnx", outputs)).predict(BLACK)
    assert poses.scores[0, 0] == np.float32(0.9) and poses.handedness == np.float32(0.2)


@pytest.mark.parametrize("unit", [1, 224], ids=["fractions", "pixels"])
@pytest.mark.parametrize("exchanged", [False, True])
def test_hands_in_fractions_and_in_another_order(tmp_path, unit, exchanged):
    image = np.tile(np.float32([0.5 * unit, 0.25 * unit, 0]), 21)[None]
    world = np.tile(np.float32([0.01, 0.02, 0.03]), 21)[None]
    first, last = (world, image) if exchanged else (image, world)
    flag = np.full((1, 1), 0.9, np.float32)
    outputs = {"Identity": first, "Identity_1": flag, "Identity_2": flag, "Identity_3": last}
    path = constant(tmp_path / "hand.onnx", outputs, (1, 224, 224, 3))
    poses = pu.load_model(path).predict(np.zeros((224, 224, 3), np.uint8))
    np.testing.assert_allclose(poses.keypoints[0, 0], [112, 56], rtol=1e-5)
    np.testing.assert_allclose(poses.world[0, 0], [0.01, 0.02, 0.03])


def test_keypoints_that_cannot_be_are_told_at_load(tmp_path):
    points = np.tile(np.float32([900, 900, 0.9]), (1, 1, 17, 1))
    with pytest.raises(PoseError, match="far outside of images"):
        pu.load_model(constant(tmp_path / "a.onnx", {"x": points}), "spe")
    path = constant(tmp_path / "b.onnx", {"x": points / 10})
    with pytest.raises(PoseError, match="far outside .* normalized="):
        pu.load_model(path, normalized=True)


# ---------------------------------------------------------------- evidence of a model type


DETECTION = np.concatenate(
    [candidates(1, 1)[:, :4], np.random.default_rng(0).uniform(0, 0.2, (1, 80, 84))], axis=1
)


@pytest.mark.parametrize(
    ("output", "metadata"),
    [
        (DETECTION, {}),
        (np.concatenate([DETECTION[:, :4] / 64, DETECTION[:, 4:7]], axis=1), {}),
        (DETECTION[:, :28], {}),
        (np.random.default_rng(0).uniform(0, 1, (1, 16, 16, 21)), {}),
        (np.full((1, 16, 16, 13), 1 / 13), {}),
        (candidates(), {"task": "detect"}),
        (np.random.default_rng(0).uniform(-9, 9, (1, 100, 3)), {}),
    ],
    ids=["80 classes", "3 classes", "24 classes", "segmentation", "softmax", "metadata", "points"],
)
def test_a_network_that_is_not_evidently_one_of_poses_is_not_guessed(tmp_path, output, metadata):
    path = constant(tmp_path / "a.onnx", {"x": output}, metadata=metadata)
    with pytest.raises(PoseError, match="give model_type="):
        pu.load_model(path)


def test_the_type_of_other_networks_of_a_configuration_decides_what_is_not_evident(tmp_path):
    flat = np.full((1, 16, 16, 5), 0.5)
    path = constant(tmp_path / "a.onnx", {"x": flat})
    assert pu.load_model(path, likely_type="heatmaps_spe").model_type == "heatmaps_spe"
    with pytest.raises(PoseError, match="give model_type="):
        pu.load_model(path, likely_type="spe")


# ---------------------------------------------------------------- inputs


@pytest.mark.parametrize("dtype", ["INT32", "INT64", "UINT16", "DOUBLE", "FLOAT16", "UINT8"])
def test_types_of_inputs(tmp_path, dtype):
    is_float = dtype in ("DOUBLE", "FLOAT16")
    path = brightness(tmp_path / "a.onnx", 1.0 if is_float else 1 / 255, dtype=dtype)
    model = pu.load_model(path, "heatmaps_spe")
    poses = model.predict(SQUARE)
    np.testing.assert_allclose(poses.keypoints[0, 0], [18, 42], atol=1)
    assert poses.scores[0, 0] == pytest.approx(1, abs=0.01)


def test_a_type_that_numpy_does_not_have_is_refused(tmp_path):
    with pytest.raises(PoseError, match="bfloat16"):
        pu.load_model(brightness(tmp_path / "a.onnx", dtype="BFLOAT16"), "heatmaps_spe")


@pytest.mark.parametrize(
    ("gain", "offset", "range_"),
    [(1 / 255, 0, "0…255"), (1 / 127.5, -1, "0…255"), (2, -1, "0…1"), (0.5, 0.5, "−1…1")],
)
def test_the_first_operators_tell_the_values_of_the_input(tmp_path, gain, offset, range_):
    model = pu.load_model(brightness(tmp_path / "a.onnx", gain, offset), "heatmaps_spe")
    assert model.summary()["values"] == f"{range_} (by its first operators)"
    assert model.predict(SQUARE).scores[0, 0] == pytest.approx(1, abs=0.01)


def test_images_of_people_tell_the_values_where_nothing_else_does(tmp_path):
    path = brightness(tmp_path / "a.onnx", white=255)
    model = pu.load_model(path, "heatmaps_spe")
    assert model.summary()["values"] == "0…255 (by its confidence on images of people)"
    assert model.predict(SQUARE).scores[0, 0] == pytest.approx(1, abs=0.01)
    assert pu.load_model(path, "heatmaps_spe", rescaling=UNIT).summary()["values"] == "0…1 (given)"
    usual = pu.load_model(brightness(tmp_path / "b.onnx"), "heatmaps_spe")
    assert usual.summary()["values"] == "−1…1 (usual for its model type)"


@given(st.floats(0.1, 0.9), st.floats(0.1, 0.5))
def test_a_mean_and_deviation_of_fractions_and_of_pixels(mean, deviation):
    assert of_affine(1 / deviation, -mean / deviation) == UNIT
    assert of_affine(1 / (255 * deviation), -mean / deviation) == PIXELS


def test_ranges_of_quantized_inputs():
    assert of_range(0, 255) == PIXELS and of_range(-128, 127) == PIXELS
    assert of_range(0, 1) == UNIT and of_range(-1, 0.992) == SIGNED
    assert of_range(-2.1, 2.6) is None


def test_an_open_size_is_that_of_the_metadata_or_refused(tmp_path):
    content = build(
        [
            tensor("image", (1, 1, 1, 3), scale=1 / 255, zero_point=-128, signature=(1, -1, -1, 3)),
            tensor("filter", (2, 4, 4, 3), data=np.ones((2, 4, 4, 3), np.int8)),
            tensor("bias", (2,), "INT32", np.zeros(2, np.int32)),
            tensor("heatmaps", (1, 1, 1, 2), signature=(1, -1, -1, 2)),
        ],
        [("CONV_2D", [0, 1, 2], [3], ("Conv2DOptions", {"strideW": 4, "strideH": 4}))],
        [0],
        [3],
    )
    path = tmp_path / "open.tflite"
    path.write_bytes(content)
    with pytest.raises(PoseError, match="dynamic height"):
        pu.load_model(path, "heatmaps_spe")
    assert pu.load_model(path, "heatmaps_spe", input_size=(64, 32)).input_size == (64, 32)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("metadata.json", json.dumps({"imgsz": [32, 64]}))
    assert pu.load_model(path, "heatmaps_spe").input_size == (32, 64)


# ---------------------------------------------------------------- metadata


@pytest.mark.parametrize("write", [json.dumps, str], ids=["json", "python"])
def test_metadata_at_the_end_of_a_tflite(tmp_path, write):
    path = tmp_path / "a.tflite"
    path.write_bytes(heatmap_model())
    with zipfile.ZipFile(path, "a") as archive:
        said = {"task": "pose", "imgsz": [8, 16], "names": ["a", "b"], "kpt_shape": [5, 2]}
        archive.writestr("metadata.json", write(said))
    assert read_metadata(path, path.read_bytes()) == Metadata(
        "pose", (5, 2), ("a", "b"), (), (8, 16)
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [("kpt_shape", "[17]"), ("kpt_shape", "[17, 10000000]"), ("imgsz", "'x'"), ("names", "7")],
)
def test_metadata_that_cannot_be_meant_is_refused(tmp_path, key, value):
    with pytest.raises(PoseError, match=f"metadata has {key}="):
        read_metadata(tmp_path / "a.onnx", {key: value})


def test_metadata_runs_no_code(tmp_path):
    given = {"task": "__import__('os').abort()", "kpt_names": "[['a'], ['b']]"}
    assert read_metadata(tmp_path / "a.onnx", given).kpt_names == ("a",)


# ---------------------------------------------------------------- limits and contradictions


def test_a_rescaling_that_contradicts_the_file_is_warned_of(tmp_path):
    path = brightness(tmp_path / "a.onnx", 1 / 255)
    with pytest.warns(UserWarning, match="take values 0…255; it is given −1…1"):
        pu.load_model(path, "heatmaps_spe", rescaling=SIGNED)


def test_numbers_without_measure_are_refused(tmp_path):
    many = np.zeros((1, 4, 4, 2000), np.float32)
    with pytest.raises(PoseError, match="gives 2,000 keypoints; expected up to 1,000"):
        pu.load_model(constant(tmp_path / "a.onnx", {"x": many}), "heatmaps_spe")
    with pytest.raises(PoseError, match="num_threads=1000000: expected from 1 to 256"):
        pu.load_model(brightness(tmp_path / "b.onnx"), "heatmaps_spe", num_threads=1000000)
    with pytest.raises(PoseError, match="at most 100000"):
        Thresholds(max_detections=10**9)


def test_weights_beside_an_onnx_count_in_its_size(tmp_path):
    path = brightness(tmp_path / "a.onnx")
    model = onnx.load(path)
    options = {"location": "a.onnx.data", "size_threshold": 0}
    onnx.save(model, str(path), save_as_external_data=True, **options)
    beside = (tmp_path / "a.onnx.data").stat().st_size
    assert beside > 300
    assert size_of_file(path) == path.stat().st_size + beside


# ---------------------------------------------------------------- evaluation by category


def test_categories_are_measured_apart(tmp_path):
    """The model finds an object of class 0 at the place of an annotated one of class 1."""
    raw = candidates(2, 3, found=0)
    names = str({0: "cat", 1: "dog"})
    metadata = {"kpt_shape": "[3, 3]", "names": names, "task": "pose"}
    model = pu.load_model(constant(tmp_path / "a.onnx", {"x": raw}, FIRST, metadata=metadata))

    def metrics(category):
        Image.fromarray(BLACK).save(tmp_path / "1.png")
        triplets = [1, 2, 2, 2, 4, 2, 3, 6, 2]
        record = {"image_id": 1, "keypoints": triplets, "bbox": [0, 0, 60, 60], "area": 3600}
        parts = ["a", "b", "c"]
        document = {
            "images": [{"id": 1, "file_name": "1.png", "width": 64, "height": 64}],
            "annotations": [{"id": 1, "category_id": category} | record],
            "categories": [
                {"id": i, "name": name, "keypoints": parts} for i, name in ((1, "dog"), (2, "cat"))
            ],
        }
        (tmp_path / "labels.json").write_text(json.dumps(document))
        dataset = pu.load_dataset(tmp_path / "labels.json")
        return pu.evaluate(model, dataset, progress=False).metrics

    right, wrong = metrics(2), metrics(1)
    assert right["ap"] == pytest.approx(1) and right["oks"] > 0.99
    assert right["ap.cat"] == pytest.approx(1) and "ap.dog" not in right
    assert wrong["ap"] == wrong["ap.dog"] < 0.1 and wrong["oks"] < right["oks"]
