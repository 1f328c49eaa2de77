"""Builds small .tflite files for tests, tensor by tensor, without TensorFlow."""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

VERSIONS = {"BROADCAST_TO": 2}
"""Of operators whose first version LiteRT does not run."""


def tensor(name, shape, dtype="INT8", data=None, scale=0.5, zero_point=0, signature=None):
    """One tensor; with ``data`` it is a constant, with ``scale`` None it is not quantized; -1 in
    its signature leaves a size open."""
    made = {
        "name": name,
        "shape": shape,
        "dtype": dtype,
        "data": data,
        "scale": scale,
        "zero_point": zero_point,
    }
    return made | {"signature": signature}


def build(tensors, operators, inputs, outputs) -> bytes:
    """A model; ``operators`` are (name, inputs, outputs) with indices into ``tensors``, and if need
    be (kind, fields) of their options."""
    model = schema.ModelT()
    model.version, model.buffers = 3, [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.tensors = [_tensor(model, **each) for each in tensors]
    graph.inputs, graph.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
    names = sorted({name for name, *_ in operators})
    model.operatorCodes = [_code(name) for name in names]
    graph.operators = [_operator(names.index(name), *rest) for name, *rest in operators]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(model, name, shape, dtype, data, scale, zero_point, signature):
    made = schema.TensorT()
    made.name = name
    made.shape = np.array(shape, np.int32)
    made.type = getattr(schema.TensorType, dtype)
    made.buffer = 0
    if data is not None:
        made.buffer = len(model.buffers)
        model.buffers.append(schema.BufferT())
        model.buffers[-1].data = np.frombuffer(np.asarray(data).tobytes(), np.uint8)
    if signature is not None:
        made.shapeSignature = np.array(signature, np.int32)
    if scale is not None:
        made.quantization = schema.QuantizationParametersT()
        scales = np.atleast_1d(np.asarray(scale, np.float32))
        made.quantization.scale = scales
        made.quantization.zeroPoint = np.full(len(scales), zero_point, np.int64)
        made.quantization.quantizedDimension = (
            len(shape) - 1 if len(scales) > 1 and shape[0] == 1 else 0
        )
    return made


def _code(name):
    made = schema.OperatorCodeT()
    made.builtinCode = getattr(schema.BuiltinOperator, name)
    made.deprecatedBuiltinCode = min(made.builtinCode, 127)
    made.version = VERSIONS.get(name, 1)
    return made


def _operator(code, reads, writes, options=None):
    made = schema.OperatorT()
    if options:
        kind, fields = options
        made.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        made.builtinOptions = getattr(schema, f"{kind}T")()
        vars(made.builtinOptions).update(fields)
    made.opcodeIndex = code
    made.inputs = np.array(reads, np.int32)
    made.outputs = np.array(writes, np.int32)
    return made


CONVOLUTION = (
    "Conv2DOptions",
    {"padding": 0, "strideH": 4, "strideW": 4, "dilationHFactor": 1, "dilationWFactor": 1},
)


def heatmap_model(keypoints=3, dtype="INT8") -> bytes:
    """16×24×3 pixels -> 4×6×K heatmaps by one 4×4 convolution with a stride of 4: 24 · K · 48
    multiply-accumulates."""
    filter_type = {"INT8": np.int8, "FLOAT32": np.float32}[dtype]
    bias = (
        ("INT32", np.zeros(keypoints, np.int32))
        if dtype == "INT8"
        else (dtype, np.zeros(keypoints, np.float32))
    )
    return build(
        [
            tensor(
                "image",
                (1, 16, 24, 3),
                "UINT8" if dtype == "INT8" else dtype,
                scale=1 / 255,
                zero_point=0,
            ),
            tensor("quantized", (1, 16, 24, 3), dtype),
            tensor(
                "filter", (keypoints, 4, 4, 3), dtype, np.ones((keypoints, 4, 4, 3), filter_type)
            ),
            tensor("bias", (keypoints,), *bias),
            tensor("heatmaps", (1, 4, 6, keypoints), dtype),
        ],
        [("QUANTIZE", [0], [1]), ("CONV_2D", [1, 2, 3], [4], CONVOLUTION)],
        [0],
        [4],
    )


def random_heatmaps(keypoints: int, size: int, seed: int) -> bytes:
    """Two convolutions with random weights, the second with a stride of 4."""
    dice, shape = np.random.default_rng(seed), (1, size, size)
    filters = [
        dice.integers(-127, 128, each, np.int8) for each in ((8, 4, 4, 3), (keypoints, 4, 4, 8))
    ]
    tensors = [
        tensor("image", (*shape, 3), scale=0.02),
        tensor("w", filters[0].shape, data=filters[0], scale=0.01),
    ]
    tensors += [
        tensor("b", (8,), "INT32", np.arange(8, dtype=np.int32)),
        tensor("middle", (1, size // 4, size // 4, 8), scale=0.1),
    ]
    tensors += [
        tensor("v", filters[1].shape, data=filters[1], scale=0.01),
        tensor("c", (keypoints,), "INT32", np.zeros(keypoints, np.int32)),
    ]
    tensors += [tensor("heatmaps", (1, size // 16, size // 16, keypoints), scale=0.2)]
    return build(
        tensors,
        [("CONV_2D", [0, 1, 2], [3], CONVOLUTION), ("CONV_2D", [3, 4, 5], [6], CONVOLUTION)],
        [0],
        [6],
    )


def sum_of_two() -> bytes:
    """Two inputs of other shapes, a sum and the second input's table: no pose network."""
    tensors = [
        tensor("a", (1, 5, 8), scale=0.05),
        tensor("b", (8,), scale=0.03),
        tensor("c", (1, 5, 8), scale=0.07),
    ]
    tensors += [tensor("d", (8,), scale=0.03, zero_point=-128)]
    return build(tensors, [("ADD", [0, 1], [2]), ("RELU", [1], [3])], [0, 1], [2, 3])
