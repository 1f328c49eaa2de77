"""The decoders in C, against the ones in NumPy, on what real networks give for real pictures."""

import ctypes
from dataclasses import replace

import numpy as np
import pytest

import poseutils as pu
from poseutils.decoders import (
    DECODERS,
    KEEP_ALL,
    REFINEMENTS,
    InputSpec,
    Thresholds,
    ssd_detector,
)
from poseutils.decoders.options import found_people
from tests.helpers.marks import with_gcc
from tests.helpers.running.decoders import (
    Detector,
    Grid,
    Layer,
    Limits,
    Output,
    floats,
    output,
    quantized,
)

pytestmark = with_gcc
PIXEL = 1e-3


def seen(model, path):
    """What a model's network gives for a picture, by the decoder's names."""
    image = pu.fit_to(pu.read_image(path), model.input_size, model.aspect_ratio)[0]
    return DECODERS[model.model_type].find(
        model.network.run(image[None].astype(np.float32)), model.input_spec
    )


@pytest.mark.parametrize("refine", REFINEMENTS)
@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint8])
def test_heatmaps(c, repository, refine, dtype):
    model = pu.load_model(
        repository / "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"
    )
    for path in sorted((repository / "data/synthetic-people/val").rglob("*.*g"))[:12]:
        maps = np.ascontiguousarray(seen(model, path)["heatmaps"])
        compare_heatmaps(c, model.input_spec, model.layout, maps, refine, dtype)


def compare_heatmaps(c, view, layout, maps, refine, dtype):
    given, scale, zero, maps = (
        (maps, 0.0, 0, maps) if dtype is np.float32 else quantized(maps, dtype)
    )
    expected = DECODERS["heatmaps_spe"].decode(
        {"heatmaps": maps}, view, layout, replace(KEEP_ALL, refine=refine)
    )[0]
    _, height, width, count = maps.shape

    def decode(confidence, *written):
        return c.pose_decode_heatmaps(
            ctypes.byref(output(given, scale, zero)),
            *(height, width, count, ctypes.c_float(view.width / width), REFINEMENTS.index(refine)),
            *(ctypes.c_float(confidence), *written),
        )

    compare_one_person(decode, expected)


def compare_one_person(decode, expected):
    """Keypoints, the bits of the score, and the decision on either side of it."""
    found, at = floats(len(expected.layout), 3)
    score, people = ctypes.c_float(), ctypes.c_int32(-1)
    (person,) = expected.person_scores
    for confidence in (0.0, 0.3, person, np.nextafter(person, np.float32(-1))):
        written = at, ctypes.byref(score), ctypes.byref(people)
        assert decode(float(confidence), *written) == 0
        np.testing.assert_allclose(found[:, :2], expected.keypoints[0], atol=PIXEL)
        np.testing.assert_array_equal(found[:, 2], expected.scores[0])
        assert score.value == person
        if 0 <= confidence <= 1:
            kept = found_people(expected, Thresholds(confidence=float(confidence)))
            assert people.value == len(kept)


@pytest.mark.parametrize("refine", REFINEMENTS)
@pytest.mark.parametrize("case", ["flat", "empty", "negative", "corner", "ridge", "two alike"])
def test_heatmaps_without_a_peak(c, case, refine):
    maps = np.full((1, 8, 8, 1), {"empty": 0.0, "negative": -0.2}.get(case, 0.3), np.float32)
    if case == "two alike":
        maps[0, [2, 6], [5, 3], 0] = 0.9
    if case == "corner":
        maps[0, 0, 7, 0] = 0.9
    if case == "ridge":
        maps[0, 4, :, 0] = 0.9
    compare_heatmaps(c, InputSpec(32, 32), pu.layout_from_names(["tip"]), maps, refine, np.float32)


@pytest.mark.parametrize("refine", REFINEMENTS)
@pytest.mark.parametrize(("height", "width"), [(5, 11), (11, 5)])
def test_heatmaps_that_are_not_square(c, height, width, refine):
    """A peak at every cell, each on a heatmap of its own."""
    noise = np.random.default_rng(3).uniform(0, 0.2, (height, width, height * width))
    y, x = np.mgrid[:height, :width]
    distance = (y[..., None] - y.reshape(-1)) ** 2 + (x[..., None] - x.reshape(-1)) ** 2
    maps = (noise + np.exp(-distance / 4))[None].astype(np.float32)
    layout = pu.layout_from_names([f"cell {i}" for i in range(height * width)])
    compare_heatmaps(c, InputSpec(4 * height, 4 * width), layout, maps, refine, np.float32)


def test_spe(c, zoo_model, asset):
    model = zoo_model("movenet_lightning_192")
    found = seen(model, asset("images/bus.jpg"))
    expected = DECODERS["spe"].decode(found, model.input_spec, model.layout)[0]
    points, size = np.ascontiguousarray(found["keypoints"]), ctypes.c_float(192)

    def decode(confidence, *written):
        return c.pose_decode_spe(
            *(ctypes.byref(output(points)), 17, size, size, ctypes.c_float(confidence), *written)
        )

    compare_one_person(decode, expected)


@pytest.mark.parametrize("presence", [0.0, 0.5, 1.0, 3.7, -2.0, 500.0])
def test_hand(c, zoo_model, asset, presence):
    model = zoo_model("hand_landmarks_224")
    found = seen(model, asset("hands/freihand_00000355.jpg")) | {
        "presence": np.float32([[presence]])
    }
    expected = DECODERS["hand_spe"].decode(found, model.input_spec, model.layout)[0]
    points, result = np.ascontiguousarray(found["landmarks"]), floats(21, 3)
    c.pose_decode_landmarks(
        ctypes.byref(output(points)), ctypes.byref(output(found["presence"])), 21, 3, result[1]
    )
    np.testing.assert_allclose(result[0][:, :2], expected.keypoints[0], atol=PIXEL)
    np.testing.assert_allclose(result[0][:, 2], expected.scores[0], rtol=1e-6)


@pytest.mark.parametrize("dims", [2, 3])
def test_head(c, dims):
    landmarks = np.random.default_rng(3).uniform(0, 192, (1, 468, dims)).astype(np.float32)
    expected = DECODERS["head_spe"].decode(
        {"landmarks": landmarks}, InputSpec(192, 192), pu.HEAD468
    )[0]
    result, at = floats(468, 3)
    c.pose_decode_landmarks(ctypes.byref(output(landmarks)), None, 468, dims, at)
    np.testing.assert_allclose(result[:, :2], expected.keypoints[0], atol=PIXEL)
    assert (result[:, 2] == 1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.int8])
@pytest.mark.parametrize("confidence", [0.25, 0.01])
@pytest.mark.parametrize("measure", ["iou", "oks"])
def test_yolo(c, zoo_model, asset, dtype, confidence, measure):
    model = zoo_model("yolov8n_pose_256")
    candidates = np.ascontiguousarray(seen(model, asset("images/bus.jpg"))["candidates"])
    given, scale, zero, candidates = (
        (candidates, 0.0, 0, candidates) if dtype is np.float32 else quantized(candidates)
    )
    thresholds = Thresholds(confidence=confidence, nms_measure=measure)
    compare_yolo(c, model, given, scale, zero, candidates, thresholds)


def compare_yolo(c, model, given, scale, zero, candidates, thresholds):
    expected = DECODERS["yolo_mpe"].decode(
        {"candidates": candidates}, model.input_spec, model.layout, thresholds
    )[0]
    boxes, keypoints = yolo_in_c(c, given, scale, zero, thresholds)
    assert len(boxes) == len(expected.boxes) >= 1
    np.testing.assert_array_equal(boxes[:, :4], expected.boxes)
    np.testing.assert_array_equal(boxes[:, 4], expected.box_scores)
    np.testing.assert_array_equal(keypoints[:, :, :2], expected.keypoints)
    np.testing.assert_array_equal(keypoints[:, :, 2], expected.scores)


@pytest.mark.parametrize("room", [1024, 30])
def test_yolo_takes_the_first_of_equal_ones(c, zoo_model, asset, room):
    """Scores in three steps: most are equal, and which of them comes first decides who is kept."""
    model = zoo_model("yolov8n_pose_256")
    candidates = np.ascontiguousarray(seen(model, asset("images/bus.jpg"))["candidates"])
    candidates[0, 4] = np.ceil(3 * candidates[0, 4]) / 3
    thresholds = Thresholds(confidence=0.2, max_candidates=room)
    assert len(np.unique(candidates[0, 4])) <= 4 and (candidates[0, 4] > 0.2).sum() > 100
    compare_yolo(c, model, candidates, 0.0, 0, candidates, thresholds)


def test_yolo_transposed(c, zoo_model, asset):
    candidates = np.ascontiguousarray(
        seen(zoo_model("yolov8n_pose_256"), asset("images/bus.jpg"))["candidates"]
    )
    turned = np.ascontiguousarray(candidates[0].T).reshape(candidates.shape)
    for a, b in zip(
        yolo_in_c(c, candidates, 0.0, 0, Thresholds()),
        yolo_in_c(c, turned, 0.0, 0, Thresholds(), transposed=1),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def yolo_in_c(c, given, scale, zero, thresholds, transposed=0):
    count, most = given.shape[2], thresholds.max_detections
    order = np.zeros(thresholds.max_candidates, np.int32)
    boxes, keypoints = floats(most, 5), floats(most, 17, 3)
    sigmas = pu.COCO17.sigma_array.astype(np.float32)
    chosen = sigmas.ctypes.data if thresholds.nms_measure == "oks" else None
    limits = Limits(
        thresholds.confidence, thresholds.nms_iou, most, thresholds.max_candidates, chosen
    )
    people = ctypes.c_int32(-1)
    status = c.pose_decode_yolo(
        ctypes.byref(output(given, scale, zero)),
        *(count, 17, transposed, ctypes.c_float(256), ctypes.c_float(256), ctypes.byref(limits)),
        *(order.ctypes.data_as(ctypes.c_void_p), boxes[1], keypoints[1], ctypes.byref(people)),
    )
    assert status == 0
    return boxes[0][: people.value], keypoints[0][: people.value]


def test_missing_memory_and_sizes_that_cannot_be_are_refused(c):
    """And nothing is written."""
    null, size = 1, 5  # POSE_ERROR_NULL, POSE_ERROR_RANGE
    values = np.zeros((4, 4, 3), np.float32)
    given = ctypes.byref(output(values))
    empty = ctypes.byref(Output(None, 0, 0.0, 0))
    keypoints, at = floats(3, 3)
    cell, least = ctypes.c_float(4), ctypes.c_float(0.3)
    score, people = ctypes.c_float(-1), ctypes.c_int32(-1)
    person = ctypes.byref(score), ctypes.byref(people)
    maps, points = (4, 4, 3, cell, 0, least), (3, cell, cell, least)
    for written in ((None, *person), (at, None, person[1]), (at, person[0], None)):
        assert c.pose_decode_heatmaps(given, *maps, *written) == null
        assert c.pose_decode_spe(given, *points, *written) == null
    for missing in (None, empty):
        assert c.pose_decode_heatmaps(missing, *maps, at, *person) == null
        assert c.pose_decode_spe(missing, *points, at, *person) == null
    assert c.pose_decode_heatmaps(given, 0, *maps[1:], at, *person) == size
    assert c.pose_decode_spe(given, -1, *points[1:], at, *person) == size
    assert (score.value, people.value) == (-1, -1)
    assert (
        c.pose_decode_landmarks(given, empty, 3, 3, at) == null
        and c.pose_decode_landmarks(given, None, 3, 1, at) == size
    )
    limits = ctypes.byref(Limits(0.5, 0.5, 0, 9))
    order = np.zeros(9, np.int32).ctypes.data_as(ctypes.c_void_p)
    sizes, count = (1, 3, 0, cell, cell), ctypes.byref(ctypes.c_int32())
    assert c.pose_decode_yolo(given, *sizes, limits, order, at, at, count) == size
    assert c.pose_decode_yolo(given, *sizes, limits, order, at, at, None) == null
    assert c.pose_decode_ssd(ctypes.byref(Detector()), limits, order, at, at, count) == null
    assert not keypoints.any()


def test_yolo_keeps_the_best_where_there_is_no_room(c, zoo_model, asset):
    model = zoo_model("yolov8n_pose_256")
    candidates = np.ascontiguousarray(seen(model, asset("images/bus.jpg"))["candidates"])
    thresholds = Thresholds(confidence=0.001, max_candidates=9, max_detections=2)
    compare_yolo(c, model, candidates, 0.0, 0, candidates, thresholds)


@pytest.mark.parametrize(
    ("name", "picture", "size"),
    [
        ("palm_detection_192", "hands/freihand_00000355.jpg", 192),
        ("blazeface_front_128", "faces/300w_indoor_020.png", 128),
    ],
)
@pytest.mark.parametrize("confidence", [0.5, 0.05])
def test_ssd(c, zoo_model, asset, name, picture, size, confidence):
    model = zoo_model(name)
    image = pu.fit_to(pu.read_image(asset(picture)), model.input_size, model.aspect_ratio)[0]
    raw = model.network.run(image[None].astype(np.float32))
    thresholds = Thresholds(confidence=confidence, nms_iou=0.3)
    expected = ssd_detector.decode(
        ssd_detector.find(raw, model.input_spec), model.input_spec, model.layout, thresholds
    )[0]
    boxes, keypoints = ssd_in_c(c, raw, size, len(model.layout), thresholds)
    assert len(boxes) == len(expected.boxes) >= 1
    np.testing.assert_allclose(boxes[:, :4], expected.boxes, atol=PIXEL)
    np.testing.assert_allclose(boxes[:, 4], expected.box_scores, rtol=1e-5)
    np.testing.assert_allclose(keypoints[:, :, :2], expected.keypoints, atol=PIXEL)
    np.testing.assert_array_equal(
        keypoints[:, :, 2], np.repeat(boxes[:, 4:], len(model.layout), axis=1)
    )


def ssd_in_c(c, raw, size, count, thresholds):
    arrays = [np.ascontiguousarray(array) for array in raw.values()]
    boxes_of = sorted((a for a in arrays if a.shape[2] > 1), key=lambda a: -a.shape[1])
    scores_of = sorted((a for a in arrays if a.shape[2] == 1), key=lambda a: -a.shape[1])
    layers = (Layer * len(boxes_of))(
        *(Layer(output(b), output(s), b.shape[1]) for b, s in zip(boxes_of, scores_of))
    )
    grids = (Grid * 2)(Grid(8, 2), Grid(16, 6))
    made = Detector(layers, len(layers), grids, 2, size, size, count)
    boxes, keypoints, order = floats(100, 5), floats(100, count, 3), np.zeros(1024, np.int32)
    limits = Limits(thresholds.confidence, thresholds.nms_iou, 100, 1024)
    found = ctypes.c_int32(-1)
    results = order.ctypes.data_as(ctypes.c_void_p), boxes[1], keypoints[1], ctypes.byref(found)
    assert c.pose_decode_ssd(ctypes.byref(made), ctypes.byref(limits), *results) == 0
    return boxes[0][: found.value], keypoints[0][: found.value]
