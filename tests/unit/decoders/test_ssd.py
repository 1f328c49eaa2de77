"""The detectors of faces and palms: their anchors, their blending of boxes, and what the real files
find."""

from math import ceil

import numpy as np
import pytest

import poseutils as pu
from poseutils.decoders import InputSpec, Thresholds, find_outputs, ssd_detector
from poseutils.decoders.nms import weighted_nms
from poseutils.errors import PoseError
from poseutils.keypoints import FACE6, PALM7

VIEW = InputSpec(128, 128)

# Input, anchors, and strides with anchors a cell, of the releases that MediaPipe's graphs describe.
RELEASES = {
    "face, short range": (128, 896, {8: 2, 16: 6}),
    "face, back camera": (256, 896, {16: 2, 32: 6}),
    "face, full range": (192, 2304, {4: 1}),
    "palm, 192": (192, 2016, {8: 2, 16: 6}),
    "palm, 256": (256, 2944, {8: 2, 16: 2, 32: 6}),
}
SIZES = {name: ((size, size), count, grid) for name, (size, count, grid) in RELEASES.items()}
SIZES["lower than wide"] = (96, 160), 840, {8: 2, 16: 6}
SIZES["not of whole cells"] = (100, 60), 2 * 13 * 8 + 6 * 7 * 4, {8: 2, 16: 6}


@pytest.mark.parametrize(("size", "count", "grid"), SIZES.values(), ids=SIZES)
def test_anchors_are_the_centers_of_the_cells(size, count, grid):
    (height, width), anchors = size, ssd_detector.anchors(*size, count)
    assert anchors.shape == (count, 2)
    expected = [
        (width / columns * (column + 0.5), height / rows * (row + 0.5))
        for stride, each in grid.items()
        for rows, columns in [(ceil(height / stride), ceil(width / stride))]
        for row in range(rows)
        for column in range(columns)
        for _ in range(each)
    ]
    np.testing.assert_allclose(anchors, expected, atol=1e-4)


def test_anchors_of_no_release_are_refused_with_the_numbers():
    outputs = {"a": np.zeros((1, 900, 16), np.float32), "b": np.zeros((1, 900, 1), np.float32)}
    with pytest.raises(
        PoseError, match=r"number A of anchors .*128: 896.*the model gives a \(1, 900, 16\)"
    ):
        find_outputs("detector", outputs, VIEW)
    two_sizes = {"a": np.zeros((1, 896, 16)), "b": np.zeros((1, 512, 1))}
    for wrong in (
        two_sizes,
        {"a": np.zeros((1, 896, 16))},
        {},
        two_sizes | {"c": np.zeros((1, 2, 3, 4))},
    ):
        assert ssd_detector.find(wrong, VIEW) is None


def raw_outputs(seed=0):
    rng = np.random.default_rng(seed)
    boxes = rng.uniform(-20, 20, (2, 896, 16)).astype(np.float32)
    boxes[:, :, 2:4] = rng.uniform(5, 40, (2, 896, 2))
    return boxes, rng.normal(-3, 3, (2, 896, 1)).astype(np.float32)


def test_layers_are_joined_from_fine_to_coarse_whatever_their_names():
    boxes, scores = raw_outputs()
    parts = {"z": boxes[:, :512], "a": boxes[:, 512:], "k": scores[:, 512:], "m": scores[:, :512]}
    for order in ("zakm", "mkaz", "kzma"):
        found = ssd_detector.find({name: parts[name] for name in order}, VIEW)
        np.testing.assert_array_equal(found["boxes"], boxes)
        np.testing.assert_array_equal(found["scores"], scores[:, :, 0])


def decode(boxes, scores, **thresholds):
    return ssd_detector.decode(
        ssd_detector.find({"a": boxes, "b": scores}, VIEW), VIEW, FACE6, Thresholds(**thresholds)
    )


def test_a_box_and_its_points_count_from_the_anchor():
    boxes, scores = np.zeros((1, 896, 16), np.float32), np.full((1, 896, 1), -9, np.float32)
    anchor = 2 * (5 * 16 + 3)  # row 5, column 3 of the fine grid: center 28, 44
    scores[0, anchor] = 2
    boxes[0, anchor] = (1, -2, 30, 20, *range(12))
    (poses,) = decode(boxes, scores)
    np.testing.assert_allclose(poses.boxes, [[14, 32, 44, 52]], rtol=1e-6)
    np.testing.assert_allclose(
        poses.keypoints[0], (28, 44) + np.arange(12).reshape(6, 2), rtol=1e-6
    )
    np.testing.assert_allclose(poses.box_scores, 1 / (1 + np.exp(-2)), rtol=1e-6)
    np.testing.assert_array_equal(poses.scores, np.repeat(poses.box_scores[:, None], 6, axis=1))


def test_logits_and_probabilities_decode_alike():
    boxes, logits = raw_outputs()
    for one, other in zip(
        decode(boxes, logits), decode(boxes, 1 / (1 + np.exp(-logits))), strict=True
    ):
        np.testing.assert_allclose(one.keypoints, other.keypoints, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(one.box_scores, other.box_scores, rtol=1e-5)


def test_nobody_is_found_where_no_score_passes():
    boxes, scores = raw_outputs()
    (first, second) = decode(boxes, np.full_like(scores, -200))
    assert (
        len(first) == len(second) == 0
        and first.keypoints.shape == (0, 6, 2)
        and first.boxes.shape == (0, 4)
    )


def some_detections(count=60, seed=0):
    """(N, 2 + K, 2) points and (N,) scores, best first."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 60, (count, 1, 2))
    points = np.concatenate(
        [corner, corner + rng.uniform(15, 30, (count, 1, 2)), rng.uniform(0, 90, (count, 6, 2))],
        axis=1,
    )
    return points.astype(np.float32), np.sort(rng.uniform(0.5, 1, count))[::-1].astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_blending_keeps_the_best_ones_that_suppression_keeps_and_only_averages(seed):
    points, scores = some_detections(seed=seed)
    blended, best = weighted_nms(points, scores, iou=0.3, limit=100)
    kept, seen = [], np.zeros(len(points), bool)
    boxes = points[:, :2].reshape(-1, 4)
    for i in range(len(points)):  # the definition, one box at a time
        if seen[i]:
            continue
        group = np.array(
            [
                j
                for j in range(len(points))
                if not seen[j] and (j == i or overlap(boxes[i], boxes[j]) > 0.3)
            ]
        )
        weights = scores[group] / scores[group].sum()
        np.testing.assert_allclose(
            blended[len(kept)], np.tensordot(weights, points[group], 1), rtol=1e-4, atol=1e-3
        )
        kept.append(i)
        seen[group] = True
    assert best.tolist() == kept
    np.testing.assert_array_equal(weighted_nms(points, scores, 0.3, 3)[0], blended[:3])


def overlap(a, b):
    """Intersection over union of two boxes."""
    shared = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    return shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)


def test_blending_leaves_lone_detections_and_copies_as_they_are():
    points, scores = some_detections()
    alone, _ = weighted_nms(points, scores, iou=1.0, limit=100)
    np.testing.assert_allclose(alone, points, rtol=1e-6)
    copies, best = weighted_nms(np.repeat(points[:1], 4, axis=0), scores[:4], iou=0.3, limit=100)
    np.testing.assert_allclose(copies, points[:1], rtol=1e-6)
    assert best.tolist() == [0]


# ---------------------------------------------------------------- the real files


def detect(name, image, confidence=0.5):
    return pu.load_model(name, num_threads=2).predict(image, confidence=confidence)


PALM_IN_HAND21 = [0, 5, 9, 13, 17, 1, 2]


def test_palms_are_found_in_hands(asset):
    asset("models/033_palm_detection_full_quant_pc_uf_od.tflite")
    for sample in pu.load_dataset(asset("hands")):
        poses = detect("palm_detection_192", pu.read_image(sample.path))
        assert len(poses) >= 1 and poses.layout is PALM7
        truth = sample.keypoints[0, PALM_IN_HAND21]
        labeled = truth[:, 2] > 0
        distance = np.linalg.norm(poses.keypoints[:, labeled] - truth[labeled, :2], axis=2).mean(
            axis=1
        )
        assert distance.min() / (sample.boxes[0, 2:] - sample.boxes[0, :2]).max() < 0.2, (
            sample.path.name
        )


def test_a_face_is_found_with_its_points(asset):
    asset("models/blazeface_front_128_quant_pc_ff_od_wider_face.tflite")
    sample = pu.load_dataset(asset("faces"))[0]
    poses = detect("blazeface_front_128", pu.read_image(sample.path))
    assert len(poses) == 1 and poses.layout is FACE6
    truth = sample.keypoints[0, :, :2]
    parts = np.stack([truth[36:42].mean(0), truth[42:48].mean(0), truth[30], truth[60:68].mean(0)])
    interocular = np.linalg.norm(truth[45] - truth[36])
    assert (np.linalg.norm(poses.keypoints[0, :4] - parts, axis=1) < 0.2 * interocular).all()
    assert overlap(poses.boxes[0], np.concatenate([truth.min(0), truth.max(0)])) > 0.5
