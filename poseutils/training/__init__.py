"""Training of heatmap networks: architectures, losses, batches with augmentation, and ``fit``.
TensorFlow is loaded on the first call, not on import."""

from ..models.networks.keras_files import load_keras
from .batches import training_batches
from .configured import configured_examples, configured_fit, configured_network
from .device import prepare_device
from .examples import Examples, load_examples
from .fit import Fit, fit
from .logs import make_prediction_image
from .networks.architectures import build_model
from .validation import gains, predict_examples, validate

__all__ = [
    "Examples",
    "Fit",
    "build_model",
    "configured_examples",
    "configured_fit",
    "configured_network",
    "fit",
    "gains",
    "load_examples",
    "load_keras",
    "make_prediction_image",
    "predict_examples",
    "prepare_device",
    "training_batches",
    "validate",
]
