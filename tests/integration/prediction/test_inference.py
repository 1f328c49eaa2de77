"""Real models on real photographs, against ground truth and against the bare runtimes."""

import json
import os

import numpy as np
import pytest

import poseutils as pu
from poseutils.errors import PoseError

# The three whole people of bus.jpg and the one cut by the left border, outlined by eye in pixels:
# x0, y0, x1, y1.
BUS_PEOPLE = [(50, 400, 245, 902), (222, 405, 345, 862), (668, 380, 810, 880)]
BUS_CUT = (0, 550, 77, 875)


def iou(a, b):
    overlap = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    return overlap / (
        np.prod(np.subtract(a[2:], a[:2])) + np.prod(np.subtract(b[2:], b[:2])) - overlap
    )


@pytest.mark.parametrize(("name", "count"), [("yolov8n_pose_256", 3), ("yolo11n_pose_256", 4)])
def test_yolo_finds_the_people_of_the_street(zoo_model, asset, name, count):
    poses = zoo_model(name).predict(asset("images/bus.jpg"), confidence=0.25)
    assert len(poses) == count
    for person in BUS_PEOPLE + [BUS_CUT] * (count - 3):
        overlap = [iou(np.array(person), box) for box in poses.boxes]
        best = int(np.argmax(overlap))
        assert overlap[best] > (0.7 if person != BUS_CUT else 0.5)
        shoulders, hips, ankles = (poses.keypoints[best, i : i + 2, 1].mean() for i in (5, 11, 15))
        assert person[1] - 20 < shoulders < hips < ankles < person[3] + 20
    assert (np.diff(poses.box_scores) <= 0).all()


def test_oks_of_a_single_person_model_is_the_one_measured_independently(zoo_model, asset):
    report = pu.evaluate(
        zoo_model("movenet_lightning_192"), pu.load_dataset(asset("coco-mini")), progress=False
    )
    assert report.metrics["images"] == 11
    assert report.metrics["oks"] == pytest.approx(0.565, abs=0.005)


def crop_around(image, box, factor):
    """A square crop of the image around a box, and its top left corner; black outside the image."""
    center, side = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]).max() * factor
    corner = np.round(center - side / 2).astype(int)
    side = int(round(side))
    padded = np.pad(image, ((side, side), (side, side), (0, 0)))
    return padded[
        corner[1] + side : corner[1] + 2 * side, corner[0] + side : corner[0] + 2 * side
    ].copy(), corner


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("freihand_00000355.jpg", 0.101),
        ("freihand_00098035.jpg", 0.083),
        ("onehand10k_9.jpg", 0.025),
        ("onehand10k_784.jpg", 0.071),
    ],
)
def test_hands(zoo_model, asset, file, expected):
    """Mean distance of labeled points over the larger side of the box, on the true box enlarged by
    a quarter; measured independently."""
    sample = next(s for s in pu.load_dataset(asset("hands")) if s.path.name == file)
    crop, corner = crop_around(pu.read_image(sample.path), sample.boxes[0], 1.25)
    poses = zoo_model("hand_landmarks_224").predict(crop)
    labeled = sample.keypoints[0, :, 2] > 0
    distance = np.linalg.norm(poses.keypoints[0] + corner - sample.keypoints[0, :, :2], axis=1)[
        labeled
    ].mean()
    assert distance / (sample.boxes[0, 2:] - sample.boxes[0, :2]).max() == pytest.approx(
        expected, abs=0.02
    )


# Points of the 468-point mesh that are, by anatomy, points of the 68: chin, nose tip, corners of
# the eyes and of the mouth.
MESH_TO_IBUG = {152: 8, 4: 30, 33: 36, 133: 39, 362: 42, 263: 45, 61: 48, 291: 54}


def test_head(zoo_model, asset):
    sample = pu.load_dataset(asset("faces"))[0]
    crop, corner = crop_around(pu.read_image(sample.path), sample.boxes[0], 1.25)
    poses = zoo_model("head_landmarks_192").predict(crop)
    truth = sample.keypoints[0, list(MESH_TO_IBUG.values()), :2]
    distance = np.linalg.norm(poses.keypoints[0, list(MESH_TO_IBUG)] + corner - truth, axis=1)
    interocular = np.linalg.norm(sample.keypoints[0, 45, :2] - sample.keypoints[0, 36, :2])
    assert np.median(distance) / interocular < 0.045
    # A shoulder hides the chin and a corner of the mouth
    assert distance.mean() / interocular < 0.08


def test_outputs_are_those_of_the_bare_interpreter(zoo_model, asset):
    from ai_edge_litert.interpreter import Interpreter

    model = zoo_model("yolov8n_pose_256")
    pixels, _ = model.preprocess(pu.read_image(asset("images/bus.jpg")))
    interpreter = Interpreter(str(model.path), num_threads=2)
    interpreter.allocate_tensors()
    interpreter.set_tensor(
        interpreter.get_input_details()[0]["index"], pixels.astype(np.uint8)[None]
    )
    interpreter.invoke()
    expected = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_array_equal(model.run(pixels[None])["candidates"], expected)


def test_batches_equal_single_images(zoo_model, asset):
    model = zoo_model("movenet_lightning_192")
    paths = [s.path for s in pu.load_dataset(asset("coco-mini"))[:3]]
    together = model.predict(paths, confidence=0)
    pixels = np.stack([model.preprocess(pu.read_image(p))[0] for p in paths])
    raw = model.run(pixels)["keypoints"]
    assert raw.shape == (3, 17, 3)
    for path, poses, points in zip(paths, together, raw, strict=True):
        alone = model.predict(path, confidence=0)
        np.testing.assert_array_equal(alone.keypoints, poses.keypoints)
        np.testing.assert_array_equal(poses.scores[0], points[:, 2])


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_a_folder_with_damaged_files_is_done_all_the_same(
    zoo_model, asset, tmp_path, monkeypatch, cores
):
    from tests.helpers.damage.images import damaged_files

    damaged = damaged_files(tmp_path)
    (tmp_path / "good.jpg").write_bytes(asset("images/bus.jpg").read_bytes())
    paths = pu.find_images(tmp_path)
    # Few: images are read by whoever asks for them; many: by a thread beside it
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    predictions = list(
        pu.load_model(zoo_model("yolov8n_pose_256").path, num_threads=1).predict_each(paths)
    )
    assert [p.source for p in predictions] == paths
    assert {p.source.name for p in predictions if p.error} == set(damaged) - {"missing.jpg"}
    (good,) = [p for p in predictions if not p.error]
    assert len(good.poses) == 3
    with pytest.raises(PoseError, match="empty.jpg"):
        zoo_model("yolov8n_pose_256").predict(paths)


def test_arrays_must_be_images(zoo_model):
    model = zoo_model("movenet_lightning_192")
    for wrong in (
        np.zeros((9, 9), np.uint8),
        np.zeros((9, 9, 3), np.float32),
        np.zeros((0, 9, 3), np.uint8),
    ):
        with pytest.raises(PoseError, match=r"expected uint8 \(height, width, 3\)"):
            model.predict(wrong)


def test_a_type_that_contradicts_the_outputs_is_refused(asset):
    path = asset("models/movenet_singlepose_lightning_192_int8.tflite")
    with pytest.raises(
        PoseError,
        match=r"'heatmaps_spe' expects .* the model gives .*\(1, 1, 17, 3\).*fit model_type='spe'",
    ):
        pu.load_model(path, model_type="heatmaps_spe")
    assert pu.load_model(path).model_type == "spe"
    with pytest.raises(PoseError, match="gives 17 keypoints; the layout 'person13' has 13"):
        pu.load_model(path, layout=pu.PERSON13)


@pytest.mark.parametrize(
    ("name", "layout"),
    [("blazeface_front_128", pu.keypoints.FACE6), ("palm_detection_192", pu.keypoints.PALM7)],
)
def test_detectors_are_models_too(zoo_model, name, layout):
    model = zoo_model(name)
    assert model.model_type == "detector" and model.layout is layout


def test_files_that_are_no_models(tmp_path, asset):
    good = asset("models/movenet_singlepose_lightning_192_int8.tflite").read_bytes()
    files = {
        "text.tflite": b"hello, I am no model",
        "empty.tflite": b"",
        "cut.tflite": good[:20000],
        "text.onnx": b"hello",
        "text.keras": b"hello",
        "text.h5": b"hello",
        "model.pt": b"x",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PoseError, match=name):
            pu.load_model(tmp_path / name)
    with pytest.raises(PoseError, match="no such model file"):
        pu.load_model(tmp_path / "none.tflite")
    with pytest.raises(PoseError, match="no model 'nothing' in the zoo"):
        pu.load_model("nothing")


def test_coco_results_of_a_photograph_are_json(zoo_model, asset):
    poses = zoo_model("yolov8n_pose_256").predict(asset("images/bus.jpg"))
    assert json.loads(json.dumps(poses.to_coco(1)))[0]["category_id"] == 1
