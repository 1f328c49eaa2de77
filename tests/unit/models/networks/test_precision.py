"""Whether a model file is float or quantized."""

import pytest

from poseutils.models.networks.precision import computes_in_float, precision_of_file, quantize_first
from tests.helpers.networks.tiny_onnx import node, onnx_model
from tests.helpers.networks.tiny_tflite import heatmap_model


@pytest.mark.parametrize(("dtype", "expected"), [("INT8", False), ("FLOAT32", True)])
def test_tflite_is_told_by_its_convolutions(tmp_path, dtype, expected):
    (tmp_path / "net.tflite").write_bytes(heatmap_model(dtype=dtype))
    assert computes_in_float(tmp_path / "net.tflite") is expected
    assert precision_of_file(tmp_path / "net.tflite") == ("float" if expected else "quantized")


def test_onnx_is_told_by_its_operators(tmp_path, asset):
    (tmp_path / "tiny.onnx").write_bytes(
        onnx_model([node("Relu", ["a"], "b")], {}, ("a", (1, 3, 4, 4)), ("b", (1, 3, 4, 4)))
    )
    assert computes_in_float(tmp_path / "tiny.onnx")
    assert not computes_in_float(asset("models/face_landmarks_v1_192_int8_pc.onnx"))


def test_keras_is_float(tmp_path):
    (tmp_path / "net.keras").touch()
    assert computes_in_float(tmp_path / "net.keras") and not computes_in_float(
        tmp_path / "not there.h5"
    )


def test_what_to_do_can_be_typed(tmp_path):
    path = tmp_path / "my net.keras"
    expected = (
        f"python -m poseutils run user_config.yaml "
        f"operation_mode=chain_qb 'model.model_path={path}'"
    )
    assert quantize_first(path, "chain_qb") == f"Quantize it first: {expected}"
    assert "the .keras or .h5 that it was made of" in quantize_first(
        tmp_path / "float.onnx", "chain_qd"
    )
