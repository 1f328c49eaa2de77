"""A network in its runtime: LiteRT, ONNX Runtime or Keras behind one small class.

The input is an NHWC batch of pixels 0…255, the outputs are float32, by name.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..compiler.frontends.tflite import read_tflite
from ..errors import PoseError
from .inputs import by_keras_layers, by_operators
from .keras_files import keras_library, load_keras, load_tensorflow, silent_stderr
from .limits import check_claims, limit_onnx_memory
from .metadata import Metadata, read_metadata

SUFFIXES = (".tflite", ".onnx", ".keras", ".h5")
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


@dataclass(frozen=True)
class Network:
    """A loaded network.

    Attributes:
        path: the file.
        runtime: ``litert``, ``onnxruntime`` or ``keras``.
        input: the image input.
        outputs: in the file's order.
        invoke: runs an array of the input's own type and layout; returns the outputs in the file's
            order.
        rescaling: scale and offset from pixels 0…255 to the values of a float input, or to the real
            values of a quantized one. None passes the pixels themselves to a quantized input.
        declared: the rescaling that the operators after the input undo, if they tell.
        metadata: what the file says of itself.
        num_threads: of the runtime.
        at_once: number of threads that may call ``invoke`` concurrently.

    Pickled as its path: the other process opens the file again.
    """

    path: Path
    runtime: str
    input: TensorSpec
    outputs: tuple[TensorSpec, ...]
    invoke: Callable[[np.ndarray], list[np.ndarray]]
    rescaling: tuple[float, float] | None = None
    num_threads: int = 1
    at_once: int = 1
    declared: tuple[float, float] | None = None
    metadata: Metadata = Metadata()

    def __reduce__(self):
        return open_network, (self.path, self.num_threads, self.rescaling)

    @property
    def channels_first(self) -> bool:
        """True if the input is C×H×W."""
        return self.input.shape[3] not in (1, 3, 4) and self.input.shape[1] in (1, 3, 4)

    @property
    def channels(self) -> int:
        """Channels of the input: 1 gray, 3 RGB, 4 RGBA."""
        return self._dimension(1 if self.channels_first else 3)

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the input."""
        first = 2 if self.channels_first else 1
        return self._dimension(first), self._dimension(first + 1)

    def _dimension(self, axis: int) -> int:
        size = self.input.shape[axis]
        if size is None:
            raise PoseError(
                f"{self.path}: its input {self.input.shape} has dynamic height, width or channels, "
                "and its metadata no imgsz; export the model with a fixed input size"
            )
        return size

    def prepare(self, images: np.ndarray) -> np.ndarray:
        """Converts pixels (B, H, W, 3), 0…255, float or uint8, to the channels, type and layout of
        the input."""
        images = _with_channels(images, self.channels)
        images = images.transpose(0, 3, 1, 2) if self.channels_first else images
        dtype = np.dtype(self.input.dtype)
        gain, offset = self._pixels_to_input(dtype)
        if (gain, offset) != (1.0, 0.0):
            images = images * np.float32(gain) + np.float32(offset)
        if dtype.kind in "iu" and images.dtype.kind == "f":
            images = np.rint(images).clip(np.iinfo(dtype).min, np.iinfo(dtype).max)
        return np.ascontiguousarray(images, dtype=dtype)

    def _pixels_to_input(self, dtype: np.dtype) -> tuple[float, float]:
        """Gain and offset from pixels 0…255 to values of the input.

        An integer input whose quantization inverts the rescaling to within one quantization step,
        as converters choose it, takes the pixels themselves (less 128 for int8), as cameras deliver
        them.
        """
        scale, shift = self.rescaling or (1.0, 0.0)
        if dtype.kind == "f":
            return scale, shift
        pixels = (1.0, -128.0 if dtype == np.int8 else 0.0)
        if self.rescaling is None or not self.input.scale:
            return pixels
        gain, offset = scale / self.input.scale, shift / self.input.scale + self.input.zero_point
        inverse = abs(gain - pixels[0]) * 255 <= 1 >= abs(offset - pixels[1])
        return pixels if inverse else (gain, offset)

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Runs a batch.

        Args:
            images: (B, H, W, 3) pixels 0…255, any B whatever the file's own batch size.

        Returns:
            Each output by name, (B, ...) float32, dequantized.
        """
        return self.dequantized(self.invoke_batch(self.prepare(images)))

    def invoke_batch(self, prepared: np.ndarray) -> list[np.ndarray]:
        """Runs a batch of any size that :meth:`prepare` made; the outputs in the file's order, of
        their own types."""
        own = self.input.shape[0]
        if own in (None, len(prepared)):
            return self.invoke(prepared)
        parts = [prepared[i : i + own] for i in range(0, len(prepared), own)]
        missing = own - len(parts[-1])
        parts[-1] = np.concatenate(
            [parts[-1], np.zeros((missing, *prepared.shape[1:]), prepared.dtype)]
        )
        return [
            np.concatenate(arrays)[: len(prepared)]
            for arrays in zip(*map(self.invoke, parts), strict=True)
        ]

    def dequantized(self, arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs of :meth:`invoke_batch` -> float32, by name."""
        return {
            spec.name: _dequantized(array, spec)
            for spec, array in zip(self.outputs, arrays, strict=True)
        }


def _with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """RGB -> gray, by the luma of Pillow's mode "L", or RGBA with an opaque alpha (255)."""
    if channels == 1:
        if images.dtype == np.uint8:
            weighted = images.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32)
            return (weighted + (1 << 15) >> 16).astype(np.uint8)[..., None]
        return (images @ np.array([0.299, 0.587, 0.114], np.float32))[..., None].astype(
            images.dtype
        )
    if channels == 4:
        return np.concatenate([images, np.full_like(images[..., :1], 255)], axis=-1)
    return images


def _dequantized(array: np.ndarray, spec: TensorSpec) -> np.ndarray:
    if array.dtype.kind in "iu" and spec.scale:
        return (array.astype(np.float32) - spec.zero_point) * np.float32(spec.scale)
    return array.astype(np.float32, copy=False)


def open_network(
    path: str | Path, num_threads: int | None = None, rescaling: tuple[float, float] | None = None
) -> Network:
    """Opens a network file.

    Args:
        path: a .tflite, .onnx, .keras or .h5 file.
        num_threads: of the runtime (default: half of the cores; the others read images ahead).
        rescaling: scale and offset for pixels; None leaves pixels as they are.

    Raises:
        PoseError: if the file is missing, of another format or damaged, or does not have exactly
            one input, an image of fixed size.
    """
    path = Path(path)
    openers = {
        ".tflite": _open_tflite,
        ".onnx": _open_onnx,
        ".keras": _open_keras,
        ".h5": _open_keras,
    }
    if path.suffix.lower() not in openers:
        raise PoseError(f"{path}: expected a model file that ends in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise PoseError(f"no such model file: {path}")
    if path.stat().st_size == 0:
        raise PoseError(f"{path} is empty (0 bytes): expected a model")
    if num_threads is not None and not 1 <= num_threads <= MAX_THREADS:
        raise PoseError(f"num_threads={num_threads}: expected from 1 to {MAX_THREADS}")
    num_threads = num_threads or max(1, (os.cpu_count() or 1) // 2)
    opened = openers[path.suffix.lower()](path, num_threads)
    inputs, outputs, metadata = opened.inputs, opened.outputs, opened.metadata
    images = [spec for spec in inputs if len(spec.shape) == 4]
    if len(inputs) != 1 or len(images) != 1:
        raise PoseError(
            f"{path}: expected one image input of four dimensions, the model has "
            f"{[(s.name, s.shape) for s in inputs]}. It can be exported as C."
        )
    _check_type(images[0], path)
    network = Network(
        path,
        opened.runtime,
        _with_size(images[0], metadata.image_size),
        tuple(outputs),
        opened.invoke,
        rescaling,
        num_threads,
        declared=opened.declared,
        metadata=metadata,
    )
    _ = network.input_size  # refuses dynamic sizes
    if network.channels not in (1, 3, 4):
        raise PoseError(
            f"{path}: expected an image input of 1, 3 or 4 channels; its input {images[0].shape} "
            f"has {network.channels}"
        )
    return network


MAX_THREADS = 256
TYPES = ("float32", "float64", "float16", "int8", "uint8", "int16", "uint16", "int32", "int64")
"""Of inputs that are run."""


@dataclass(frozen=True)
class _Opened:
    """A file in its runtime."""

    runtime: str
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    invoke: Callable[[np.ndarray], list[np.ndarray]]
    metadata: Metadata = Metadata()
    declared: tuple[float, float] | None = None


def _check_type(spec: TensorSpec, path: Path) -> None:
    if spec.dtype not in TYPES:
        raise PoseError(
            f"{path}: its input {spec.name!r} is of type {spec.dtype}; expected one of "
            f"{', '.join(TYPES)}. Export the model with a float32 or 8-bit input."
        )


def _with_size(spec: TensorSpec, size: tuple[int, int] | None) -> TensorSpec:
    """The input with the size of the metadata where the file leaves it open."""
    shape = list(spec.shape)
    if size is None or None not in shape[1:]:
        return spec
    first = 2 if shape[1] in (1, 3, 4) else 1
    shape[first : first + 2] = [
        known or given for known, given in zip(shape[first : first + 2], size, strict=True)
    ]
    return replace(spec, shape=tuple(shape))


def _open_tflite(path: Path, num_threads: int) -> _Opened:
    from ai_edge_litert.interpreter import Interpreter

    check_claims(read_tflite(path), path)  # refuses damaged files, of which some crash LiteRT
    try:
        with silent_stderr():
            interpreter = Interpreter(str(path), num_threads=num_threads)
            metadata = read_metadata(path)
            _resize_open_input(interpreter, metadata.image_size)
            interpreter.allocate_tensors()
    except Exception as error:  # ValueError and RuntimeError of LiteRT; MemoryError
        raise PoseError(f"{path} is not a .tflite model that can be run: {error}") from error
    inputs, outputs, invoke = tflite_runner(interpreter)
    declared = by_operators(path) if inputs[0].dtype == "float32" else None
    return _Opened("litert", inputs, outputs, invoke, metadata, declared)


def _resize_open_input(interpreter, size: tuple[int, int] | None) -> None:
    """Gives an input of open height and width the size of the metadata."""
    details = interpreter.get_input_details()
    spec = _with_size(_tflite_spec(details[0]), size)
    if len(details) == 1 and size is not None and None in _tflite_spec(details[0]).shape[1:]:
        interpreter.resize_tensor_input(details[0]["index"], [1, *spec.shape[1:]])


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
    limit_onnx_memory()
    options.add_session_config_entry("session.use_env_allocators", "1")
    if not fused:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _open_onnx(path: Path, num_threads: int) -> _Opened:
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

    declared = by_operators(path) if "float" in inputs[0].dtype else None
    return _Opened("onnxruntime", inputs, outputs, invoke, read_metadata(path, notes), declared)


_ONNX_TYPES = {"float": "float32", "double": "float64"}
"""NumPy's names of types, where ONNX Runtime's differ."""


def _onnx_spec(value, notes: dict[str, str]) -> TensorSpec:
    name = value.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(n if isinstance(n, int) else None for n in value.shape)
    scale, zero_point = notes.get(ONNX_QUANTIZATION.format(value.name), "0 0").split()
    return TensorSpec(value.name, shape, _ONNX_TYPES.get(name, name), float(scale), int(zero_point))


def _open_keras(path: Path, num_threads: int) -> _Opened:
    model = load_keras(path)
    inputs, outputs = (
        [TensorSpec(t.name, tuple(t.shape), str(t.dtype)) for t in tensors]
        for tensors in (model.inputs, model.outputs)
    )
    invoke = compiled(model)
    return _Opened("keras", inputs, outputs, invoke, declared=by_keras_layers(model))


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
