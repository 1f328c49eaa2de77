"""The runtimes of networks: LiteRT, ONNX Runtime and Keras, each opened as inputs, outputs and a
function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...compiler.frontends.tflite import parse_tflite, read_bytes
from ...errors import PoseError
from ...streams import silent_stderr
from .claims.graphs import check_graph
from .claims.onnx import check_onnx, limit_memory
from .inputs import by_keras_layers, by_onnx_operators, by_tflite_operators
from .keras_files import keras_library, load_keras, load_tensorflow
from .metadata import Metadata, read_metadata

ONNX_QUANTIZATION = "quantization.{}"
"""The metadata key of an .onnx for the "scale zero_point" of an integer input or output; ONNX
itself does not record them."""


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a network.

    Attributes:
        name: in the file.
        shape: None for a dynamic dimension.
        dtype: NumPy's name of the type.
        scale, zero_point: real = scale × (q - zero_point) for integer tensors; scale 0 if not
            quantized.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0


TYPES = ("float32", "float64", "float16", "int8", "uint8", "int16", "uint16", "int32", "int64")
"""Of inputs that are run."""


@dataclass(frozen=True)
class Opened:
    """A file in its runtime."""

    runtime: str
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    invoke: Callable[[np.ndarray], list[np.ndarray]]
    metadata: Metadata = Metadata()
    declared: tuple[float, float] | None = None


def open_size(path: Path, spec: TensorSpec) -> PoseError:
    return PoseError(
        f"{path}: its input {spec.shape} has dynamic height, width or channels, and its metadata "
        "no imgsz; give input_size=, or export the model with a fixed input size"
    )


def check_type(spec: TensorSpec, path: Path) -> None:
    if spec.dtype not in TYPES:
        raise PoseError(
            f"{path}: its input {spec.name!r} is of type {spec.dtype}; expected one of "
            f"{', '.join(TYPES)}. Export the model with a float32 or 8-bit input."
        )


def with_size(spec: TensorSpec, size: tuple[int, int] | None) -> TensorSpec:
    """The input with the size of the metadata where the file leaves it open."""
    shape = list(spec.shape)
    if size is None or None not in shape[1:]:
        return spec
    first = 2 if shape[1] in (1, 3, 4) else 1
    shape[first : first + 2] = [
        known or given for known, given in zip(shape[first : first + 2], size, strict=True)
    ]
    return replace(spec, shape=tuple(shape))


Size = tuple[int, int] | None


def open_tflite(path: Path, num_threads: int, size: Size) -> Opened:
    from ai_edge_litert.interpreter import Interpreter

    data = read_bytes(path)
    graph = parse_tflite(data, path.name)  # refuses what would crash LiteRT
    metadata = read_metadata(path, data)
    size = metadata.image_size or size
    check_graph(graph, path, size)
    try:
        with silent_stderr():
            interpreter = Interpreter(str(path), num_threads=num_threads)
            _resize_open_input(interpreter, size, path)
            interpreter.allocate_tensors()
    except Exception as error:  # ValueError and RuntimeError of LiteRT; MemoryError
        raise PoseError(f"{path} is not a .tflite model that can be run: {error}") from error
    inputs, outputs, invoke = tflite_runner(interpreter)
    declared = by_tflite_operators(graph) if inputs[0].dtype == "float32" else None
    return Opened("litert", inputs, outputs, invoke, metadata, declared)


def _resize_open_input(interpreter, size: Size, path: Path) -> None:
    """Gives an input of open height and width its size; LiteRT would run one pixel."""
    details = interpreter.get_input_details()
    spec = _tflite_spec(details[0])
    if len(details) != 1 or None not in spec.shape[1:]:
        return
    shape = with_size(spec, size).shape[1:]
    if None in shape:
        raise open_size(path, spec)
    interpreter.resize_tensor_input(details[0]["index"], [1, *shape])


def tflite_runner(
    interpreter,
) -> tuple[list[TensorSpec], list[TensorSpec], Callable[[np.ndarray], list[np.ndarray]]]:
    """Inputs, outputs and ``invoke`` of a :class:`Network` for a TensorFlow Lite interpreter with
    allocated tensors."""
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    input_index, output_indices = inputs[0]["index"], [d["index"] for d in outputs]

    def invoke(array: np.ndarray) -> list[np.ndarray]:
        try:
            interpreter.set_tensor(input_index, array)
            interpreter.invoke()
            return [interpreter.get_tensor(index) for index in output_indices]
        except Exception as error:  # ValueError and RuntimeError of LiteRT; MemoryError
            raise PoseError(f"the model cannot be run: {error}") from error

    return [_tflite_spec(d) for d in inputs], [_tflite_spec(d) for d in outputs], invoke


def _tflite_spec(detail: dict) -> TensorSpec:
    scale, zero_point = detail["quantization"]
    shape, signature = detail["shape"], detail.get("shape_signature", ())
    # A size that is open, and not yet given, is 1. That of the batch is run one by one.
    is_open = [n == 1 and i > 0 and s < 0 for i, (n, s) in enumerate(zip(shape, signature))]
    return TensorSpec(
        detail["name"],
        tuple(
            None if unknown else int(n)
            for n, unknown in zip(shape, [*is_open, *[False] * (len(shape) - len(is_open))])
        ),
        np.dtype(detail["dtype"]).name,
        float(scale),
        int(zero_point),
    )


def onnx_session(path: Path, num_threads: int, fused: bool = True):
    """An ONNX Runtime session on the CPU with the same results on every processor.

    QDQ networks compute in float between DequantizeLinear and QuantizeLinear. By default ONNX
    Runtime fuses them to 8-bit kernels, of which those for x86-64 without VNNI add pairs of
    uint8 × int8 products in 16 bits, and saturate. ``session.x64quantprecision`` does not help: it
    is slower, and ONNX Runtime 1.32 fails to open some networks with it.

    Args:
        fused: False runs each node by itself, without graph optimizations: slower, and the
            reference for exported C.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.log_severity_level = 4  # what fails is raised, too
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    limit_memory()
    options.add_session_config_entry("session.use_env_allocators", "1")
    if not fused:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def open_onnx(path: Path, num_threads: int, size: Size) -> Opened:
    check_onnx(path, size)
    try:
        session = onnx_session(path, num_threads)
        notes = session.get_modelmeta().custom_metadata_map
        inputs, outputs = (
            [_onnx_spec(value, notes) for value in values]
            for values in (session.get_inputs(), session.get_outputs())
        )
    except Exception as error:  # ONNX Runtime raises its own classes, which are not exported
        raise PoseError(f"{path} is not an .onnx model that can be run: {error}") from error
    name = inputs[0].name

    def invoke(array: np.ndarray) -> list[np.ndarray]:
        try:
            return session.run(None, {name: array})
        except Exception as error:
            raise PoseError(f"{path} cannot be run: {error}") from error

    declared = by_onnx_operators(path) if "float" in inputs[0].dtype else None
    return Opened("onnxruntime", inputs, outputs, invoke, read_metadata(path, notes), declared)


_ONNX_TYPES = {"float": "float32", "double": "float64"}
"""NumPy's names of types, where ONNX Runtime's differ."""


def _onnx_spec(value, notes: dict[str, str]) -> TensorSpec:
    name = value.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(n if isinstance(n, int) else None for n in value.shape)
    scale, zero_point = notes.get(ONNX_QUANTIZATION.format(value.name), "0 0").split()
    return TensorSpec(value.name, shape, _ONNX_TYPES.get(name, name), float(scale), int(zero_point))


def open_keras(path: Path, num_threads: int, size: Size) -> Opened:
    model = load_keras(path)
    inputs, outputs = (
        [TensorSpec(t.name, tuple(t.shape), str(t.dtype)) for t in tensors]
        for tensors in (model.inputs, model.outputs)
    )
    invoke = compiled(model)
    return Opened("keras", inputs, outputs, invoke, declared=by_keras_layers(model))


def compiled(model) -> Callable[[np.ndarray], list[np.ndarray]]:
    """A Keras model as one compiled function of a batch of any size -> list of outputs; eager
    execution takes ten times as long."""
    keras = keras_library()

    def outputs(batch):
        results = model(batch, training=False)
        return list(results) if isinstance(results, (list, tuple)) else [results]

    if keras.backend.backend() != "tensorflow":  # Keras itself knows how to compile for the others
        whole = keras.Model(model.input, outputs(model.input))
        return lambda batch: keras.tree.flatten(whole.predict_on_batch(batch))
    tf = load_tensorflow()
    function = tf.function(
        outputs,
        input_signature=[tf.TensorSpec(model.inputs[0].shape, model.inputs[0].dtype)],
        autograph=False,
    )
    return lambda batch: [result.numpy() for result in function(batch)]
