"""The memory that networks need row by row, their input whole and pushed by rows."""

import pytest

from poseutils.compiler.compile import compile_graph
from poseutils.deployment.spec import read_deployable
from tests.helpers.marks import slow_except

SHIPPED = "st_movenet_lightning_heatmaps_a035_192_int8.tflite"
PALM = "033_palm_detection_full_quant_pc_uf_od.tflite"
YOLOV8 = "yolov8n_256_quant_pc_uf_pose_coco-st.tflite"
YOLO11 = "yolo11n_256_quant_pc_uf_pose_coco-st.tflite"
KIB = {
    SHIPPED: (131, 95),
    "st_movenet_lightning_heatmaps_192_int8_pc.tflite": (194, 138),
    "033_hand_landmark_full_quant_pc_uf_handl.tflite": (247, 148),
    PALM: (234, 255),
    "blazeface_front_128_quant_pc_ff_od_wider_face.tflite": (81, 47),
    YOLOV8: (240, None),
    "movenet_singlepose_lightning_192_int8.tflite": (250, None),
    YOLO11: (300, None),
    "face_landmarks_v1_192_int8_pc.onnx": (250, None),
}
"""What each may take at most, its input whole and pushed; None where no less was promised."""


@pytest.fixture(scope="module")
def arenas(repository, asset):
    """``arenas(file)``: bytes with a whole input and with a pushed one, and those of the layers one
    after the other; a network is compiled once."""
    found = {}

    def of(file):
        if file not in found:
            path = repository / "data/models" / file if file == SHIPPED else asset(f"models/{file}")
            _, graph = read_deployable(path)
            forms = (False, True) if KIB[file][1] else (False,)
            made = [compile_graph(graph, file, "quantized", "net", pushed=form) for form in forms]
            found[file] = [*(each.plan.size for each in made), made[0].layerwise.plan.size]
        return found[file]

    return of


@pytest.mark.parametrize("file", slow_except({SHIPPED}, KIB))
def test_arena_is_as_small_as_was_promised(arenas, file):
    *own, layerwise = arenas(file)
    limits = [kib * 1024 for kib in KIB[file] if kib]
    assert [bytes_ for bytes_, most in zip(own, limits) if bytes_ > most] == []
    assert own[0] < layerwise / 1.5
