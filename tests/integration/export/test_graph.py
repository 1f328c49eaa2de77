"""Published networks as the compiler reads them, places them in memory and counts their work."""

from dataclasses import replace
from math import prod

import numpy as np
import pytest

from poseutils import PoseError
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends.tflite import parse_tflite, read_tflite
from poseutils.compiler.graph import float_operators, layers

# Measured on the published files by other means: peak of live activations in KiB, millions of
# multiply-accumulates.
PUBLISHED = {
    "st_movenet_lightning_heatmaps_192_int8_pc.tflite": (1746, 237),
    "movenet_singlepose_lightning_192_int8.tflite": (1080, 270),
    "033_hand_landmark_full_quant_pc_uf_handl.tflite": (980, 331),
    "033_palm_detection_full_quant_pc_uf_od.tflite": (864, 337),
    "blazeface_front_128_quant_pc_ff_od_wider_face.tflite": (336, 31),
    "yolov8n_256_quant_pc_uf_pose_coco-st.tflite": (768, 734),
    "yolo11n_256_quant_pc_uf_pose_coco-st.tflite": (768, 593),
}


@pytest.mark.parametrize("file", PUBLISHED)
def test_published_models_cost_what_was_measured(asset, file):
    peak, mmac = PUBLISHED[file]
    graph = read_tflite(asset(f"models/{file}"))
    rows = layers(graph)
    assert int(max(row["live_bytes"] for row in rows) / 1024) == peak
    assert abs(sum(row["macs"] for row in rows) / 1e6 - mmac) < 1
    assert float_operators(graph) == []


def test_published_model_reads_as_litert_reads_it(asset):
    from ai_edge_litert.interpreter import Interpreter

    path = asset("models/st_movenet_lightning_heatmaps_192_int8_pc.tflite")
    graph, details = read_tflite(path), Interpreter(str(path)).get_tensor_details()
    for detail in details[: len(graph.tensors)]:
        read = graph.tensors[detail["index"]]
        assert (read.name, read.shape, read.dtype) == (
            detail["name"],
            tuple(detail["shape"]),
            np.dtype(detail["dtype"]).name,
        )
        expected = detail["quantization_parameters"]
        scales = read.quantization.scales if read.quantization else np.zeros(0)
        np.testing.assert_array_equal(scales, expected["scales"])
        if len(scales):
            np.testing.assert_array_equal(read.quantization.zero_points, expected["zero_points"])
            assert len(scales) == 1 or read.quantization.axis == expected["quantized_dimension"]


@pytest.mark.parametrize("fraction", [0.00001, 0.01, 0.3, 0.9, 0.999])
def test_truncated_model_is_refused(asset, fraction):
    data = asset("models/blazeface_front_128_quant_pc_ff_od_wider_face.tflite").read_bytes()
    with pytest.raises(
        PoseError, match=r"damaged or truncated \(\d+ bytes\): (an offset|a t)"
    ) as caught:
        parse_tflite(data[: max(8, int(len(data) * fraction))], "cut.tflite")
    assert "unpack" not in str(caught.value)


PALM = "033_palm_detection_full_quant_pc_uf_od.tflite"


@pytest.mark.slow
def test_heads_are_computed_where_their_concatenation_is(asset):
    compiled = compile_graph(read_tflite(asset(f"models/{PALM}")), PALM, "file", "network")
    moves = [
        (operator.name, calls)
        for operator, calls in compiled.program.steps
        if operator.name in ("RESHAPE", "CONCATENATION")
    ]
    assert [name for name, _ in moves].count("CONCATENATION") == 2 and not any(
        calls for _, calls in moves
    )


@pytest.mark.slow
@pytest.mark.parametrize(("size", "kib"), [(192, 160), (256, 240), (320, 443)])
def test_yolov8n_of_other_sizes(asset, size, kib):
    """The network for 256 x 256 with the shapes that it has for another input: what it computes is
    void, what it needs is not."""
    graph = read_tflite(asset("models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite"))
    resized = replace(graph, tensors=tuple(_resized(tensor, size) for tensor in graph.tensors))
    assert resized.tensors[resized.inputs[0]].shape == (1, size, size, 3)
    assert compile_graph(resized, "resized", "quantized", "network").plan.size <= kib * 1024


def _resized(tensor, size):
    """Images and candidates in proportion; channels, and weights, as they are."""
    boxes = {
        1024: (size // 8) ** 2,
        256: (size // 16) ** 2,
        64: (size // 32) ** 2,
        1344: 21 * (size // 32) ** 2,
    }
    shape = [boxes[1344] if n == 1344 else n for n in tensor.shape]
    if len(shape) == 4 and 1344 not in tensor.shape and not tensor.is_constant:
        # Channels come first before the candidates are put in a row
        rows = 1 if shape[1] == shape[2] else 2
        shape[rows : rows + 2] = [n * size // 256 for n in shape[rows : rows + 2]]
    elif len(shape) == 3 and shape[1] in (51, 65):
        shape[2] = boxes.get(tensor.shape[2], shape[2])
    data = None if tensor.data is None else np.resize(tensor.data, shape)
    return replace(
        tensor,
        shape=tuple(shape),
        bytes=tensor.bytes // max(1, tensor.elements) * prod(shape),
        data=data,
    )
