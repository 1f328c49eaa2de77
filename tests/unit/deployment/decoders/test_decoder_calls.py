"""The generated calls of the decoders in C, on inputs that are not square."""

import ctypes
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

import poseutils as pu
from poseutils.decoders import DECODERS, ONE_PERSON_TYPES, InputSpec, Thresholds, yolo_mpe
from poseutils.decoders.options import Head
from poseutils.deployment import decoder_c
from poseutils.deployment.recognition import PoseType
from poseutils.keypoints import FACE6
from tests.helpers.marks import with_gcc
from tests.helpers.running.decoders import decoder_sources

pytestmark = with_gcc
PIXEL = 1e-3

NOT_SQUARE = {
    "heatmaps_spe": ((96, 160), pu.COCO17, {"maps": (1, 24, 40, 17)}),
    "spe": ((96, 160), pu.COCO17, {"points": (1, 1, 17, 3)}),
    "yolo_mpe": ((96, 160), pu.COCO17, {"candidates": (1, 56, 315)}),
    "hand_spe": ((96, 160), pu.HAND21, {"points_0": (1, 63), "presence_1": (1, 1)}),
    "head_spe": ((96, 160), pu.HEAD468, {"points": (1, 468 * 3)}),
    "detector": ((128, 192), FACE6, {"boxes": (1, 1344, 16), "scores": (1, 1344, 1)}),
}
STUB = """#include <stddef.h>
#include "pose_network.h"
typedef struct { void *arena; const void *outputs[2]; } small_context;
static const void *small_output(const small_context *context, int32_t index)
{
    return context->outputs[index];
}
"""


CALLS = [
    *((name, None, 0.3 if name in ONE_PERSON_TYPES else 0.9) for name in NOT_SQUARE),
    *(("yolo_mpe", False, 0.9), ("spe", False, 0.3), ("spe", None, 0.9), ("spe", None, 0.0)),
]


@pytest.mark.parametrize(("model_type", "normalized", "confidence"), CALLS)
def test_the_call_of_a_decoder(model_type, normalized, confidence, tmp_path):
    """Width and height stay apart, and the confidence decides who is there."""
    size, layout, shapes = NOT_SQUARE[model_type]
    rng = np.random.default_rng(5)
    arrays = {
        name: rng.uniform(0.02, 0.98, shape).astype(np.float32) for name, shape in shapes.items()
    }
    if model_type == "detector":
        arrays["boxes"][..., :4] *= 40  # pixels
    tensors = [
        SimpleNamespace(name=n, dtype="float32", shape=a.shape, elements=a[0].size)
        for n, a in arrays.items()
    ]
    graph = SimpleNamespace(tensors=tensors, outputs=list(range(len(tensors))))
    thresholds = Thresholds(confidence, nms_iou=0.5, max_detections=20, refine="quarter")
    spec = SimpleNamespace(input_size=size, graph=graph, thresholds=thresholds)
    view = InputSpec(*size, normalized=normalized)
    decoding = decoder_c.decoding_of(spec, PoseType(model_type, layout, view, {}), graph)
    people, score, keypoints, boxes, _ = run_decoding(decoding, graph, arrays, tmp_path)
    found = DECODERS[model_type].find(arrays, view)
    (expected,) = DECODERS[model_type].decode(found, view, layout, decoding.thresholds)
    no_person = model_type == "spe" and confidence == 0.9
    assert people == len(expected) and bool(people) != no_person
    if model_type in ONE_PERSON_TYPES:
        (pose,) = DECODERS[model_type].decode(found, view, layout)
        assert score == pose.person_scores[0]
    np.testing.assert_allclose(keypoints[:people, :, :2], expected.keypoints, atol=PIXEL)
    assert (expected.boxes is not None) == (model_type in ("yolo_mpe", "detector"))
    if expected.boxes is not None:
        np.testing.assert_allclose(boxes[:people, :4], expected.boxes, atol=PIXEL)


@pytest.mark.parametrize("is_last", [False, True], ids=["rows first", "rows last"])
@pytest.mark.parametrize(
    "head",
    [Head(3, 5), Head(1, 4, columns=2), Head(1, 17, end_to_end=True), Head(3, 5, 2, True)],
    ids=str,
)
def test_the_call_of_a_yolo_head(head, is_last, tmp_path):
    rng = np.random.default_rng(7)
    shape = (300 if head.end_to_end else 315, head.rows)
    array = rng.uniform(0.02, 0.98, (1, *shape)).astype(np.float32)
    if head.end_to_end:
        array[..., 5] = rng.integers(0, head.classes, 300)
    elif not is_last:
        array = np.ascontiguousarray(array.swapaxes(1, 2))
    tensor = SimpleNamespace(name="x", dtype="float32", shape=array.shape, elements=array[0].size)
    graph = SimpleNamespace(tensors=[tensor], outputs=[0])
    spec = SimpleNamespace(input_size=(96, 160), graph=graph, thresholds=Thresholds(0.6, 0.5, 20))
    view = InputSpec(96, 160, normalized=True, head=head)
    layout = pu.layout_from_names([f"k{i}" for i in range(head.keypoints)])
    decoding = decoder_c.decoding_of(spec, PoseType("yolo_mpe", layout, view, {}), graph)
    people, _, keypoints, boxes, classes = run_decoding(decoding, graph, {"x": array}, tmp_path)
    found = yolo_mpe.find({"x": array}, view)
    (expected,) = yolo_mpe.decode(found, view, layout, spec.thresholds)
    assert people == len(expected) == 20
    np.testing.assert_allclose(keypoints[:, :, :2], expected.keypoints, atol=PIXEL)
    np.testing.assert_array_equal(keypoints[:, :, 2], expected.scores)
    np.testing.assert_allclose(boxes[:, :4], expected.boxes, atol=PIXEL)
    assert classes.tolist() == (expected.classes.tolist() if head.classes > 1 else [])


def run_decoding(decoding, graph, arrays, folder):
    """People, the score (of networks of one person), keypoints (max people, K, 3), boxes (max
    people, 5; none of one person) and classes (max people; none of one class) that the generated
    source decodes from arrays."""
    sources = {
        "small.h": STUB,
        "small_poses.h": decoder_c.poses_header(decoding, "small"),
        "small_poses.c": decoder_c.poses_source(decoding, graph, "small"),
        **decoder_sources(),
    }
    for name, text in sources.items():
        (folder / name).write_text(text)
    decoders = [
        name for name in decoder_c.decoder_files(decoding.model_type) if name.endswith(".c")
    ]
    assert len(decoders) == 1
    options = ["-std=c99", "-O1", "-shared", "-fPIC", "-lm", "-o", "poses.so"]
    command = ["gcc", "small_poses.c", *decoders, *options]
    subprocess.run(command, cwd=folder, check=True)
    result = np.zeros(decoding.poses_bytes // 4, np.float32)
    context = (ctypes.c_void_p * 3)(1, *(array.ctypes.data for array in arrays.values()))
    assert (
        ctypes.CDLL(folder / "poses.so").small_decode(context, ctypes.c_void_p(result.ctypes.data))
        == 0
    )
    first = 1 + (decoding.model_type in ONE_PERSON_TYPES)  # after people, and the score of one
    count = 3 * decoding.people * len(decoding.layout)
    keypoints = result[first : first + count].reshape(decoding.people, -1, 3)
    boxes = result[first + count :][: 5 * decoding.people].reshape(-1, 5)
    classes = result[first + count + boxes.size :][: decoding.people * decoding.gives_classes]
    people = int(result[:1].view(np.int32)[0])
    return people, result[first - 1], keypoints, boxes, classes.view(np.int32)
