"""The values that the input of a network takes, by what its file says: the range of a quantized
tensor, and the operators that rescale the input first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...compiler.frontends.onnx_file import onnx_library
from ...compiler.graph import Graph

Rescaling: TypeAlias = tuple[float, float]
"""Scale and offset from pixels 0…255 to the values of an input."""
PIXELS: Rescaling = (1.0, 0.0)
UNIT: Rescaling = (1 / 255, 0.0)
SIGNED: Rescaling = (1 / 127.5, -1.0)
RANGES = {PIXELS: "0…255", UNIT: "0…1", SIGNED: "−1…1"}

_WIDE = 16.0
"""A divisor, or a largest value, from which on values are pixels."""
_PASSED = ("CAST", "TRANSPOSE", "RESHAPE", "IDENTITY", "SQUEEZE", "EXPAND_DIMS", "PAD")
_LONGEST = 12
"""Operators after the input that are looked at."""
_ONNX_NAMES = {
    "QuantizeLinear": "QUANTIZE",
    "BatchNormalization": "NORMALIZE",
    "Unsqueeze": "EXPAND_DIMS",
}


def described(rescaling: Rescaling | None) -> str:
    """The range of the values of an input, in words."""
    if rescaling is None:
        return "pixels"
    scale, offset = rescaling
    return RANGES.get(rescaling, f"{offset:g}…{255 * scale + offset:g}")


def of_range(low: float, high: float) -> Rescaling | None:
    """The rescaling to values of which a tensor can represent those from ``low`` to ``high``; None
    if it is not evident."""
    largest = max(abs(low), abs(high))
    if largest >= _WIDE:
        return PIXELS
    if not 0.9 <= largest <= 1.1:
        return None
    return SIGNED if low < -0.9 else UNIT


def of_affine(gain: float, offset: float) -> Rescaling | None:
    """The rescaling to values that ``gain · x + offset`` brings to about −1…1, as networks compute
    with them; None if it is not evident."""
    middle = -offset / gain
    if 1 / gain >= _WIDE or middle > 2:
        return PIXELS
    if middle < -0.25:
        return SIGNED
    return UNIT if middle > 0 or gain >= _WIDE else None


class _Operator(NamedTuple):
    name: str
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]


Values: TypeAlias = Callable[[Any], np.ndarray | None]
Scales: TypeAlias = Callable[[_Operator], tuple[float, float] | None]


def by_tflite_operators(graph: Graph) -> Rescaling | None:
    """The rescaling that the first operators of a .tflite undo; None if there are none, or they do
    not tell."""
    operators = [_Operator(op.name, op.inputs, op.outputs) for op in graph.operators]

    def scales(operator: _Operator) -> tuple[float, float] | None:
        tensor = graph.tensors[operator.outputs[0]]
        if tensor.quantization is None or "int" not in tensor.dtype:
            return None
        return quantized_range(tensor.dtype, float(tensor.scale), tensor.zero_point)

    def values(index: int) -> np.ndarray | None:
        return graph.tensors[index].data if index >= 0 else None

    return _walked(graph.inputs[0], operators, values, scales)


def by_onnx_operators(path: Path) -> Rescaling | None:
    """As :func:`by_tflite_operators`, of an .onnx."""
    onnx = onnx_library()
    graph = onnx.load(str(path), load_external_data=False).graph
    stored = {t.name: t for t in graph.initializer if not t.external_data}
    stored |= {
        node.output[0]: attribute.t
        for node in graph.node
        if node.op_type == "Constant"
        for attribute in node.attribute
        if attribute.name == "value"
    }
    operators = [
        _Operator(
            _ONNX_NAMES.get(node.op_type, node.op_type.upper()),
            tuple(node.input),
            tuple(node.output),
        )
        for node in graph.node
    ]

    def values(name: str) -> np.ndarray | None:
        return onnx.numpy_helper.to_array(stored[name]) if name in stored else None

    def scales(operator: _Operator) -> tuple[float, float] | None:
        scale, zero = (values(name) for name in (*operator.inputs[1:3], "")[:2])
        if scale is None or zero is None or not scale.size == zero.size == 1:
            return None
        if zero.dtype.kind not in "iu":
            return None
        return quantized_range(zero.dtype.name, float(scale.item()), int(zero.item()))

    given = next(v.name for v in graph.input if v.name not in {t.name for t in graph.initializer})
    return _walked(given, operators, values, scales)


def quantized_range(dtype: str, scale: float, zero_point: int) -> tuple[float, float]:
    """The smallest and largest real value of a quantized tensor."""
    limits = np.iinfo(dtype)
    return scale * (limits.min - zero_point), scale * (limits.max - zero_point)


def _walked(
    current: Any, operators: list[_Operator], values: Values, scales: Scales
) -> Rescaling | None:
    """Follows the input through the operators that it alone passes; composes gain and offset."""
    gain, offset = 1.0, 0.0
    for _ in range(_LONGEST):
        readers = [op for op in operators if current in op.inputs]
        if len(readers) != 1:
            break
        operator = readers[0]
        if operator.name == "QUANTIZE":
            limits = scales(operator)
            if limits is not None and gain == 1 and offset == 0:
                return of_range(*limits)
            break
        if operator.name not in _PASSED:
            affine = _affine(operator, current, values)
            if affine is None or not affine[0] > 0:
                break
            gain, offset = gain * affine[0], offset * affine[0] + affine[1]
        current = operator.outputs[0]
    return None if (gain, offset) == (1.0, 0.0) else of_affine(gain, offset)


def _affine(operator: _Operator, current: Any, values: Values) -> tuple[float, float] | None:
    """Gain and offset of an operator that computes its input with a constant; means of those of
    several channels. None for other operators."""
    others = [values(name) for name in operator.inputs if name != current]
    if any(other is None or other.size > 16 or other.dtype.kind != "f" for other in others):
        return None
    constants = [np.asarray(other, np.float64) for other in others]
    if operator.name == "NORMALIZE" and len(constants) == 4:
        return batch_normalization(*constants)
    if len(constants) != 1 or operator.name not in ("MUL", "DIV", "ADD", "SUB"):
        return None
    value, first = float(constants[0].mean()), operator.inputs[0] == current
    if operator.name == "DIV":
        return (1 / value, 0.0) if first and value else None
    by_name: Mapping[str, tuple[float, float] | None] = {
        "MUL": (value, 0.0),
        "ADD": (1.0, value),
        "SUB": (1.0, -value) if first else None,
    }
    return by_name[operator.name]


def batch_normalization(
    gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray
) -> tuple[float, float]:
    """Gain and offset of a normalization, as means over the channels."""
    gain = gamma / np.sqrt(variance + 1e-3)
    return float(gain.mean()), float((beta - mean * gain).mean())


def by_keras_layers(model) -> Rescaling | None:
    """The rescaling that the first layers of a Keras model undo: Rescaling, Normalization."""
    gain, offset = 1.0, 0.0
    for layer in model.layers[:3]:
        kind = type(layer).__name__
        if kind == "Rescaling":
            scale, shift = (float(np.mean(v)) for v in (layer.scale, layer.offset))
        elif kind == "Normalization" and layer.mean is not None:
            deviation = float(np.sqrt(np.mean(layer.variance)))
            scale, shift = 1 / deviation, -float(np.mean(layer.mean)) / deviation
        elif kind == "InputLayer":
            continue
        else:
            break
        gain, offset = gain * scale, offset * scale + shift
    return None if (gain, offset) == (1.0, 0.0) or gain <= 0 else of_affine(gain, offset)
