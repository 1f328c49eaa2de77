"""Inputs of quantization and analysis: the Keras model and the calibration images."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import PoseError
from ..models.networks.keras_files import load_keras
from ..streams import silent_stderr


def checked_model(model_or_path, images: np.ndarray):
    """A Keras model, loaded if its file is given, that takes the images.

    Raises:
        PoseError: if the images do not fit the model, or are not finite.
    """
    is_file = isinstance(model_or_path, (str, Path))
    model = load_keras(model_or_path) if is_file else model_or_path
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
    return model


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
