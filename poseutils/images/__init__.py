"""Images: find them, read them, and fit them to a network's input."""

from ..config.names import INTERPOLATIONS
from .finding import USUAL_SUFFIXES, find_images, image_suffixes
from .fitting import COLOR_MODES, fit_to, to_color_mode
from .reading import (
    MAX_PIXELS,
    check_regular,
    decode_image,
    image_size,
    is_turned,
    read_image,
    refusals_named,
    to_rgb,
)

__all__ = [
    "COLOR_MODES",
    "INTERPOLATIONS",
    "MAX_PIXELS",
    "USUAL_SUFFIXES",
    "check_regular",
    "decode_image",
    "find_images",
    "fit_to",
    "image_size",
    "image_suffixes",
    "is_turned",
    "read_image",
    "refusals_named",
    "to_color_mode",
    "to_rgb",
]
