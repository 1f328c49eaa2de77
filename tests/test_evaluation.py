import contextlib
import io
import json

import numpy as np
import pytest

import poseutils as pu
from poseutils.errors import PoseError
from poseutils.evaluation import evaluate
from poseutils.poses import AREA_OF_BOX


@pytest.fixture(scope="module")
def movenet(asset):
    asset("models/movenet_singlepose_lightning_192_int8.tflite")
    return pu.load_model("movenet_lightning_192")


def test_ap_is_what_pycocotools_says_of_the_original_file(asset):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    asset("models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite")
    report = evaluate(pu.load_model("yolov8n_pose_256"), pu.load_dataset(asset("coco-mini")), progress=False)
    detections = [record for r in report.per_image for record in r.poses.to_coco(r.sample.image_id)]
    assert max(len(r.poses) for r in report.per_image) <= 20
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(asset("coco-mini/person_keypoints.json")))
        coco = COCOeval(truth, truth.loadRes(detections), "keypoints")
        coco.evaluate()
        coco.accumulate()
        coco.summarize()
    names = ("ap", "ap50", "ap75", "ap_medium", "ap_large", "ar")
    np.testing.assert_allclose([report.metrics[n] for n in names], coco.stats[:6], atol=2e-3)
    assert report.metrics["ap"] > 0.15 and report.metrics["ap50"] > 0.4


def test_oks_by_the_written_formula(movenet, asset):
    report = evaluate(movenet, pu.load_dataset(asset("coco-mini")), progress=False)
    total = []
    for result in report.per_image:
        (truth,), (box,) = result.sample.keypoints, result.sample.boxes
        area = AREA_OF_BOX * (box[2] - box[0]) * (box[3] - box[1])
        terms = [
            np.exp(-((x - tx) ** 2 + (y - ty) ** 2) / (2 * area * (2 * s) ** 2))
            for (x, y), (tx, ty, v), s in zip(result.poses.keypoints[0], truth, pu.COCO17.sigmas, strict=True)
            if v > 0
        ]
        total.append(np.mean(terms))
        assert result.oks == pytest.approx(total[-1], rel=1e-4)
    assert report.metrics["oks"] == pytest.approx(np.mean(total), rel=1e-4)
    assert report.worst(3)[0].oks == pytest.approx(min(total), rel=1e-4)


def test_per_keypoint_similarity_averages_to_oks_where_all_are_labeled(asset):
    asset("models/033_hand_landmark_full_quant_pc_uf_handl.tflite")
    dataset = pu.load_dataset(asset("hands"))
    full = dataset.subset([s for s in dataset if (s.keypoints[:, :, 2] > 0).all()])
    report = evaluate(pu.load_model("hand_landmarks_224"), full, progress=False)
    assert len(full) >= 4 and len(report.per_keypoint) == 21
    assert np.mean(list(report.per_keypoint.values())) == pytest.approx(report.metrics["oks"], rel=1e-6)


def test_other_keypoints_are_refused(movenet, asset):
    with pytest.raises(PoseError, match=r"has 21 keypoints \(hand21\), and 17 \(coco17\) are wanted"):
        evaluate(movenet, pu.load_dataset(asset("hands")), progress=False)


def test_nobody_to_measure(movenet, asset):
    dataset = pu.load_dataset(asset("coco-mini"))
    crowded = dataset.subset([s for s in dataset if len(s) != 1])
    with pytest.raises(PoseError, match="exactly one annotated person"):
        evaluate(movenet, crowded, progress=False)


def test_finding_nobody_is_zero_and_not_an_error(asset):
    asset("models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite")
    dataset = pu.load_dataset(asset("coco-mini"))[:6]
    report = evaluate(pu.load_model("yolov8n_pose_256"), dataset, confidence=1.0, progress=False)
    assert report.metrics["ap"] == 0 and report.metrics["oks"] == 0


def test_unreadable_images_are_left_out_and_named(movenet, asset, tmp_path):
    source = pu.load_dataset(asset("coco-mini")).single()
    document = json.loads(asset("coco-mini/person_keypoints.json").read_text())
    ids = [s.image_id for s in source][:3]
    document["images"] = [i for i in document["images"] if i["id"] in ids]
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] in ids]
    for sample in source[:3]:
        (tmp_path / sample.path.name).write_bytes(sample.path.read_bytes())
    (tmp_path / source[0].path.name).write_bytes(b"")
    (tmp_path / "labels.json").write_text(json.dumps(document))
    report = evaluate(movenet, pu.load_dataset(tmp_path), progress=False)
    assert report.metrics["images"] == 2 and len(report.errors) == 1 and source[0].path.name in report.errors[0]


def test_reports_are_saved_as_json(movenet, asset, tmp_path):
    report = evaluate(movenet, pu.load_dataset(asset("coco-mini")), progress=False)
    assert json.loads(report.save(tmp_path / "report.json").read_text()) == report.metrics
