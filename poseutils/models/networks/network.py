"""A network in its runtime: LiteRT, ONNX Runtime or Keras behind one small class.

The input is an NHWC batch of pixels 0…255, the outputs are float32, by name.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import PoseError
from .claims import check_input
from .metadata import Metadata
from .runtimes import (
    TensorSpec,
    check_type,
    open_keras,
    open_onnx,
    open_size,
    open_tflite,
    with_size,
)

SUFFIXES = (".tflite", ".onnx", ".keras", ".h5")
MAX_THREADS = 256


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
        return open_network, (
            self.path.absolute(),
            self.num_threads,
            self.rescaling,
            self.input_size,
        )

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
            raise open_size(self.path, self.input)
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
            return _of_images(self.invoke(prepared))
        parts = [prepared[i : i + own] for i in range(0, len(prepared), own)]
        missing = own - len(parts[-1])
        parts[-1] = np.concatenate(
            [parts[-1], np.zeros((missing, *prepared.shape[1:]), prepared.dtype)]
        )
        return [
            np.concatenate(arrays)[: len(prepared)]
            for arrays in zip(*(_of_images(self.invoke(part)) for part in parts), strict=True)
        ]

    def dequantized(self, arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs of :meth:`invoke_batch` -> float32, by name."""
        return {
            spec.name: _dequantized(array, spec)
            for spec, array in zip(self.outputs, arrays, strict=True)
        }


def _of_images(outputs: list[np.ndarray]) -> list[np.ndarray]:
    """A single number, without a dimension of images, is that of one image."""
    return [np.atleast_1d(array) for array in outputs]


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
    path: str | Path,
    num_threads: int | None = None,
    rescaling: tuple[float, float] | None = None,
    input_size: tuple[int, int] | None = None,
) -> Network:
    """Opens a network file.

    Args:
        path: a .tflite, .onnx, .keras or .h5 file.
        num_threads: of the runtime (default: half of the cores; the others read images ahead).
        rescaling: scale and offset for pixels; None leaves pixels as they are.
        input_size: height and width where neither the file nor its metadata has them.

    Raises:
        PoseError: if the file is missing, of another format or damaged, or does not have exactly
            one input, an image of fixed size.
    """
    path = Path(path)
    openers = {".tflite": open_tflite, ".onnx": open_onnx, ".keras": open_keras, ".h5": open_keras}
    if path.suffix.lower() not in openers:
        raise PoseError(f"{path}: expected a model file that ends in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise PoseError(f"no such model file: {path}")
    if path.stat().st_size == 0:
        raise PoseError(f"{path} is empty (0 bytes): expected a model")
    if num_threads is not None and not 1 <= num_threads <= MAX_THREADS:
        raise PoseError(f"num_threads={num_threads}: expected from 1 to {MAX_THREADS}")
    num_threads = num_threads or max(1, (os.cpu_count() or 1) // 2)
    opened = openers[path.suffix.lower()](path, num_threads, input_size)
    inputs, outputs, metadata = opened.inputs, opened.outputs, opened.metadata
    images = [spec for spec in inputs if len(spec.shape) == 4]
    if len(inputs) != 1 or len(images) != 1:
        raise PoseError(
            f"{path}: expected one image input of four dimensions, the model has "
            f"{[(s.name, s.shape) for s in inputs]}. It can be exported as C."
        )
    check_type(images[0], path)
    network = Network(
        path,
        opened.runtime,
        with_size(images[0], metadata.image_size or input_size),
        tuple(outputs),
        opened.invoke,
        rescaling,
        num_threads,
        declared=opened.declared,
        metadata=metadata,
    )
    _ = network.input_size  # refuses dynamic sizes
    check_input(network.input.shape, path)
    if network.channels not in (1, 3, 4):
        raise PoseError(
            f"{path}: expected an image input of 1, 3 or 4 channels; its input {images[0].shape} "
            f"has {network.channels}"
        )
    return network
