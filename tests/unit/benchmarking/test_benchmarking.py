"""What a model costs, against what was measured on the published files by other means."""

import numpy as np
import pytest

from poseutils import PoseError
from poseutils.benchmarking import benchmark, tflm
from poseutils.deployment import BOARDS
from tests.helpers.marks import with_tflm
from tests.helpers.networks.tiny_qdq import Net, quantized
from tests.helpers.networks.tiny_tflite import CONVOLUTION, build, heatmap_model, tensor


@with_tflm
@pytest.mark.parametrize(
    ("program", "expected"),
    [("import os; os.abort()", "code -6"), ("import time; time.sleep(60)", "did not finish")],
)
def test_crash_or_hang_of_tflm_is_a_reason(monkeypatch, tmp_path, program, expected):
    monkeypatch.setattr(tflm, "_PROGRAM", program)
    monkeypatch.setattr(tflm, "TIMEOUT", 2)
    used, reason = tflm.measure_arena(tmp_path / "any.tflite", room=1)
    assert used is None and expected in reason


def test_network_that_cannot_become_c_is_held_against_boards_all_the_same(tmp_path):
    tensors = [tensor(name, (1, 4, 4, 3), "FLOAT32", scale=None) for name in ("image", "sine")]
    (tmp_path / "odd.tflite").write_bytes(build(tensors, [("SIN", [0], [1])], [0], [1]))
    report = benchmark(tmp_path / "odd.tflite", runs=1)
    assert "SIN of 'sine'" in report.missing["instructions"] and "arena_kib" not in report.metrics
    assert len(report.boards) == len(BOARDS) and all(
        row["ms_at_one"] is None for row in report.boards
    )


def test_float_network_is_told_how_to_be_quantized(tmp_path):
    filters, bias = np.ones((3, 4, 4, 3), np.float32), np.zeros(3, np.float32)
    shapes = {
        "image": (1, 16, 24, 3),
        "filter": (3, 4, 4, 3),
        "bias": (3,),
        "heatmaps": (1, 4, 6, 3),
    }
    values = {"filter": filters, "bias": bias}
    tensors = [
        tensor(name, shape, "FLOAT32", values.get(name), scale=None)
        for name, shape in shapes.items()
    ]
    (tmp_path / "float.tflite").write_bytes(
        build(tensors, [("CONV_2D", [0, 1, 2], [3], CONVOLUTION)], [0], [3])
    )
    report = benchmark(tmp_path / "float.tflite", runs=1)
    assert (
        report.boards == []
        and "quantize" in report.missing["boards"].lower()
        and "operation_mode=chain_qb" in report.missing["boards"]
    )


def test_an_onnx_that_cannot_become_c_says_why(tmp_path):
    net = Net()
    model = net.model([net.conv(net.conv("x", 3, 8), 8, 8, groups=2)])
    (tmp_path / "odd.onnx").write_bytes(quantized(model, "int8").SerializeToString())
    report = benchmark(tmp_path / "odd.onnx", runs=1)
    assert set(report.metrics) == {"file_kib", "latency_ms_median", "latency_ms_min"}
    assert (
        "not supported are" in report.missing["boards"]
        and "group" in report.missing["macs"]
        and report.layers == report.boards == []
    )


def test_report_of_a_keras_model(tmp_path):
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(4, 3)])
    model.save(tmp_path / "small.keras")
    report = benchmark(tmp_path / "small.keras", runs=1)
    assert report.metrics["parameters"] == 3 * 3 * 3 * 4 + 4
    assert "macs" in report.missing
    assert (
        f"operation_mode=chain_qb model.model_path={tmp_path}/small.keras"
        in report.missing["boards"]
    )


def test_damaged_model_is_refused(tmp_path):
    (tmp_path / "cut.tflite").write_bytes(heatmap_model()[:500])
    with pytest.raises(PoseError, match="damaged or truncated"):
        benchmark(tmp_path / "cut.tflite")


def test_missing_model_and_no_runs_are_refused(tmp_path):
    with pytest.raises(PoseError, match=r"absent\.tflite"):
        benchmark(tmp_path / "absent.tflite")
    with pytest.raises(PoseError, match="runs=0"):
        benchmark(tmp_path / "absent.tflite", runs=0)
