"""What a model costs, against what was measured on the published files by other means."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from tiny_tflite import heatmap_model

from poseutils import PoseError
from poseutils.benchmarking import benchmark
from poseutils.deployment import tflm

with_tflm = pytest.mark.skipif(find_spec("tflite_micro") is None, reason="tflite-micro is not installed here")

ARENA_KIB = {
    "st_movenet_lightning_heatmaps_192_int8_pc.tflite": 1903,
    "033_hand_landmark_full_quant_pc_uf_handl.tflite": 1220,
    "033_palm_detection_full_quant_pc_uf_od.tflite": 963,
    "blazeface_front_128_quant_pc_ff_od_wider_face.tflite": 465,
    "yolov8n_256_quant_pc_uf_pose_coco-st.tflite": 868,
}
CANNOT_RUN = {"movenet_singlepose_lightning_192_int8.tflite": "CAST", "yolo11n_256_quant_pc_uf_pose_coco-st.tflite": "CONCATENATION"}


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
@pytest.mark.parametrize(("program", "expected"), [("import os; os.abort()", "code -6"), ("import time; time.sleep(60)", "did not finish")])
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
    assert metrics["weights_kib"] * 1024 == sum(row["weight_bytes"] for row in report.layers) < path.stat().st_size
    verdicts = {row["board"]: row["verdict"] for row in report.boards}
    assert verdicts["STM32H747I-DISCO"] == "internal" and verdicts["STM32F746G-DISCO"] == "external" and verdicts["NUCLEO-F401RE"] == "no"


def test_report_of_an_onnx_says_what_it_cannot_know(asset):
    report = benchmark(asset("models/face_landmarks_v1_192_int8_pc.onnx"), runs=1)
    assert set(report.metrics) == {"file_kib", "latency_ms_median", "latency_ms_min"}
    assert set(report.missing) == {"parameters", "macs", "weights_kib", "live_peak_kib", "tflm_arena_kib"}
    assert report.layers == report.boards == []


def test_report_of_a_keras_model(tmp_path):
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(4, 3)])
    model.save(tmp_path / "small.keras")
    report = benchmark(tmp_path / "small.keras", runs=1)
    assert report.metrics["parameters"] == 3 * 3 * 3 * 4 + 4
    assert "macs" in report.missing


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
        f"import sys; from poseutils.benchmarking import benchmark\nbenchmark({str(path)!r}, runs=1); print('tensorflow' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
