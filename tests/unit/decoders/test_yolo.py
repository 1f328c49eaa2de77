from functools import cache, partial

import numpy as np
import pytest

from poseutils.decoders import InputSpec, Thresholds, yolo_mpe
from poseutils.decoders.nms import nms, oks_nms
from poseutils.errors import PoseError
from poseutils.keypoints import COCO17
from poseutils.models.networks.network import open_network
from poseutils.poses import AREA_OF_BOX, oks
from tests.helpers.networks.tiny_onnx import node, onnx_model

VIEW = InputSpec(192, 256)


def candidates(count=1008, keypoints=17, seed=0):
    rng = np.random.default_rng(seed)
    raw = rng.uniform(0, 1, (1, 5 + 3 * keypoints, count)).astype(np.float32)
    raw[:, 2:4] *= 0.3
    return raw


def crowd(seed, people=8, count=220, spread=0.02):
    """Boxes (N, 4) and keypoints (N, 17, 2) in pixels, best first: some people, each found many
    times, roughly."""
    rng = np.random.default_rng(seed)
    centers, sides = rng.uniform(20, 236, (people, 2)), rng.uniform(10, 120, (people, 2))
    postures = rng.uniform(-0.5, 0.5, (people, 17, 2))
    who = rng.integers(0, people, count)
    noise = (
        sides[who][:, None]
        * rng.normal(0, spread, (count, 18, 2))
        * rng.exponential(1, (count, 1, 1))
    )
    center = centers[who] + noise[:, 0]
    keypoints = center[:, None] + sides[who][:, None] * postures[who] + noise[:, 1:]
    boxes = np.concatenate([center - sides[who] / 2, center + sides[who] / 2], axis=1)
    return boxes.astype(np.float32), keypoints.astype(np.float32)


def iou_of(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def one_by_one(similarity, threshold):
    """Non-maximum suppression as it is defined, from (N, N) similarities; None where rounding could
    change the answer."""
    kept = []
    for i in range(len(similarity)):
        if any(abs(similarity[k][i] - threshold) < 1e-5 for k in kept):
            return None
        if all(similarity[k][i] <= threshold for k in kept):
            kept.append(i)
    return kept


def test_against_opencv_s_suppression():
    import cv2

    raw = candidates()
    thresholds = Thresholds(confidence=0.2, nms_iou=0.4, max_detections=50)
    (poses,) = yolo_mpe.decode(yolo_mpe.find({"x": raw}, VIEW), VIEW, COCO17, thresholds)
    x, y, w, h, score = raw[0, :5].astype(np.float64) * np.array([256, 192, 256, 192, 1])[:, None]
    boxes = np.stack([x - w / 2, y - h / 2, w, h], axis=1)
    kept = np.array(cv2.dnn.NMSBoxes(boxes.tolist(), score.tolist(), 0.2, 0.4))[:50].ravel()
    np.testing.assert_allclose(poses.box_scores, score[kept], rtol=1e-6)
    np.testing.assert_allclose(poses.boxes[:, :2], boxes[kept, :2], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(
        poses.keypoints[:, 4], raw[0, [17, 18]][:, kept].T * (256, 192), rtol=1e-5
    )


@cache
def overlaps(seed):
    """IoU and OKS of each of a crowd with each."""
    boxes, keypoints = crowd(seed)
    exact = keypoints.astype(np.float64)
    areas = AREA_OF_BOX * np.prod(boxes[:, 2:].astype(np.float64) - boxes[:, :2], axis=1)
    by_box = [[iou_of(a, b) for b in boxes.tolist()] for a in boxes.tolist()]
    by_pose = [
        oks(exact, truth, np.ones(17), np.full(len(exact), area), COCO17.sigma_array)
        for truth, area in zip(exact, areas)
    ]
    return by_box, by_pose


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.7, 0.95])
def test_suppression_is_what_its_definition_says(threshold):
    compared = 0
    for seed in range(6):
        (boxes, keypoints), (by_box, by_pose) = crowd(seed), overlaps(seed)
        for expected, found in (
            (one_by_one(by_box, threshold), partial(nms, boxes, threshold)),
            (
                one_by_one(by_pose, threshold),
                partial(oks_nms, keypoints, boxes, COCO17.sigma_array, threshold),
            ),
        ):
            if expected is not None:
                compared += 1
                assert [found(limit).tolist() for limit in (1, 7, 1000)] == [
                    expected[:1],
                    expected[:7],
                    expected,
                ]
    assert compared >= 8


@pytest.mark.parametrize("threshold, count", [(0.0, 1), (1.0, 5)])
def test_the_ends_of_the_scale(threshold, count):
    boxes = np.tile(np.array([10, 10, 50, 90], np.float32), (5, 1))
    points = np.tile(
        np.random.default_rng(0).uniform(10, 50, (17, 2)).astype(np.float32), (5, 1, 1)
    )
    assert len(nms(boxes, threshold, 10)) == count
    assert len(oks_nms(points, boxes, COCO17.sigma_array, threshold, 10)) == count


def test_a_chain_of_neighbors_is_thinned_in_order():
    steps = np.arange(200, dtype=np.float32)[:, None]
    # Each overlaps the two on either side
    boxes = np.concatenate([steps, steps * 0, steps + 2.5, steps * 0 + 1], axis=1)
    # 1.5 / 3.5 with the next, 0.5 / 4.5 with the one after
    assert nms(boxes, 0.1, 1000).tolist() == list(range(0, 200, 3))


def test_two_people_in_one_box_are_told_apart_by_their_keypoints():
    raw = np.zeros((1, 56, 1008), np.float32)
    raw[0, :4] = np.array([0.5, 0.5, 0.4, 0.8])[:, None]
    raw[0, 4, :3] = 0.9, 0.8, 0.7
    points = raw[0, 5:].reshape(17, 3, 1008)
    points[:, :2, 0] = np.random.default_rng(0).uniform(0.3, 0.7, (17, 2))
    points[:, :2, 1] = np.random.default_rng(1).uniform(0.3, 0.7, (17, 2))
    points[:, :2, 2] = points[:, :2, 0] + 0.005
    (by_box,) = yolo_mpe.decode({"candidates": raw}, VIEW, COCO17)
    (by_pose,) = yolo_mpe.decode({"candidates": raw}, VIEW, COCO17, Thresholds(nms_measure="oks"))
    np.testing.assert_allclose(by_box.box_scores, [0.9])
    np.testing.assert_allclose(by_pose.box_scores, [0.9, 0.8])


@pytest.mark.parametrize("measure", ["iou", "oks"])
def test_limits_before_and_after_suppression(measure):
    raw = candidates()
    scores = np.sort(raw[0, 4])[::-1]
    few = Thresholds(
        confidence=0, nms_iou=1, nms_measure=measure, max_candidates=30, max_detections=1000
    )
    np.testing.assert_allclose(
        yolo_mpe.decode({"candidates": raw}, VIEW, COCO17, few)[0].box_scores, scores[:30]
    )
    first = Thresholds(confidence=0, nms_iou=1, nms_measure=measure, max_detections=7)
    np.testing.assert_allclose(
        yolo_mpe.decode({"candidates": raw}, VIEW, COCO17, first)[0].box_scores, scores[:7]
    )


def test_units_and_transposed_outputs():
    raw = candidates()
    pixels = raw.copy()
    pixels[:, 0:4:2] *= 256
    pixels[:, 1:4:2] *= 192
    points = pixels[:, 5:].reshape(1, 17, 3, -1)
    points[:, :, 0] *= 256
    points[:, :, 1] *= 192
    view = InputSpec(192, 256, normalized=False)
    (one,) = yolo_mpe.decode(yolo_mpe.find({"x": raw}, VIEW), VIEW, COCO17)
    (other,) = yolo_mpe.decode(yolo_mpe.find({"x": pixels.swapaxes(1, 2)}, view), view, COCO17)
    np.testing.assert_allclose(one.keypoints, other.keypoints, rtol=1e-5)
    np.testing.assert_allclose(one.boxes, other.boxes, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("measure", ["iou", "oks"])
def test_nobody(measure):
    (poses,) = yolo_mpe.decode(
        {"candidates": np.zeros((1, 56, 1008), np.float32)},
        VIEW,
        COCO17,
        Thresholds(nms_measure=measure),
    )
    assert len(poses) == 0 and poses.boxes.shape == (0, 4) and poses.keypoints.shape == (0, 17, 2)


@pytest.mark.parametrize("measure", ["iou", "oks"])
def test_boxes_without_area(measure):
    raw = candidates()
    raw[:, 2:4] = 0
    (poses,) = yolo_mpe.decode({"candidates": raw}, VIEW, COCO17, Thresholds(nms_measure=measure))
    assert len(poses) == 100 and np.isfinite(poses.keypoints).all()


def test_suppression_keeps_disjoint_boxes_and_the_limit():
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [20, 0, 30, 10], [40, 0, 50, 10]], np.float32)
    assert nms(boxes, 0.5, 10).tolist() == [0, 2, 3]
    assert nms(boxes, 0.5, 2).tolist() == [0, 2]
    assert nms(boxes, 0.9, 10).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("measure", ["iou", "oks"])
@pytest.mark.parametrize(
    "row, what",
    [(0, "boxes"), (3, "boxes"), (4, "confidences"), (5, "keypoints"), (55, "keypoints")],
)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_broken_network_is_named(bad, row, what, measure):
    raw = candidates()
    raw[0, row, raw[0, 4].argmax()] = bad
    with pytest.raises(PoseError, match=f"NaN or infinity in its {what}"):
        yolo_mpe.decode({"candidates": raw}, VIEW, COCO17, Thresholds(nms_measure=measure))


def test_unknown_measures_and_limits_are_refused():
    with pytest.raises(PoseError, match="nms_measure='giou': expected one of iou, oks"):
        Thresholds(nms_measure="giou")
    with pytest.raises(PoseError, match="max_candidates at least 1"):
        Thresholds(max_candidates=0)


def head(path, size, divided, quantized=False, keypoints=2):
    """An .onnx file of the last operators of a YOLO pose head for an input of height × width:
    cells, times strides, by the size or not."""
    height, width = size
    grids = [
        np.stack(
            np.meshgrid(np.arange(width // s) + 0.5, np.arange(height // s) + 0.5), -1
        ).reshape(-1, 2)
        for s in (8, 16, 32)
    ]
    strides = np.concatenate([np.full(len(g), s) for g, s in zip(grids, (8, 16, 32), strict=True)])
    x, y = np.concatenate(grids).T
    rows = [x, y, 0 * x + 3, 0 * x + 3, 0 * x + 0.5] + [x, y, 0 * x + 0.5] * keypoints
    scales = [strides] * 4 + [0 * x + 1] + [strides, strides, 0 * x + 1] * keypoints
    sizes = np.array([width, height, width, height, 1] + [width, height, 1] * keypoints)[
        None, :, None
    ]
    step = (1.5 if divided else 1.5 * max(size)) / 255
    constants = {
        "cells": np.stack(rows)[None],
        "strides": np.stack(scales)[None],
        "sizes": sizes,
        "step": np.array(step),
    }
    nodes = [
        node("ReduceMean", ["images"], "mean", keepdims=0),
        node("Add", ["cells", "mean"], "moved"),
        node("Mul", ["moved", "strides"], "pixels"),
        node("Div", ["pixels", "sizes"], "parts")
        if divided
        else node("Identity", ["pixels"], "parts"),
    ]
    if quantized:
        nodes += [
            node("QuantizeLinear", ["parts", "step"], "integers"),
            node("DequantizeLinear", ["integers", "step"], "output0"),
        ]
    else:
        nodes += [node("Identity", ["parts"], "output0")]
    stamp = {
        "author": "Ultralytics",
        "task": "pose",
        "stride": "32",
        "imgsz": str(list(size)),
        "kpt_shape": f"[{keypoints}, 3]",
    }
    shape = (1, 5 + 3 * keypoints, len(strides))
    path.write_bytes(
        onnx_model(nodes, constants, ("images", (1, 3, *size)), ("output0", shape), stamp)
    )
    return path


@pytest.mark.parametrize("size", [(64, 64), (96, 160), (640, 640)])
@pytest.mark.parametrize("divided", [False, True])
@pytest.mark.parametrize("quantized", [False, True])
def test_an_onnx_file_tells_its_units(tmp_path, size, divided, quantized):
    network = open_network(head(tmp_path / "head.onnx", size, divided, quantized), 1)
    view = InputSpec(*size, channels_first=True)
    found = yolo_mpe.find(network.run(np.zeros((1, *size, 3), np.float32)), view)
    assert yolo_mpe.units(found, view)[0] is divided


@pytest.mark.parametrize(
    "name", ["yolov8n_256_quant_pc_uf_pose_coco-st", "yolo11n_256_quant_pc_uf_pose_coco-st"]
)
@pytest.mark.parametrize("shade", [0, 114, 255])
def test_published_files_tell_their_units(asset, name, shade):
    network = open_network(asset(f"models/{name}.tflite"), 1)
    view = InputSpec(*network.input_size)
    found = yolo_mpe.find(
        network.run(np.full((1, *network.input_size, 3), shade, np.float32)), view
    )
    assert yolo_mpe.units(found, view) == (True, True)
    in_pixels = {"candidates": 256 * found["candidates"]}
    assert yolo_mpe.units(in_pixels, view) == (False, False)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_units_that_nothing_tells(value):
    found = {"candidates": np.full((1, 56, 1008), value, np.float32)}
    assert yolo_mpe.units(found, VIEW) == (None, None)
