"""What quantization did to a network: the error of its outputs and of each layer, and the ranges that its integers span."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import PoseError
from ..networks import open_network
from .options import as_keras, check_images


def quantization_error(model_or_path, tflite_path: str | Path, images: np.ndarray) -> dict[str, float]:
    """How far the quantized network's outputs are from the float network's.

    Args:
        model_or_path: the float keras.Model, or its file.
        tflite_path: the quantized file made of it.
        images: (N, H, W, 3) float32 inputs as the float network takes them.

    Returns:
        ``snr_db``, the signal-to-noise ratio over all outputs in dB (larger is better), and ``max_error``, the largest difference.
    """
    model = as_keras(model_or_path)
    check_images(model, images)
    exact = model.predict(images, batch_size=32, verbose=0)
    (rounded,) = open_network(tflite_path, rescaling=(1.0, 0.0)).run(images).values()
    if rounded.shape != exact.shape:
        raise PoseError(f"{tflite_path} gives {rounded.shape} and the float network {exact.shape}: they are not the same network")
    noise = np.square(exact - rounded, dtype=np.float64).sum()
    signal = np.square(exact, dtype=np.float64).sum()
    return {"snr_db": float(10 * np.log10(signal / max(noise, 1e-30))), "max_error": float(np.abs(exact - rounded).max())}


@dataclass(frozen=True)
class Range:
    """The real values that the weights or the output of one operator span.

    Attributes:
        name: of the tensor.
        operator: TFLite's name, for example ``CONV_2D``.
        low, high: (C,) for weights, one a channel; (1,) for activations.
    """

    name: str
    operator: str
    low: np.ndarray
    high: np.ndarray


def weight_ranges(tflite_path: str | Path) -> list[Range]:
    """Of each operator with 8-bit weights, in order: the least and the greatest weight of each output channel, as stored."""
    model, graph = _read(tflite_path)
    ranges = []
    for operator, name in _operators(model, graph):
        weights = graph.tensors[operator.inputs[1]] if name in _CHANNEL_AXIS else None
        data = None if weights is None else model.buffers[weights.buffer].data
        if data is None or weights.type != _schema().TensorType.INT8:
            continue
        by_channel = np.moveaxis(np.asarray(data, np.uint8).view(np.int8).reshape(weights.shape), _CHANNEL_AXIS[name], 0)
        by_channel = by_channel.reshape(len(by_channel), -1)
        scale = np.asarray(weights.quantization.scale, np.float64)
        ranges.append(Range(weights.name.decode(), name, by_channel.min(axis=1) * scale, by_channel.max(axis=1) * scale))
    return ranges


def activation_ranges(tflite_path: str | Path) -> list[Range]:
    """Of each operator with an 8-bit output, in order: the real values that the output can hold, by its scale and zero point."""
    schema = _schema()
    limits = {schema.TensorType.INT8: (-128, 127), schema.TensorType.UINT8: (0, 255)}
    model, graph = _read(tflite_path)
    ranges = []
    for operator, name in _operators(model, graph):
        tensor = graph.tensors[operator.outputs[0]]
        if tensor.type in limits and tensor.quantization.scale is not None:
            scale, zero_point = np.asarray(tensor.quantization.scale), np.asarray(tensor.quantization.zeroPoint)
            low, high = ((q - zero_point) * scale for q in limits[tensor.type])
            ranges.append(Range(tensor.name.decode(), name, low, high))
    return ranges


def most_uneven(ranges: list[Range]) -> Range:
    """The weights whose channels differ most in width, where one scale for all would lose most."""
    return max(ranges, key=lambda r: (r.high - r.low).max() / max(float(np.median(r.high - r.low)), 1e-9))


_CHANNEL_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
"""The axis of the output channels in the weights of each operator that has weights."""


def _schema():
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


def _read(path: str | Path):
    """The file's tables and its one graph; the file is opened as a network first, which checks it."""
    open_network(path)
    model = _schema().ModelT.InitFromPackedBuf(Path(path).read_bytes(), 0)
    return model, model.subgraphs[0]


def _operators(model, graph) -> list:
    """(operator, name) in the order they run."""
    names = {value: name for name, value in vars(_schema().BuiltinOperator).items() if not name.startswith("_")}
    return [(operator, names[model.operatorCodes[operator.opcodeIndex].builtinCode]) for operator in graph.operators]
