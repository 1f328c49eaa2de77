"""Files as Ultralytics' exporters write them: metadata, and a network that gives the same for every
image of 64 × 64 pixels."""

import io
import json
import zipfile

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.helpers.networks.imitations import FIRST, constant
from tests.helpers.networks.tiny_tflite import build, tensor

NAMES = {0: "cat", 1: "dog", 2: "hen"}


def metadata(classes=1, keypoints=17, columns=3, **more):
    """The entries that Ultralytics writes, as Python objects."""
    return {
        "description": "Ultralytics YOLO26n-pose model",
        "author": "Ultralytics",
        "version": "8.4.190",
        "stride": 32,
        "task": "pose",
        "batch": 1,
        "imgsz": [64, 64],
        "names": {i: NAMES.get(i, str(i)) for i in range(classes)},
        "args": {"batch": 1, "half": False, "nms": False},
        "channels": 3,
        "end2end": False,
        "kpt_shape": [keypoints, columns],
        **more,
    }


def onnx_file(folder, output, entries, dtype="FLOAT"):
    """An .onnx has them as texts."""
    texts = {key: str(value) for key, value in entries.items()}
    return constant(folder / "best.onnx", {"output0": output}, FIRST, dtype, texts)


def half_file(folder, output, entries):
    """Its input and output are of half precision."""
    output = output.astype(np.float16).astype(np.float32)
    path = onnx_file(folder, output, entries, "FLOAT16")
    return ended(path, [helper.make_node("Cast", ["given"], ["output0"], to=10)], {}, 10)


def qdq_file(folder, output, entries):
    """Its output is quantized to 8 bits and back."""
    constants = {"step": np.float32(output.max() / 255), "origin": np.int8(-128)}
    nodes = [
        helper.make_node("QuantizeLinear", ["given", "step", "origin"], ["integers"]),
        helper.make_node("DequantizeLinear", ["integers", "step", "origin"], ["output0"]),
    ]
    return ended(onnx_file(folder, output, entries), nodes, constants, 1)


def ended(path, nodes, constants, kind):
    """The file with more operators, from ``given``, its output until now, to ``output0``."""
    model = onnx.load(path)
    model.graph.node[-1].output[0] = "given"
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()
    )
    model.graph.output[0].type.tensor_type.elem_type = kind
    onnx.save(model, path)
    return path


def tflite_file(folder, output, entries, dtype="FLOAT32"):
    """A .tflite has them as an archive at its end. The network adds 0 × the mean of the image."""
    pixel, step, zero = {"scale": None}, {"scale": None}, np.zeros((1, 1, 1), np.float32)
    if dtype == "INT8":
        pixel = {"scale": 1 / 255, "zero_point": -128}
        step = {"scale": float(output.max()) / 255, "zero_point": -128}
        output = np.clip(np.rint(output / step["scale"]) - 128, -128, 127).astype(np.int8)
        zero = np.full((1, 1, 1), -128, np.int8)
    axes, shape = np.array([1, 2, 3], np.int32), np.array([1, 1, 1], np.int32)
    data = build(
        [
            tensor("images", (1, 64, 64, 3), dtype, **pixel),
            tensor("axes", (3,), "INT32", axes, scale=None),
            tensor("mean", (1,), dtype, **pixel),
            tensor("shape", (3,), "INT32", shape, scale=None),
            tensor("number", (1, 1, 1), dtype, **pixel),
            tensor("zero", (1, 1, 1), dtype, zero, **step),
            tensor("nothing", (1, 1, 1), dtype, **step),
            tensor("values", output.shape, dtype, output, **step),
            tensor("output0", output.shape, dtype, **step),
        ],
        [
            ("MEAN", [0, 1], [2], ("ReducerOptions", {"keepDims": False})),
            ("RESHAPE", [2, 3], [4], ("ReshapeOptions", {"newShape": shape})),
            ("MUL", [4, 5], [6], ("MulOptions", {})),
            ("ADD", [6, 7], [8], ("AddOptions", {})),
        ],
        [0],
        [8],
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("metadata.json", json.dumps(entries))
    path = folder / "best.tflite"
    path.write_bytes(data + archive.getvalue())
    return path
