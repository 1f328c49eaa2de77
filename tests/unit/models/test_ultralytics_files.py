"""Files as Ultralytics' exporters write them, without any configuration, held to the layout of
their heads as it is documented."""

from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest

import poseutils as pu
from poseutils.decoders.options import Head
from poseutils.errors import PoseError
from tests.helpers.networks.imitations import BLACK, FIRST, candidates, constant, detections
from tests.helpers.networks.ultralytics_files import (
    half_file,
    metadata,
    onnx_file,
    qdq_file,
    tflite_file,
)

POINTS = ["nose", "left_eye", "right_eye", "left_ear", "right_ear"]


def by_the_documentation(output, head, unit, confidence, overlap=0.7):
    """Boxes (N, 4), scores (N,), classes (N,) and keypoints (N, K, D) of an output, one by one.

    A head with a candidate per cell gives (1, 4 + C + K·D, F): center, size, a score per class,
    keypoints, and expects suppression within each class; an end-to-end head (1, N, 6 + K·D):
    corners, score, class, keypoints.
    """
    found = []
    rows = output[0] if head.end_to_end else output[0].T
    for row in rows.astype(np.float64):
        if head.end_to_end:
            (x0, y0, x1, y1, score, label), rest = row[:6], row[6:]
        else:
            (x, y, w, h), scores, rest = row[:4], row[4 : 4 + head.classes], row[4 + head.classes :]
            x0, y0, x1, y1 = x - w / 2, y - h / 2, x + w / 2, y + h / 2
            score, label = scores.max(), scores.argmax()
        points = rest.reshape(head.keypoints, head.columns) * ([unit, unit, 1][: head.columns])
        if np.float32(score) > np.float32(confidence):
            found.append((np.array([x0, y0, x1, y1]) * unit, score, int(label), points))
    found.sort(key=lambda one: -one[1])
    if not head.end_to_end:
        boxes = [[*one[0][:2], *(one[0][2:] - one[0][:2])] for one in found]
        labels, scores = [one[2] for one in found], [one[1] for one in found]
        kept = cv2.dnn.NMSBoxesBatched(boxes, scores, labels, confidence, overlap)
        found = [found[i] for i in sorted(kept)]
    return [np.array(each) for each in zip(*found)]


def assert_as_documented(model, head, unit, confidence=0.25):
    pixels = np.zeros((1, *model.input_size, 3), np.float32)
    (output,) = model.network.run(pixels).values()
    boxes, scores, classes, points = by_the_documentation(output, head, unit, confidence)
    poses = model.predict(np.zeros((*model.input_size, 3), np.uint8), confidence=confidence)
    limit = model.thresholds().max_detections
    assert len(poses) == min(len(scores), limit) > 0
    np.testing.assert_allclose(poses.box_scores, scores[:limit], atol=1e-6)
    np.testing.assert_array_equal(poses.classes, classes[:limit])
    assert np.abs(poses.boxes - boxes[:limit]).max() < 0.01
    assert np.abs(poses.keypoints - points[:limit, :, :2]).max() < 0.01
    seen = points[:limit, :, 2] if head.columns == 3 else poses.box_scores[:, None]
    np.testing.assert_allclose(poses.scores, np.broadcast_to(seen, poses.scores.shape), atol=1e-6)


HEADS = [
    Head(classes, keypoints, columns, end_to_end)
    for classes, keypoints in ((1, 17), (3, 5))
    for columns in (2, 3)
    for end_to_end in (False, True)
]
WRITERS = {
    "onnx": onnx_file,
    "onnx of half floats": half_file,
    "onnx with QDQ": qdq_file,
    "tflite": tflite_file,
    "tflite of int8": partial(tflite_file, dtype="INT8"),
}
OF_8_BITS = ("onnx with QDQ", "tflite of int8")
CASES = [
    (kind, head, unit)
    for kind in WRITERS
    for head in HEADS
    for unit in (1.0, 1 / 64)
    if kind not in OF_8_BITS or (unit < 1 and not head.end_to_end)
]
"""Of 8 bits all candidates, as fractions: a scale for pixels leaves nothing of scores."""


def output_of(head, unit=1.0, **more):
    made = detections if head.end_to_end else candidates
    more |= {} if head.end_to_end else {"found": head.classes - 1}
    return made(head.classes, head.keypoints, head.columns, unit, **more)


@pytest.mark.parametrize(("kind", "head", "unit"), CASES)
def test_a_file_needs_no_configuration(tmp_path, kind, head, unit):
    names = (
        {i: POINTS[: head.keypoints] for i in range(head.classes)} if head.keypoints == 5 else {}
    )
    entries = metadata(head.classes, head.keypoints, head.columns, end2end=head.end_to_end)
    entries |= {"kpt_names": names} if names else {}
    model = pu.load_model(WRITERS[kind](tmp_path, output_of(head, unit), entries))
    assert (model.model_type, model.input_size) == ("yolo_mpe", (64, 64))
    assert model.input_spec.head == head
    assert model.input_spec.normalized is (unit < 1)
    assert model.class_names == tuple(entries["names"].values())
    if names:
        assert model.layout.names == tuple(POINTS) and model.layout.mirror == (0, 2, 1, 4, 3)
    else:
        assert model.layout.name == pu.COCO17.name and model.layout.limbs == pu.COCO17.limbs
    assert_as_documented(model, head, 1 if unit == 1.0 else 64)


@pytest.mark.parametrize("count", [300, 84, 20])
def test_the_metadata_tells_detections_however_many(tmp_path, count):
    """Of a small input there are as many as cells: 84 of 64 × 64 pixels."""
    output = detections(2, 5, count=count)
    model = pu.load_model(onnx_file(tmp_path, output, metadata(2, 5, end2end=True)))
    assert model.input_spec.head == Head(2, 5, end_to_end=True)
    assert_as_documented(model, model.input_spec.head, 1)


def test_detections_of_an_export_with_suppression(tmp_path):
    entries = metadata(2, 5, args={"batch": 1, "nms": True})
    model = pu.load_model(onnx_file(tmp_path, detections(2, 5, count=84), entries))
    assert model.input_spec.head == Head(2, 5, end_to_end=True)


def test_candidates_of_two_classes_are_not_taken_for_detections(tmp_path):
    """Either has 6 rows before the keypoints."""
    raw = candidates(2, 5, found=1).swapaxes(1, 2)
    model = pu.load_model(onnx_file(tmp_path, raw, metadata(2, 5)))
    assert model.input_spec.head == Head(2, 5)
    assert model.predict(BLACK).classes.tolist() == [1]


@pytest.mark.parametrize("classes", [1, 3])
def test_300_detections_need_no_metadata(tmp_path, classes):
    path = constant(tmp_path / "a.onnx", {"x": detections(classes)}, FIRST)
    model = pu.load_model(path)
    assert model.input_spec.head == Head(classes, 17, end_to_end=True)
    assert len(model.layout.limbs) == len(pu.COCO17.limbs)
    assert_as_documented(model, model.input_spec.head, 1)


def test_people_side_by_side_are_all_kept(tmp_path):
    """An end-to-end head has chosen already."""
    output = detections(count=300)
    output[0, 1, :4], output[0, 1, 5:] = output[0, 0, :4], output[0, 0, 5:]
    model = pu.load_model(onnx_file(tmp_path, output, metadata(end2end=True)))
    np.testing.assert_allclose(
        model.predict(BLACK).keypoints[0], output[0, 0, 6:].reshape(17, 3)[:, :2]
    )
    np.testing.assert_array_equal(*model.predict(BLACK).keypoints[:2])


@pytest.mark.parametrize(
    ("shape", "entries"),
    [
        ((1, 56, 1344), metadata()),
        ((1, 56, 1344), {}),
        ((1, 1344, 56), metadata()),
        ((1, 300, 58), {}),
        ((1, 299, 57), {}),
        ((1, 300, 6), metadata(task="detect")),
    ],
)
def test_shapes_of_something_else_are_refused(tmp_path, shape, entries):
    """Candidates of another input size, other columns, boxes without keypoints."""
    output = np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)
    with pytest.raises(PoseError, match="cannot determine the model type"):
        pu.load_model(onnx_file(tmp_path, output, entries))


def test_300_rows_of_anything_are_not_detections(tmp_path):
    output = np.random.default_rng(0).uniform(0, 1, (1, 300, 57)).astype(np.float32)
    with pytest.raises(PoseError, match="cannot determine the model type"):
        pu.load_model(onnx_file(tmp_path, output, {}))


def test_metadata_that_contradicts_the_columns_is_refused(tmp_path):
    with pytest.raises(PoseError, match=r"kpt_shape=\[21, 3\].*57 columns, expected 6 \+"):
        pu.load_model(onnx_file(tmp_path, detections(), metadata(keypoints=21)))


@pytest.mark.parametrize("task", ["detect", "segment", "obb", "classify"])
def test_a_file_for_another_task_is_refused_by_its_name(tmp_path, task):
    with pytest.raises(
        PoseError, match=f"its metadata has task='{task}': it may detect or segment"
    ):
        pu.load_model(onnx_file(tmp_path, candidates(), metadata(task=task)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    ("row", "what"), [(0, "boxes"), (4, "confidences"), (5, "classes"), (6, "keypoints")]
)
def test_broken_detections_are_named(tmp_path, row, what, value):
    model = pu.load_model(onnx_file(tmp_path, detections(), metadata(end2end=True)))
    output = detections()
    output[0, 0, row] = value
    broken = replace(model, network=replace(model.network, invoke=lambda batch: [output]))
    with pytest.raises(PoseError, match=f"NaN or infinity in its {what}"):
        broken.predict(BLACK)
