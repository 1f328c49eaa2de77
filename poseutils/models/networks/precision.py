"""Whether a model file is float or quantized, and what makes a float one ready for a board."""

from __future__ import annotations

import shlex
from pathlib import Path

from ...compiler.frontends.onnx_file import by_onnx, damage_reported, onnx_library
from ...compiler.frontends.tflite import read_tflite
from ...compiler.graph import float_operators
from .keras_files import SUFFIXES as KERAS

_QUANTIZED_OPERATORS = (b"QuantizeLinear", b"QLinearConv")


def precision_of_file(path: Path) -> str:
    """``float`` or ``quantized``, as the weights are; empty if there is no such file.

    Raises:
        PoseError: if a .tflite is damaged.
        OSError: if it cannot be read.
    """
    if path.suffix.lower() == ".tflite":
        quantized = any(
            t.is_parameter and t.dtype in ("int8", "uint8") for t in read_tflite(path).tensors
        )
        return "quantized" if quantized else "float"
    if path.suffix.lower() == ".onnx":
        content = path.read_bytes()  # operators are stored by name
        return "quantized" if any(name in content for name in _QUANTIZED_OPERATORS) else "float"
    return "float" if path.is_file() else ""


def computes_in_float(path: Path) -> bool:
    """Whether a network is for a board only once it is quantized: a Keras file, or one whose
    convolutions are float.

    Raises:
        PoseError, OSError: as :func:`precision_of_file`.
    """
    if path.suffix.lower() == ".tflite":
        return bool(float_operators(read_tflite(path)))
    return precision_of_file(path) == "float"


def quantize_first(path: Path, chain: str) -> str:
    """The instruction to quantize a float network, for error messages.

    Args:
        path: its file.
        chain: the operation mode that quantizes it and then does what was asked for, such as
            ``chain_qd``.
    """
    command = f"python -m poseutils run user_config.yaml operation_mode={chain}"
    if path.suffix.lower() in KERAS:
        return f"Quantize it first: {command} {shlex.quote(f'model.model_path={path}')}"
    return (
        f"Quantize the .keras or .h5 that it was made of first: {command} model.model_path=ITS_FILE"
    )


def size_of_file(path: Path) -> int:
    """Bytes of a model file, with those of the files beside it in which an .onnx keeps weights.

    Raises:
        OSError: if it cannot be read.
    """
    size = path.stat().st_size
    if path.suffix.lower() != ".onnx":
        return size
    with damage_reported(path.name):
        proto = by_onnx(onnx_library().load_model_from_string, path.read_bytes())
    locations = {
        entry.value
        for tensor in proto.graph.initializer
        for entry in tensor.external_data
        if entry.key == "location"
    }
    beside = [path.parent / location for location in locations]
    return size + sum(file.stat().st_size for file in beside if file.is_file())
