"""Options and calibration images common to all quantizers."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import PoseError
from ..models.network import load_keras, silent_stderr

GRANULARITIES = ("per_channel", "per_tensor")
TYPES = ("uint8", "int8", "float")


def as_keras(model_or_path):
    """A Keras model, loaded if its file is given."""
    return load_keras(model_or_path) if isinstance(model_or_path, (str, Path)) else model_or_path


def check_choices(granularity: str, input_type: str, output_type: str) -> None:
    """Raises PoseError for an unknown granularity or type."""
    if granularity not in GRANULARITIES:
        raise PoseError(
            f"quantization.granularity is {granularity!r}; choose from {', '.join(GRANULARITIES)}"
        )
    for name, given in (("input", input_type), ("output", output_type)):
        if given not in TYPES:
            raise PoseError(
                f"quantization.quantization_{name}_type is {given!r}; choose from "
                f"{', '.join(TYPES)}"
            )


def check_images(model, images: np.ndarray) -> None:
    """Raises PoseError for calibration images that do not fit the model, or are not finite."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 1:
        raise PoseError(
            f"{getattr(model, 'name', model)} has {len(inputs)} known inputs; "
            "quantization needs a network of one image"
        )
    expected = tuple(inputs[0].shape[1:])
    if len(images) == 0 or images.shape[1:] != expected:
        raise PoseError(
            f"images are {images.shape}; quantization needs at least one, and the network takes "
            f"{('N', *expected)}"
        )
    if not np.isfinite(images).all():
        raise PoseError(
            "calibration images have values that are not numbers (NaN or infinite); check how they "
            "were read and rescaled"
        )


def with_full_range(images: np.ndarray, rescaling: tuple[float, float]) -> np.ndarray:
    """The images, with two pixels of the first set to black and white.

    Calibration takes the extremes of each tensor. Two pixels set the full range of the input with
    hardly any effect on the activations, unlike black and white images.
    """
    images = images.astype(np.float32)
    images[0, 0, 0], images[0, 0, 1] = rescaling[1], 255 * rescaling[0] + rescaling[1]
    return images


@contextmanager
def quiet():
    """Suppresses the converters' output on stderr, as warnings and by absl."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with silent_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
