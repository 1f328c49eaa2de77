"""Validation during training, and what it shows about labels and settings."""

from .diagnosis import Course, diagnosed
from .measuring import (
    final_activation_of,
    gains,
    make_loss,
    make_validate,
    predict_examples,
    validate,
)

__all__ = [
    "Course",
    "diagnosed",
    "final_activation_of",
    "gains",
    "make_loss",
    "make_validate",
    "predict_examples",
    "validate",
]
