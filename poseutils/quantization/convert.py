"""``quantize``: post-training quantization of a Keras model to int8, as .tflite or .onnx."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..config.names import END_TYPES, GRANULARITIES
from ..errors import PoseError
from ..files import atomic_path
from ..training.batches import RESCALING
from .biases import optimized
from .onnx import OPSET, to_onnx
from .options import checked_model, quiet
from .resizing import with_resizing

FORMATS = (".tflite", ".onnx")


def quantize(
    model_or_path,
    images: np.ndarray,
    out_path: str | Path,
    granularity: str = "per_channel",
    input_type: str = "uint8",
    output_type: str = "float",
    rescaling: tuple[float, float] = RESCALING,
    optimize: bool = False,
    *,
    opset: int | None = None,
    onnx_options: Mapping | None = None,
) -> Path:
    """Converts a Keras model to int8 weights and activations (Jacob et al., 2018), batch size 1.

    A .tflite is converted by TensorFlow Lite. An .onnx is a QDQ network, quantized by ONNX Runtime
    with min-max calibration; its input is channels first, and scale and zero point of an integer
    input or output are in its metadata, as ``poseutils.models.networks.runtimes`` reads them.

    Args:
        model_or_path: keras.Model of one input, or a .keras or .h5 file.
        images: (N, H, W, 3) float32 network inputs for calibration; a hundred suffice.
        out_path: the file to write, whose suffix selects the format.
        granularity: ``per_channel`` or ``per_tensor`` scales of the weights.
        input_type, output_type: ``uint8``, ``int8`` or ``float``.
        rescaling: scale and offset from pixels 0…255 to network inputs. The input is quantized for
            exactly that range, so that a uint8 input takes the pixels themselves.
        optimize: equalize channels and correct biases first, see :func:`optimized`, for
            ``per_tensor``.
        opset: of an .onnx; None: 17, which ST's tools read.
        onnx_options: ``extra_options`` of ONNX Runtime's ``quantize_static``, for an .onnx, such as
            ``{"CalibMovingAverage": True}``.

    Returns:
        ``out_path``.

    Raises:
        PoseError: for images of another shape, an unknown suffix, granularity or type, an option of
            the wrong type, a network that cannot be converted, or an .onnx without the packages
            onnx and tf2onnx.
    """
    out_path = Path(out_path)
    if out_path.suffix not in FORMATS:
        raise PoseError(f"{out_path}: expected a file that ends in {' or '.join(FORMATS)}")
    for name, given, known in (
        ("granularity", granularity, GRANULARITIES),
        ("quantization_input_type", input_type, END_TYPES),
        ("quantization_output_type", output_type, END_TYPES),
    ):
        if given not in known:
            raise PoseError(f"quantization.{name} is {given!r}; choose from {', '.join(known)}")
    model = checked_model(model_or_path, images)
    if optimize:
        model = optimized(model, images, granularity)
    images = _with_full_range(images, rescaling)
    ends = granularity, input_type, output_type
    if out_path.suffix == ".onnx":
        content = to_onnx(model, images, *ends, opset or OPSET, onnx_options or {})
    else:
        content = _to_tflite(model, images, *ends)
    with atomic_path(out_path) as temporary:
        temporary.write_bytes(content)
    return out_path


def _with_full_range(images: np.ndarray, rescaling: tuple[float, float]) -> np.ndarray:
    """The images, with two pixels of the first set to black and white.

    Calibration takes the extremes of each tensor. Two pixels set the full range of the input with
    hardly any effect on the activations, unlike black and white images.
    """
    images = images.astype(np.float32)
    images[0, 0, 0], images[0, 0, 1] = rescaling[1], 255 * rescaling[0] + rescaling[1]
    return images


def _to_tflite(
    model, images: np.ndarray, granularity: str, input_type: str, output_type: str
) -> bytes:
    """The content of a .tflite, by TensorFlow Lite."""
    import tensorflow as tf

    model = with_resizing(model)
    types = {"uint8": tf.uint8, "int8": tf.int8, "float": tf.float32}
    signature = [tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="image")]
    function = tf.function(
        lambda image: model(image, training=False), input_signature=signature, autograph=False
    )
    with quiet():
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [function.get_concrete_function()]
        )
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None]] for image in images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = types[input_type]
        converter.inference_output_type = types[output_type]
        converter._experimental_disable_per_channel = granularity == "per_tensor"
        try:
            return converter.convert()
        except (
            Exception
        ) as error:  # the converter raises its own classes, RuntimeError and ValueError
            raise PoseError(f"{model.name} cannot be quantized: {error}") from error
