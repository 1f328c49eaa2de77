"""Post-training quantization to int8, as .tflite or .onnx, and analysis of its error."""

from .biases import correct_biases, optimized
from .choosing import CHOICES, choice_name, choices, recommended
from .convert import quantize
from .equalization import equalize
from .inspection import (
    Range,
    activation_ranges,
    layer_errors,
    most_uneven,
    quantization_error,
    weight_ranges,
)

__all__ = [
    "CHOICES",
    "Range",
    "activation_ranges",
    "choice_name",
    "choices",
    "correct_biases",
    "equalize",
    "layer_errors",
    "most_uneven",
    "optimized",
    "quantization_error",
    "quantize",
    "recommended",
    "weight_ranges",
]
