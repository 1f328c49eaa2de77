"""Post-training quantization to 8 bits, as .tflite or .onnx, and what it did to the network."""

from .equalization import equalize
from .inspection import Range, activation_ranges, most_uneven, quantization_error, weight_ranges
from .options import GRANULARITIES, TYPES
from .tflite import quantize

__all__ = [
    "GRANULARITIES",
    "TYPES",
    "Range",
    "activation_ranges",
    "equalize",
    "most_uneven",
    "quantization_error",
    "quantize",
    "weight_ranges",
]
