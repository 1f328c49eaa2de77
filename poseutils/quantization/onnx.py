"""Conversion of a Keras model to .onnx, and post-training quantization by ONNX Runtime to a QDQ
network (QuantizeLinear and DequantizeLinear pairs)."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..config.problems import checked_onnx_options
from ..config.section import did_you_mean
from ..errors import PoseError, missing_package
from ..models.networks.runtimes import ONNX_QUANTIZATION
from .options import quiet
from .resizing import with_resizing

OPSET = 17
"""Version of the operators; 13 is the first with per-channel scales, 17 is read by ST's tools."""


def to_onnx(
    model,
    images: np.ndarray,
    granularity: str,
    input_type: str,
    output_type: str,
    opset: int,
    extra_options: Mapping,
) -> bytes:
    """The content of a quantized .onnx; arguments as for :func:`.convert.quantize`."""
    options = checked_onnx_options(extra_options)
    float_proto = float_onnx(model, opset)
    proto = _quantized(float_proto, images, granularity, model.name, options)
    ends = [(proto.graph.input[0].name, input_type)]
    ends += [(output.name, output_type) for output in proto.graph.output]
    for name, kind in ends:
        if kind != "float":
            _make_integer(proto, name, kind)
    return proto.SerializeToString()


def float_onnx(model, opset: int = OPSET):
    """The float network as a ModelProto, of batch size 1 and channels first.

    Raises:
        PoseError: for a network that cannot be converted, or without the packages onnx and tf2onnx.
    """
    import tensorflow as tf

    try:
        import tf2onnx
        import tf2onnx.convert
    except ModuleNotFoundError as error:
        raise missing_package(error, "onnx") from error
    model = with_resizing(model)
    signature = [tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="image")]
    names = [
        f"output_{i}" if len(model.outputs) > 1 else "output" for i in range(len(model.outputs))
    ]

    def forward(image):
        results = model(image, training=False)
        results = results if isinstance(results, (list, tuple)) else [results]
        return {
            name: tf.identity(result, name) for name, result in zip(names, results, strict=True)
        }

    maps = [
        f"Identity{f'_{i}' if i else ''}:0"
        for i, output in enumerate(model.outputs)
        if len(output.shape) == 4
    ]
    function = tf.function(forward, input_signature=signature, autograph=False)
    with quiet():
        try:
            proto, _ = tf2onnx.convert.from_function(
                function,
                input_signature=signature,
                opset=opset,
                inputs_as_nchw=["image:0"],
                outputs_as_nchw=maps,
            )
        except Exception as error:  # tf2onnx raises ValueError, KeyError and classes of its own
            raise PoseError(f"{model.name} cannot be written as .onnx: {error}") from error
    return proto


class _Batches:
    """ONNX Runtime's CalibrationDataReader: one image after another, then None."""

    def __init__(self, name: str, images: np.ndarray):
        self._name, self._images = name, iter(images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self._images, None)
        if image is None:
            return None
        return {self._name: np.ascontiguousarray(image.transpose(2, 0, 1)[None])}


def _quantized(proto, images: np.ndarray, granularity: str, label: str, extra_options: dict):
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    _warn_of_unknown(extra_options, quantize_static.__doc__ or "")
    with tempfile.TemporaryDirectory() as folder, quiet():
        given, prepared, result = (
            str(Path(folder) / name) for name in ("float.onnx", "prepared.onnx", "quantized.onnx")
        )
        onnx.save(proto, given)
        try:
            quant_pre_process(given, prepared, skip_symbolic_shape=True)
            quantize_static(
                prepared,
                result,
                _Batches(proto.graph.input[0].name, images),
                quant_format=QuantFormat.QDQ,
                per_channel=granularity == "per_channel",
                activation_type=QuantType.QInt8,
                weight_type=QuantType.QInt8,
                extra_options=extra_options,
            )
        except Exception as error:  # ONNX Runtime raises its own classes, which are not exported
            raise PoseError(f"{label} cannot be quantized by ONNX Runtime: {error}") from error
        return _without_unused_domains(onnx.load(result))


def _warn_of_unknown(options: Mapping, documentation: str) -> None:
    """ONNX Runtime passes over options that it does not know, and obeys a few that are not in its
    documentation."""
    known = re.findall(r"^ +([\w.]+) = ", documentation, re.MULTILINE)
    for name in [name for name in options if known and name not in known]:
        near = did_you_mean(name, known) or f". It lists: {', '.join(known)}"
        warnings.warn(
            f"quantization.onnx_extra_options: {name!r} is not in the documentation of ONNX "
            f"Runtime, and may change nothing{near}",
            stacklevel=2,
        )


def _without_unused_domains(proto):
    """Removes the opset imports of unused domains, which ONNX Runtime adds and other tools
    refuse."""
    used = {node.domain for node in proto.graph.node}
    for opset in [opset for opset in proto.opset_import if opset.domain not in used]:
        proto.opset_import.remove(opset)
    return proto


# ---------------------------------------------------------------- integer inputs and outputs


def _make_integer(proto, name: str, kind: str) -> None:
    """Changes an input or output to an integer type, with the scale of its existing quantization.

    A DequantizeLinear is inserted after the input, or a QuantizeLinear before the output; with the
    same scale nothing is rounded twice.
    """
    import onnx

    graph = proto.graph
    is_input = name in [value.name for value in graph.input]
    scale, zero_point = _parameters(graph, name, is_input)
    zero_point += 128 * (kind == "uint8")
    inner = f"{name}_float"
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [inner if n == name else n for n in names]
    parameters = (f"{name}_end_scale", f"{name}_end_zero_point")
    graph.initializer.append(
        onnx.numpy_helper.from_array(np.array(scale, np.float32), parameters[0])
    )
    graph.initializer.append(
        onnx.numpy_helper.from_array(np.array(zero_point, kind), parameters[1])
    )
    if is_input:
        graph.node.insert(
            0, onnx.helper.make_node("DequantizeLinear", [name, *parameters], [inner])
        )
    else:
        graph.node.append(onnx.helper.make_node("QuantizeLinear", [inner, *parameters], [name]))
    (end,) = (value for value in (*graph.input, *graph.output) if value.name == name)
    end.type.tensor_type.elem_type = (
        onnx.TensorProto.UINT8 if kind == "uint8" else onnx.TensorProto.INT8
    )
    proto.metadata_props.add(key=ONNX_QUANTIZATION.format(name), value=f"{scale!r} {zero_point}")


def _parameters(graph, name: str, is_input: bool) -> tuple[float, int]:
    """Scale and int8 zero point of an input or output."""
    import onnx

    kind = "QuantizeLinear" if is_input else "DequantizeLinear"
    pairs = [
        node
        for node in graph.node
        if node.op_type == kind and name in (node.input if is_input else node.output)
    ]
    if not pairs:
        raise PoseError(
            f"{name!r} stays float in the quantized network: its type cannot be an integer; "
            "choose float"
        )
    constants = {constant.name: constant for constant in graph.initializer}
    scale, zero_point = (
        onnx.numpy_helper.to_array(constants[part]).item() for part in pairs[0].input[1:3]
    )
    return scale, zero_point
