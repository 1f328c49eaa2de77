"""Benchmarks of published networks."""

import subprocess
import sys

import numpy as np
import pytest

from poseutils.benchmarking import benchmark, board_rows, speed_rows, tflm
from poseutils.deployment import BOARDS, StReport
from tests.helpers.marks import with_tflm

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
    boards = ("STM32H747I-DISCO", "STM32F746G-DISCO", "NUCLEO-F401RE")
    assert [verdicts[board] for board in boards] == ["internal"] * 3
    assert metrics["arena_kib"] < 67 and metrics["constants_kib"] < metrics["weights_kib"] + 40


@pytest.mark.slow
def test_boards_are_held_against_what_the_code_needs(asset):
    """The file's activations do not fit into 512 KiB in one piece, those of rows in rings do."""
    report = benchmark(asset("models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite"), runs=1)
    assert report.metrics["live_peak_kib"] == 768 and report.metrics["arena_kib"] < 240
    row = next(row for row in report.boards if row["board"] == "STM32H747I-DISCO")
    assert row["activations"] == "internal" and row["weights"] == "external"


@pytest.mark.slow
def test_milliseconds_are_the_instructions_at_the_boards_clock(asset):
    report = benchmark(asset("models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite"), runs=1)
    rows = {row["board"]: row for row in report.boards}
    seconds = report.metrics["minstructions_m7"] / 400
    assert rows["STM32H747I-DISCO"]["ms_at_one"] == pytest.approx(1000 * seconds)
    assert rows["STM32H747I-DISCO"]["ms_at_two"] == pytest.approx(500 * seconds)
    # A Cortex-M33 is taken for a Cortex-M4
    assert rows["B-U585I-IOT02A"]["instructions"] == rows["STM32F469I-DISCO"]["instructions"]
    assert (
        rows["STM32MP257F-EV1"]["ms_at_one"] is None and rows["NUCLEO-F401RE"]["ms_at_one"] is None
    )
    shown = {row["board"]: row for row in speed_rows(report)}
    assert (
        "NUCLEO-F401RE" not in shown
        and shown["STM32N6570-DK"]["ST publishes (release)"]
        == "35.8 ms (3.0), 1,135 KiB RAM (4.1), 3,265 KiB flash (3.0)"
    )
    assert shown["STM32MP257F-EV1"]["ST publishes (release)"] == "103 ms (3.0)"


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


def test_a_qdq_onnx_is_known_as_well_as_a_tflite(asset):
    report = benchmark(asset("models/face_landmarks_v1_192_int8_pc.onnx"), runs=1)
    assert report.metrics["macs"] == 34_637_472 and report.metrics["arena_kib"] < 433
    assert len(report.boards) == len(BOARDS) and len(report.layers) > 80
    assert "takes a .tflite" in report.missing["tflm_arena_kib"]


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
