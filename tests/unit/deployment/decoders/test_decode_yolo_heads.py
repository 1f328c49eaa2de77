"""The YOLO decoder in C for several classes, keypoints of two columns, and end-to-end heads,
against the one in NumPy."""

import ctypes
import re
from dataclasses import dataclass

import numpy as np
import pytest

import poseutils as pu
from poseutils.decoders import DECODERS, InputSpec, Thresholds
from poseutils.decoders.options import Head
from poseutils.errors import PoseError
from tests.helpers.marks import with_gcc
from tests.helpers.running.decoders import Limits, YoloHead, floats, output, quantized

pytestmark = with_gcc
HEADS = [
    Head(1, 17),
    Head(3, 5),
    Head(1, 4, columns=2),
    Head(4, 17, columns=2),
    Head(1, 17, end_to_end=True),
    Head(3, 5, end_to_end=True),
    Head(2, 4, columns=2, end_to_end=True),
]


@dataclass
class Case:
    """Candidates (1, R, F) of a head for an input of the view."""

    head: Head
    view: InputSpec
    candidates: np.ndarray

    @property
    def layout(self):
        return pu.layout_from_names([f"k{i}" for i in range(self.head.keypoints)])

    def by_numpy(self, thresholds):
        found = {"candidates": self.candidates}
        return DECODERS["yolo_mpe"].decode(found, self.view, self.layout, thresholds)[0]


def random_case(head, seed=0, size=(96, 160)):
    """In fractions of the input; the boxes are large, so that many overlap."""
    rng = np.random.default_rng(seed)
    candidates = rng.uniform(0.02, 0.98, (1, head.rows, 315)).astype(np.float32)
    if head.end_to_end:
        candidates[0, 2:4] = candidates[0, :2] + 0.3
        candidates[0, 5] = rng.integers(0, head.classes, 315)
    return Case(head, InputSpec(*size, normalized=True, head=head), candidates)


def by_c(c, case, thresholds, dtype=np.float32, transposed=False, status=0):
    """Boxes (N, 5), classes (N,) and keypoints (N, K, 3), or nothing if the status is an error;
    8-bit values become the case's own."""
    head, most = case.head, thresholds.max_detections
    given, scale, zero = case.candidates, 0.0, 0
    if dtype is not np.float32:
        given, scale, zero, case.candidates = quantized(case.candidates, dtype)
    given = np.ascontiguousarray(given.swapaxes(1, 2) if transposed else given)
    boxes, keypoints = floats(most, 5), floats(most, head.keypoints, 3)
    classes, order = np.full(most, -1, np.int32), np.zeros(thresholds.max_candidates, np.int32)
    sigmas = case.layout.sigma_array.astype(np.float32)
    limits = Limits(
        *(thresholds.confidence, thresholds.nms_iou, most, thresholds.max_candidates),
        sigmas.ctypes.data if thresholds.nms_measure == "oks" else None,
    )
    unit = case.view.unit(usual=True).tolist()
    described = YoloHead(
        *(given.shape[1 if transposed else 2], head.classes, head.keypoints, head.columns),
        *(transposed, head.end_to_end, *unit),
    )
    people = ctypes.c_int32(-1)
    given_status = c.pose_decode_yolo_head(
        *(ctypes.byref(each) for each in (output(given, scale, zero), described, limits)),
        *(order.ctypes.data_as(ctypes.c_void_p), boxes[1]),
        *(classes.ctypes.data_as(ctypes.c_void_p), keypoints[1], ctypes.byref(people)),
    )
    assert given_status == status
    found = people.value
    return () if status else tuple(a[:found] for a in (boxes[0], classes, keypoints[0]))


def assert_same(found, expected, least=1):
    """To the bit, of equal scores too."""
    boxes, classes, keypoints = found
    assert len(boxes) == len(expected) >= least
    np.testing.assert_array_equal(boxes[:, :4], expected.boxes)
    np.testing.assert_array_equal(boxes[:, 4], expected.box_scores)
    np.testing.assert_array_equal(classes, expected.classes)
    np.testing.assert_array_equal(keypoints[:, :, :2], expected.keypoints)
    np.testing.assert_array_equal(keypoints[:, :, 2], expected.scores)


@pytest.mark.parametrize("head", HEADS, ids=str)
@pytest.mark.parametrize("measure", ["iou", "oks"])
@pytest.mark.parametrize("transposed", [False, True])
def test_random_tensors(c, head, measure, transposed):
    for seed in range(5):
        case = random_case(head, seed)
        thresholds = Thresholds(0.6, 0.4, max_detections=60, nms_measure=measure)
        assert_same(by_c(c, case, thresholds, transposed=transposed), case.by_numpy(thresholds), 5)


@pytest.mark.parametrize("head", HEADS, ids=str)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_random_tensors_of_8_bits(c, head, dtype):
    """The class of an end-to-end head of several is in steps of whole numbers only by chance."""
    if head.end_to_end and head.classes > 1:
        head = Head(1, head.keypoints, head.columns, end_to_end=True)
    case, thresholds = random_case(head), Thresholds(0.6, 0.4)
    found = by_c(c, case, thresholds, dtype)
    assert_same(found, case.by_numpy(thresholds), 5)


def test_a_class_is_suppressed_by_its_own_alone(c):
    case = random_case(Head(2, 3))
    case.candidates[0, 4:6] = 0.1
    case.candidates[0, :, 1:4] = case.candidates[0, :, :1]
    case.candidates[0, 4, 0], case.candidates[0, 4, 2] = 0.9, 0.8
    case.candidates[0, 5, 1], case.candidates[0, 5, 3] = 0.85, 0.7
    for measure in ("iou", "oks"):
        boxes, classes, _ = by_c(c, case, Thresholds(nms_measure=measure))
        np.testing.assert_allclose(boxes[:, 4], [0.9, 0.85])
        assert classes.tolist() == [0, 1]


@pytest.mark.parametrize("head", HEADS, ids=str)
@pytest.mark.parametrize("room", [300, 20])
def test_the_first_of_equal_scores_comes_first(c, head, room):
    """Scores in three steps: most are equal, and which of them comes first decides who is kept."""
    case = random_case(head)
    case.candidates[0, head.scores] = np.ceil(3 * case.candidates[0, head.scores]) / 3
    thresholds = Thresholds(0.3, max_candidates=room, max_detections=40)
    expected = case.by_numpy(thresholds)
    assert len(np.unique(expected.box_scores)) < 4 and len(expected) > 4
    assert_same(by_c(c, case, thresholds), expected)


@pytest.mark.parametrize("label", [-1, 3, 2.5, 1e12, np.nan])
def test_a_class_that_the_head_does_not_have_is_refused(c, label):
    case = random_case(Head(3, 5, end_to_end=True))
    best = case.candidates[0, 4].argmax()
    case.candidates[0, 5, best] = label
    says = f"of class {re.escape(f'{label:g}')}; its head has 3 classes|NaN .* in its classes"
    with pytest.raises(PoseError, match=says):
        case.by_numpy(Thresholds())
    assert by_c(c, case, Thresholds(), status=5) == ()
    case.candidates[0, 4, best] = 0.1
    assert_same(by_c(c, case, Thresholds()), case.by_numpy(Thresholds()))


def real(zoo_model, asset):
    """Candidates (1, 56, F) of a photograph, one class."""
    model = zoo_model("yolov8n_pose_256")
    pixels = pu.fit_to(pu.read_image(asset("images/bus.jpg")), model.input_size)[0]
    found = DECODERS["yolo_mpe"].find(
        model.network.run(pixels[None].astype(np.float32)), model.input_spec
    )
    return np.ascontiguousarray(found["candidates"])


def reshaped(candidates, head):
    """Those of a photograph as another head would give them: each of its classes found in every
    one of so many cells; of an end-to-end head, the best 300."""
    box, score, points = np.split(candidates[0], [4, 5])
    label = np.arange(score.shape[1]) // 7 % head.classes
    points = points.reshape(17, 3, -1)[:, : head.columns].reshape(17 * head.columns, -1)
    if not head.end_to_end:
        by_class = np.where(np.arange(head.classes)[:, None] == label, score, score / 2)
        return np.concatenate([box, by_class, points])[None].astype(np.float32)
    corners = np.concatenate([box[:2] - box[2:] / 2, box[:2] + box[2:] / 2])
    best = np.argsort(-score[0], kind="stable")[:300]
    return np.concatenate([corners, score, label[None], points])[None, :, best].astype(np.float32)


@pytest.mark.parametrize("end_to_end", [False, True])
@pytest.mark.parametrize("columns", [2, 3])
@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("confidence", [0.25, 0.01])
def test_real_tensors(c, zoo_model, asset, classes, columns, end_to_end, confidence):
    head = Head(classes, 17, columns, end_to_end)
    view = InputSpec(256, 256, normalized=True, head=head)
    case = Case(head, view, reshaped(real(zoo_model, asset), head))
    thresholds = Thresholds(confidence)
    assert_same(by_c(c, case, thresholds), case.by_numpy(thresholds), 3)


@pytest.mark.parametrize(
    ("field", "value"),
    [("candidates", 0), ("classes", 0), ("keypoints", -1), ("columns", 1), ("columns", 4)],
)
def test_sizes_that_cannot_be_are_refused(c, field, value):
    null, size = 1, 5  # POSE_ERROR_NULL, POSE_ERROR_RANGE
    fields = {"candidates": 3, "classes": 2, "keypoints": 1, "columns": 3}
    given, limits = output(np.zeros((9, 3), np.float32)), Limits(0.5, 0.5, 3, 3)
    order = np.zeros(9, np.int32).ctypes.data_as(ctypes.c_void_p)
    result, people = floats(3, 5), ctypes.c_int32(-1)

    def status(class_memory, **changed):
        head = YoloHead(**{**fields, **changed})
        arguments = (ctypes.byref(each) for each in (given, head, limits))
        return c.pose_decode_yolo_head(
            *(*arguments, order, result[1], class_memory, result[1], ctypes.byref(people))
        )

    assert status(order, **{field: value}) == size
    assert status(None) == null
    assert people.value == -1 and not result[0].any()
