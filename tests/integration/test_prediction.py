import json

import numpy as np
import pytest

import poseutils as pu
from poseutils.errors import PoseError
from poseutils.prediction import predict_images


@pytest.fixture(scope="module")
def model(asset):
    asset("models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite")
    return pu.load_model("yolov8n_pose_256")


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
    assert result.metrics == {"images": 2, "unreadable": len(damaged) - 1, "people": 3}
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


def test_nothing_readable_and_nowhere_to_write(model, asset, tmp_path):
    (tmp_path / "x.jpg").write_text("text")
    with pytest.raises(PoseError, match="none of the 1 images could be read"):
        predict_images(model, [tmp_path / "x.jpg"], tmp_path / "out", progress=False)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PoseError, match="cannot write"):
        predict_images(model, [asset("images/bus.jpg")], tmp_path / "file", progress=False)
