"""Post-training quantization to a full-integer .tflite, and what it did to the network."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import PoseError
from .files import atomic_path
from .networks import load_keras, open_network, silent_stderr
from .tflite import read_tflite
from .training.batches import RESCALING

GRANULARITIES = ("per_channel", "per_tensor")
TYPES = ("uint8", "int8", "float")


# ---------------------------------------------------------------- quantizing


def quantize(
    model_or_path,
    images: np.ndarray,
    out_path: str | Path,
    granularity: str = "per_channel",
    input_type: str = "uint8",
    output_type: str = "float",
    rescaling: tuple[float, float] = RESCALING,
) -> Path:
    """Converts a Keras model to TFLite with 8-bit weights and activations (Jacob et al., 2018), with a batch of one.

    Args:
        model_or_path: keras.Model, or a .keras or .h5 file.
        images: (N, H, W, 3) float32 inputs as the network takes them; their activations set the ranges. A hundred are plenty.
        out_path: the .tflite file to write.
        granularity: ``per_channel``, a scale for each channel of the weights, or ``per_tensor``, one for all.
        input_type, output_type: ``uint8``, ``int8`` or ``float``.
        rescaling: scale and offset that make network inputs out of pixels 0 to 255. The input is quantized for exactly that range, so
            that a uint8 input takes pixels as they are.

    Returns:
        ``out_path``.

    Raises:
        PoseError: for images of another shape, an unknown granularity or type, or a network that cannot be converted.
    """
    _check_choices(granularity, input_type, output_type)
    model = load_keras(model_or_path) if isinstance(model_or_path, (str, Path)) else model_or_path
    _check_images(model, images)
    images = _with_full_range(images, rescaling)
    flatbuffer = _convert(model, images, granularity, input_type, output_type)
    with atomic_path(out_path) as temporary:
        temporary.write_bytes(flatbuffer)
    return Path(out_path)


def _check_choices(granularity: str, input_type: str, output_type: str) -> None:
    if granularity not in GRANULARITIES:
        raise PoseError(f"quantization.granularity is {granularity!r}; choose from {', '.join(GRANULARITIES)}")
    for name, given in (("input", input_type), ("output", output_type)):
        if given not in TYPES:
            raise PoseError(f"quantization.quantization_{name}_type is {given!r}; choose from {', '.join(TYPES)}")


def _check_images(model, images: np.ndarray) -> None:
    expected = tuple(model.input_shape[1:])
    if len(images) == 0 or images.shape[1:] != expected:
        raise PoseError(f"images are {images.shape}; quantization needs at least one, and the network takes {('N', *expected)}")


def _with_full_range(images: np.ndarray, rescaling: tuple[float, float]) -> np.ndarray:
    """The images, with two pixels of the first set to black and white.

    Ranges are the extremes that were seen. Two pixels fix the input's without changing the activations behind it, as black and white
    images would.
    """
    images = images.astype(np.float32)
    images[0, 0, 0], images[0, 0, 1] = rescaling[1], 255 * rescaling[0] + rescaling[1]
    return images


def _convert(model, images: np.ndarray, granularity: str, input_type: str, output_type: str) -> bytes:
    import tensorflow as tf

    types = {"uint8": tf.uint8, "int8": tf.int8, "float": tf.float32}
    signature = [tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="image")]
    function = tf.function(lambda image: model(image, training=False), input_signature=signature, autograph=False)
    with _quiet():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None]] for image in images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type, converter.inference_output_type = types[input_type], types[output_type]
        converter._experimental_disable_per_channel = granularity == "per_tensor"
        try:
            return converter.convert()
        except Exception as error:  # the converter raises its own classes, RuntimeError and ValueError
            raise PoseError(f"{model.name} cannot be quantized: {error}") from error


@contextmanager
def _quiet():
    """Hides the converter's notes about itself, which come through three channels."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with silent_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


# ---------------------------------------------------------------- looking at the result


def quantization_error(model_or_path, tflite_path: str | Path, images: np.ndarray) -> dict[str, float]:
    """How far the quantized network's outputs are from the float network's.

    Args:
        model_or_path: the float keras.Model, or its file.
        tflite_path: the quantized file made of it.
        images: (N, H, W, 3) float32 inputs as the float network takes them.

    Returns:
        ``snr_db``, the signal-to-noise ratio over all outputs in dB (larger is better), and ``max_error``, the largest difference.
    """
    model = load_keras(model_or_path) if isinstance(model_or_path, (str, Path)) else model_or_path
    _check_images(model, images)
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
    graph = read_tflite(tflite_path)
    ranges = []
    for operator in graph.operators:
        weights = graph.tensors[operator.inputs[1]] if operator.name in _CHANNEL_AXIS else None
        if weights is None or weights.data is None or weights.dtype != "int8" or weights.quantization is None:
            continue
        by_channel = np.moveaxis(weights.data, _CHANNEL_AXIS[operator.name], 0)
        by_channel = by_channel.reshape(len(by_channel), -1)
        scale = weights.quantization.scales.astype(np.float64)
        ranges.append(Range(weights.name, operator.name, by_channel.min(axis=1) * scale, by_channel.max(axis=1) * scale))
    return ranges


def activation_ranges(tflite_path: str | Path) -> list[Range]:
    """Of each operator with an 8-bit output, in order: the real values that the output can hold, by its scale and zero point."""
    limits = {"int8": (-128, 127), "uint8": (0, 255)}
    graph = read_tflite(tflite_path)
    ranges = []
    for operator in graph.operators:
        tensor = graph.tensors[operator.outputs[0]]
        if tensor.dtype in limits and tensor.quantization is not None:
            scale, zero_point = tensor.quantization.scales.astype(np.float64), tensor.quantization.zero_points
            low, high = ((q - zero_point) * scale for q in limits[tensor.dtype])
            ranges.append(Range(tensor.name, operator.name, low, high))
    return ranges


def most_uneven(ranges: list[Range]) -> Range:
    """The weights whose channels differ most in width, where one scale for all would lose most."""
    return max(ranges, key=lambda r: (r.high - r.low).max() / max(float(np.median(r.high - r.low)), 1e-9))


_CHANNEL_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
"""The axis of the output channels in the weights of each operator that has weights."""
