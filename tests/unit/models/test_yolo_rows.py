"""The rows of a YOLO head, read from metadata and values; outputs that are no candidates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poseutils as pu
from poseutils.decoders.options import Head
from poseutils.errors import PoseError
from poseutils.keypoints import COCO17
from poseutils.models.networks.metadata import Metadata
from poseutils.models.networks.network import Network
from poseutils.models.networks.runtimes import TensorSpec
from poseutils.models.probing import Hints, read
from tests.helpers.networks.imitations import BLACK, FIRST, candidates, constant


def network(tmp_path, outputs, metadata=None):
    """A network that gives the same for every image, without a file."""
    specs = tuple(TensorSpec(name, array.shape, "float32") for name, array in outputs.items())
    return Network(
        tmp_path / "model.onnx",
        "onnxruntime",
        TensorSpec("image", (1, 64, 64, 3), "uint8"),
        specs,
        lambda batch: list(outputs.values()),
        metadata=metadata or Metadata(),
    )


@settings(max_examples=60)
@given(st.integers(1, 8), st.integers(1, 24), st.sampled_from([2, 3]), st.sampled_from([1, 1 / 64]))
def test_the_values_tell_classes_keypoints_and_columns(
    tmp_path_factory, classes, keypoints, columns, unit
):
    raw = candidates(classes, keypoints, columns, unit, found=0)
    reading = read(network(tmp_path_factory.getbasetemp(), {"x": raw}), None, Hints())
    assert reading.model_type == "yolo_mpe"
    assert reading.spec.head == Head(classes, keypoints, columns)
    assert reading.spec.normalized is (unit < 1)


@pytest.mark.parametrize("columns", [2, 3])
def test_the_metadata_tells_the_head_and_the_names(tmp_path, columns):
    path = constant(
        tmp_path / "a.onnx",
        {"x": candidates(3, 2, columns, found=1)},
        FIRST,
        metadata={
            "kpt_shape": f"[2, {columns}]",
            "names": "{0: 'cat', 1: 'dog', 2: 'hen'}",
            "kpt_names": "{0: ['Head L', 'Head R'], 1: ['x', 'y']}",
            "task": "pose",
        },
    )
    model = pu.load_model(path)
    assert model.layout.names == ("Head L", "Head R") and model.layout.mirror == (1, 0)
    assert model.class_names == ("cat", "dog", "hen")
    poses = model.predict(BLACK)
    assert poses.classes.tolist() == [1] and poses.box_scores.tolist() == pytest.approx([0.9])
    np.testing.assert_allclose(poses.keypoints[0], [[1, 2], [2, 4]])
    assert poses.to_coco(5)[0]["category_id"] == 2
    assert len(pu.load_model(path, class_names=["Dog"]).predict(BLACK)) == 1
    assert len(pu.load_model(path, class_names=["cat", "hen"]).predict(BLACK)) == 0
    with pytest.raises(PoseError, match="cat, dog, hen; none of them is 'cow'"):
        pu.load_model(path, class_names=["cow"])


def test_metadata_that_contradicts_the_rows_is_refused(tmp_path):
    path = constant(
        tmp_path / "a.onnx", {"x": candidates()}, FIRST, metadata={"kpt_shape": "[21, 3]"}
    )
    with pytest.raises(PoseError, match=r"kpt_shape=\[21, 3\].* 56 rows"):
        pu.load_model(path)


def sparse(score_row, rows=59):
    """Boxes in every cell, and zeros but for one score."""
    raw = candidates(1, 1)[:, :4]
    raw = np.concatenate([raw, np.zeros((1, rows - 4, raw.shape[2]), np.float32)], axis=1)
    raw[0, score_row, 3] = 0.9
    return raw


def test_where_two_readings_fit_the_error_names_both_and_the_caller_decides(tmp_path):
    path = constant(tmp_path / "a.onnx", {"x": sparse(4)}, FIRST)
    with pytest.raises(PoseError, match="1 classes and 18 keypoints.* or 4 classes and 17"):
        pu.load_model(path)
    assert pu.load_model(path, keypoints=18).input_spec.head == Head(1, 18)
    assert pu.load_model(path, layout=COCO17).input_spec.head == Head(4, 17)
    assert pu.load_model(path, class_names=list("abcd")).input_spec.head == Head(4, 17)


def test_a_score_beyond_the_first_class_tells_that_there_are_several(tmp_path):
    model = pu.load_model(constant(tmp_path / "a.onnx", {"x": sparse(6)}, FIRST))
    assert model.predict(BLACK).classes.tolist() == [2] and len(model.layout) == 17
    assert model.summary()["classes"] == "4"


def test_objects_of_two_classes_do_not_suppress_each_other(tmp_path):
    raw = candidates(2, 3, found=0)
    raw[0, :, 11] = raw[0, :, 10]
    raw[0, 4:6, 11] = 0.01, 0.8
    model = pu.load_model(constant(tmp_path / "a.onnx", {"x": raw}, FIRST))
    for measure in ("iou", "oks"):
        poses = model.predict(BLACK, nms_measure=measure)
        assert poses.classes.tolist() == [0, 1]


@pytest.mark.parametrize("row", [4, 7], ids=["of classes", "of keypoints"])
def test_scores_of_a_head_without_sigmoid_are_refused(tmp_path, row):
    raw = candidates()
    raw[:, row] = 10 * raw[:, row] - 5
    path = constant(tmp_path / "a.onnx", {"x": raw}, FIRST, metadata={"kpt_shape": "[17, 3]"})
    lowest = f"{raw[:, row].min():.3g}"
    with pytest.raises(PoseError, match=f"YOLO head are from {lowest} to .* with the sigmoid"):
        pu.load_model(path)


@pytest.mark.parametrize("model_type", [None, "yolo_mpe"])
def test_detections_whose_rows_nothing_tells_are_refused(tmp_path, model_type):
    rows = np.zeros((1, 100, 57))
    rows[:, :2, 4] = 0.9, 0.5
    path = constant(tmp_path / "a.onnx", {"x": rows}, FIRST)
    with pytest.raises(PoseError, match=r"after non-maximum suppression .* metadata \(kpt_shape\)"):
        pu.load_model(path, model_type)
