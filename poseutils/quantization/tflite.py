"""Post-training quantization to an int8 .tflite."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import PoseError
from ..files import atomic_path
from ..training.batches import RESCALING
from .biases import optimized
from .options import as_keras, check_choices, check_images, quiet, with_full_range


def quantize(
    model_or_path,
    images: np.ndarray,
    out_path: str | Path,
    granularity: str = "per_channel",
    input_type: str = "uint8",
    output_type: str = "float",
    rescaling: tuple[float, float] = RESCALING,
    optimize: bool = False,
) -> Path:
    """Converts a Keras model to TFLite with int8 weights and activations (Jacob et al., 2018), and
    batch size 1.

    Args:
        model_or_path: keras.Model, or a .keras or .h5 file.
        images: (N, H, W, 3) float32 network inputs for calibration; a hundred suffice.
        out_path: the .tflite file to write.
        granularity: ``per_channel`` or ``per_tensor`` scales of the weights.
        input_type, output_type: ``uint8``, ``int8`` or ``float``.
        rescaling: scale and offset from pixels 0…255 to network inputs. The input is quantized for
            exactly that range, so that a uint8 input takes the pixels themselves.
        optimize: equalize channels and correct biases first, see :func:`optimized`, for
            ``per_tensor``.

    Returns:
        ``out_path``.

    Raises:
        PoseError: for images of another shape, an unknown granularity or type, or a network that
            cannot be converted.
    """
    check_choices(granularity, input_type, output_type)
    model = as_keras(model_or_path)
    check_images(model, images)
    if optimize:
        model = optimized(model, images, granularity)
    images = with_full_range(images, rescaling)
    flatbuffer = _convert(model, images, granularity, input_type, output_type)
    with atomic_path(out_path) as temporary:
        temporary.write_bytes(flatbuffer)
    return Path(out_path)


def _convert(
    model, images: np.ndarray, granularity: str, input_type: str, output_type: str
) -> bytes:
    import tensorflow as tf

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
