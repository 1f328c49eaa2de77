import json

import cv2
import numpy as np
import pytest
from PIL import Image

import poseutils as pu
from poseutils.errors import PoseError
from poseutils.models import predictor
from poseutils.prediction import images as prediction
from poseutils.prediction import predict_images
from tests.helpers.networks.tiny_tflite import heatmap_model


@pytest.fixture(scope="module")
def model(asset):
    asset("models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite")
    return pu.load_model("yolov8n_pose_256")


@pytest.fixture
def small(tmp_path):
    """Makes a model of heatmaps that needs no file from outside."""

    def make():
        (tmp_path / "small.tflite").write_bytes(heatmap_model(keypoints=13))
        return pu.load_model(tmp_path / "small.tflite", model_type="heatmaps_spe")

    return make


def test_a_folder_becomes_annotated_pictures_and_coco_results(model, asset, tmp_path):
    from pycocotools.coco import COCO

    paths = pu.find_images(asset("coco-mini/images"))[:12]
    result = predict_images(model, paths, tmp_path, progress=False)
    records = json.loads((tmp_path / "predictions.json").read_text())
    assert len(records) == result.metrics["people"] > 0
    assert {r["image_id"] for r in records} <= {int(p.stem) for p in paths}
    assert all(
        int(r["file_name"].split(".")[0]) == r["image_id"] and len(r["keypoints"]) == 51
        for r in records
    )
    truth = COCO(str(asset("coco-mini/person_keypoints.json")))
    assert len(truth.loadRes(records).getAnnIds()) == len(records)
    for path, annotated in result.annotated.items():
        before, after = pu.read_image(path), pu.read_image(annotated)
        assert before.shape == after.shape
        changed = (
            np.abs(before.astype(int) - after).max(axis=2) > 100
        ).sum()  # JPEG alone changes less
        assert (changed > 100) == bool(len(result.poses[path]))


def test_bad_files_are_listed_and_the_rest_is_done(model, asset, tmp_path):
    from tests.helpers.damage.images import damaged_files

    (tmp_path / "in").mkdir()
    damaged = damaged_files(tmp_path / "in")
    (tmp_path / "in/bus.jpg").write_bytes(asset("images/bus.jpg").read_bytes())
    result = predict_images(
        model, pu.find_images(tmp_path / "in"), tmp_path / "out", progress=False
    )
    counts = {"images": 2, "unreadable": len(damaged) - 1, "people": 3, "empty": 1}
    assert result.metrics == counts
    assert sorted(p.name for p in (tmp_path / "out/annotated").iterdir()) == ["bus.jpg", "good.jpg"]


def test_files_of_one_name_do_not_overwrite_each_other(model, asset, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "bus.jpg").write_bytes(asset("images/bus.jpg").read_bytes())
    predict_images(model, pu.find_images(tmp_path), tmp_path / "out", progress=False)
    assert sorted(p.name for p in (tmp_path / "out/annotated").iterdir()) == [
        "bus-2.jpg",
        "bus.jpg",
    ]
    records = json.loads((tmp_path / "out/predictions.json").read_text())
    assert {(r["file_name"], r["image_id"]) for r in records} == {("bus.jpg", 1), ("bus-2.jpg", 2)}


def test_names_of_every_kind_get_files_of_their_own(small, tmp_path):
    (tmp_path / "in").mkdir()
    names = ("a.jpg", "a.png", "a-2.jpg", "B.png", "b.jpg", "x" * 250 + ".png", "x" * 250 + ".gif")
    for name in (*names, "é" * 125 + ".jpg"):
        Image.new("RGB", (40, 30)).save(tmp_path / "in" / name)
    result = predict_images(
        small(), pu.find_images(tmp_path / "in"), tmp_path / "out", progress=False
    )
    assert not result.errors and result.metrics["images"] == len(result.annotated) == 8
    written = {path.name.casefold() for path in (tmp_path / "out/annotated").iterdir()}
    assert len(written) == 8 and {"a.jpg", "a-2.jpg", "a-3.jpg", "é" * 125 + ".jpg"} <= written


def test_an_image_wider_than_jpeg_is_annotated_all_the_same(small, tmp_path):
    (tmp_path / "in").mkdir()
    Image.new("L", (70_000, 3)).save(tmp_path / "in/wide.png")
    result = predict_images(
        small(), pu.find_images(tmp_path / "in"), tmp_path / "out", progress=False
    )
    assert not result.errors and (tmp_path / "out/annotated/wide.png").exists()


@pytest.mark.parametrize("function", ["draw_poses", "save_image"])
def test_whatever_happens_to_one_image_the_rest_is_written(small, tmp_path, monkeypatch, function):
    given = getattr(prediction, function)

    def failing(first, *more):
        if "b.jpg" in str(first) or np.shape(first)[:1] == (99,):
            raise cv2.error("an image that is not liked")
        return given(first, *more)

    (tmp_path / "in").mkdir()
    for name, height in (("a.jpg", 30), ("b.jpg", 99), ("c.jpg", 30)):
        Image.new("RGB", (40, height)).save(tmp_path / "in" / name)
    monkeypatch.setattr(prediction, function, failing)
    result = predict_images(
        small(), pu.find_images(tmp_path / "in"), tmp_path / "out", progress=False
    )
    assert [path.name for path in result.annotated] == ["a.jpg", "c.jpg"]
    assert len(result.errors) == 1 and "b.jpg: predicted, but not annotated" in result.errors[0]
    assert result.metrics["unreadable"] == 0 and result.metrics["images"] == 3
    assert (tmp_path / "out/predictions.json").exists()


def test_a_runtime_that_fails_on_one_image_does_not_end_the_others(small, tmp_path, monkeypatch):
    model = small()
    (tmp_path / "in").mkdir()
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (40, 30)).save(tmp_path / "in" / name)
    read = predictor.read_image
    monkeypatch.setattr(
        predictor, "read_image", lambda path: read(path) if path.name == "a.jpg" else 1 / 0
    )
    result = predict_images(
        model, pu.find_images(tmp_path / "in"), tmp_path / "out", progress=False
    )
    assert result.metrics["images"] == 1 and "ZeroDivisionError" in result.errors[0]


def test_nothing_readable_and_nowhere_to_write(model, asset, tmp_path):
    (tmp_path / "x.jpg").write_text("text")
    with pytest.raises(PoseError, match="none of the 1 images could be read"):
        predict_images(model, [tmp_path / "x.jpg"], tmp_path / "out", progress=False)
    with pytest.raises(PoseError, match="no images were given"):
        predict_images(model, [], tmp_path / "out", progress=False)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PoseError, match="cannot write"):
        predict_images(model, [asset("images/bus.jpg")], tmp_path / "file", progress=False)
