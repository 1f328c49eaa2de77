"""Post-training quantization by TensorFlow Lite."""

from __future__ import annotations

import numpy as np

from ..errors import PoseError
from .options import quiet
from .resizing import with_resizing


def to_tflite(
    model, images: np.ndarray, granularity: str, input_type: str, output_type: str
) -> bytes:
    """The content of a quantized .tflite; arguments as for :func:`.convert.quantize`."""
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
