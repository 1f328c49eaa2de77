"""What a model costs, against what was measured on the published files by other means."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from poseutils import PoseError
from poseutils.benchmarking import benchmark, board_rows, speed_rows, tflm
from poseutils.deployment import StReport
from tests.helpers.networks.tiny_qdq import Net, quantized
from tests.helpers.networks.tiny_tflite import CONVOLUTION, build, heatmap_model, tensor

with_tflm = pytest.mark.skipif(
    find_spec("tflite_micro") is None, reason="tflite-micro is not installed here"
)

ARENA_KIB = {
    "st_movenet_lightning_heatmaps_192_int8_pc.tflite": 1903,
    "033_hand_landmark_full_quant_pc_uf_handl.tflite": 1220,
    "033_palm_detection_full_quant_pc_uf_od.tflite": 963,
    "blazeface_front_128_quant_pc_ff_od_wider_face.tflite": 465,
    "yolov8n_256_quant_pc_uf_pose_coco-st.tflite": 868,
}
CANNOT_RUN = {
    "movenet_singlepose_lightning_192_int8.tflite": "CAST",
    "yolo11n_256_quant_pc_uf_pose_coco-st.tflite": "CONCATENATION",
}


@with_tflm
@pytest.mark.parametrize("file", ARENA_KIB)
def test_arena_is_what_was_measured(asset, file):
    used, reason = tflm.measure_arena(asset(f"models/{file}"), room=16 << 20)
    assert abs(used / 1024 - ARENA_KIB[file]) < 16 and reason == ""


@with_tflm
@pytest.mark.parametrize("file", CANNOT_RUN)
def test_network_that_tflm_cannot_run_is_said(asset, file):
    used, reason = tflm.measure_arena(asset(f"models/{file}"), room=16 << 20)
    assert used is None
    assert CANNOT_RUN[file] in reason and "Traceback" not in reason


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


def test_without_tflm_the_arena_is_missing_with_its_reason(asset, monkeypatch):
    monkeypatch.setattr(tflm, "find_spec", lambda name: None)
    report = benchmark(asset("models/blazeface_front_128_quant_pc_ff_od_wider_face.tflite"), runs=1)
    assert "tflm_arena_kib" not in report.metrics
    assert "not installed" in report.missing["tflm_arena_kib"]


def test_report_of_a_tflite(asset):
    path = asset("models/blazeface_front_128_quant_pc_ff_od_wider_face.tflite")
    report = benchmark(path, runs=3)
    metrics = report.metrics
    assert all(isinstance(value, float) and np.isfinite(value) for value in metrics.values())
    assert metrics["live_peak_kib"] == 336 and metrics["file_kib"] == path.stat().st_size / 1024
    assert 0 < metrics["latency_ms_min"] <= metrics["latency_ms_median"] < 1000
    assert metrics["macs"] == sum(row["macs"] for row in report.layers)
    assert (
        metrics["weights_kib"] * 1024
        == sum(row["weight_bytes"] for row in report.layers)
        < path.stat().st_size
    )
    verdicts = {row["board"]: row["verdict"] for row in report.boards}
    assert (
        verdicts["STM32H747I-DISCO"] == verdicts["STM32F746G-DISCO"] == "internal"
        and verdicts["NUCLEO-F401RE"] == "no"
    )
    assert (
        304 <= metrics["arena_kib"] < 305 and metrics["constants_kib"] < metrics["weights_kib"] + 40
    )


def test_boards_are_held_against_what_the_code_needs(asset):
    """The file's activations do not fit into 512 KiB in one piece, the folded network's do."""
    report = benchmark(asset("models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite"), runs=1)
    assert report.metrics["live_peak_kib"] == 768 and report.metrics["arena_kib"] < 452
    row = next(row for row in report.boards if row["board"] == "STM32H747I-DISCO")
    assert row["activations"] == "internal" and row["weights"] == "external"


def test_milliseconds_are_the_instructions_at_the_boards_clock(asset):
    report = benchmark(asset("models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite"), runs=1)
    rows = {row["board"]: row for row in report.boards}
    seconds = report.metrics["minstructions_m7"] / 400
    assert rows["STM32H747I-DISCO"]["ms_at_one"] == pytest.approx(1000 * seconds)
    assert rows["STM32H747I-DISCO"]["ms_at_two"] == pytest.approx(500 * seconds)
    assert (
        rows["B-U585I-IOT02A"]["instructions"] == rows["STM32F469I-DISCO"]["instructions"]
    )  # a Cortex-M33 is taken for a Cortex-M4
    assert (
        rows["STM32MP257F-EV1"]["ms_at_one"] is None and rows["NUCLEO-F401RE"]["ms_at_one"] is None
    )
    shown = {row["board"]: row for row in speed_rows(report)}
    assert (
        "NUCLEO-F401RE" not in shown
        and shown["STM32N6570-DK"]["ST publishes"] == "35.8 ms, 1,135 KiB RAM, 3,265 KiB flash"
    )
    assert shown["STM32MP257F-EV1"]["ST publishes"] == "102.8 ms"


def test_st_compilers_report_stands_at_the_boards_of_its_family(asset, tmp_path):
    report = benchmark(asset("models/blazeface_front_128_quant_pc_ff_od_wider_face.tflite"), runs=1)
    compiled = StReport(
        "2.2.0", "stm32h7", 1, 2048, 1024, 409_600, 307_200, tmp_path, tmp_path / "log"
    )
    shown = {row["board"]: row["ST's compiler"] for row in board_rows(report, compiled)}
    assert (
        shown["STM32H747I-DISCO"] == shown["NUCLEO-H743ZI2"] == "300 KiB RAM, 400 KiB flash"
        and shown["STM32F746G-DISCO"] == ""
    )


def test_network_that_cannot_become_c_is_held_against_boards_all_the_same(tmp_path):
    tensors = [tensor(name, (1, 4, 4, 3), "FLOAT32", scale=None) for name in ("image", "sine")]
    (tmp_path / "odd.tflite").write_bytes(build(tensors, [("SIN", [0], [1])], [0], [1]))
    report = benchmark(tmp_path / "odd.tflite", runs=1)
    assert "SIN of 'sine'" in report.missing["instructions"] and "arena_kib" not in report.metrics
    assert len(report.boards) == 15 and all(row["ms_at_one"] is None for row in report.boards)


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


def test_a_qdq_onnx_is_known_as_well_as_a_tflite(asset):
    report = benchmark(asset("models/face_landmarks_v1_192_int8_pc.onnx"), runs=1)
    assert report.metrics["macs"] == 34_637_472 and report.metrics["arena_kib"] < 433
    assert len(report.boards) == 15 and len(report.layers) > 80
    assert "takes a .tflite" in report.missing["tflm_arena_kib"]


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


def test_tensorflow_is_not_loaded_for_a_tflite(asset, repository):
    path = asset("models/blazeface_front_128_quant_pc_ff_od_wider_face.tflite")
    program = (
        "import sys; from poseutils.benchmarking import benchmark\n"
        f"benchmark({str(path)!r}, runs=1); print('tensorflow' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"
