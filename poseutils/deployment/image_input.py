"""How the pixels of an image become the input of the exported C: in words, and as Python."""

from __future__ import annotations

import numpy as np

from ..compiler.graph import Tensor
from .spec import DeploymentSpec

_GRAY, _RGBA = 1, 4


def input_in_words(spec: DeploymentSpec, taken: Tensor) -> str:
    """What the first input of the model file, and ``taken``, that of the C code, hold; empty if
    it is not known to be an image."""
    if spec.pose is None:
        return ""
    pixels = {_GRAY: "gray", _RGBA: "RGBA"}.get(taken.shape[3]) or _color_mode(spec).upper()
    given = spec.input
    if given.dtype == "int8":
        return f"The input takes the camera's {pixels} bytes less 128, as int8."
    if given.dtype != "uint8":
        return f"The input takes {given.dtype} values; scale the {pixels} pixels as in training."
    text = f"The model file takes the camera's {pixels} bytes, 0 to 255, unchanged."
    if _shifted(given, taken):
        text += (
            " The C code takes them less 128, as int8: the same byte with its highest bit flipped."
        )
    return text


def input_in_python(spec: DeploymentSpec, taken: Tensor) -> str:
    """Lines of Python that write the input of the C code for one image to ``inputs.bin``; empty
    if it is not known to be an image."""
    if spec.pose is None:
        return ""
    _, height, width, channels = taken.shape
    mode = {_GRAY: "L", _RGBA: "RGBA"}.get(channels, "RGB")
    is_reversed = mode == "RGB" and _color_mode(spec) == "bgr"
    return "\n".join(
        [
            "import numpy as np",
            "from PIL import Image",
            "",
            f'image = Image.open("photo.jpg").convert("{mode}")',
            f"image = image.resize(({width}, {height}), Image.Resampling.BILINEAR)",
            f"pixels = np.asarray(image){'[:, :, ::-1]' if is_reversed else ''}",
            *_conversion(spec.input, taken),
            'inputs.tofile("inputs.bin")',
        ]
    )


def _conversion(given: Tensor, taken: Tensor) -> list[str]:
    """Lines that make ``inputs`` of ``pixels``."""
    if given.dtype == taken.dtype == "uint8":
        return ["inputs = pixels"]
    if taken.dtype == "int8" and (given.dtype == "int8" or _shifted(given, taken)):
        return ["inputs = (pixels.astype(np.int16) - 128).astype(np.int8)"]
    scaled = "values = scaled(pixels)  # as in training"
    if given.quantization is not None and given.dtype == "uint8":
        scaled = f"values = {float(given.scale)!r} * (pixels - np.float32({given.zero_point}))"
    if taken.quantization is None or taken.dtype == "float32":
        return [scaled, f"inputs = values.astype(np.{taken.dtype})"]
    limits = np.iinfo(taken.dtype)
    return [
        scaled,
        f"inputs = np.round(values / {float(taken.scale)!r}) + {taken.zero_point}",
        f"inputs = inputs.clip({limits.min}, {limits.max}).astype(np.{taken.dtype})",
    ]


def _color_mode(spec: DeploymentSpec) -> str:
    return spec.config.preprocessing.color_mode


def _shifted(given: Tensor, taken: Tensor) -> bool:
    """Whether two quantizations differ by 128 in the zero point alone."""
    if given.quantization is None or taken.quantization is None:
        return False
    return given.scale == taken.scale and given.zero_point - taken.zero_point == 128
