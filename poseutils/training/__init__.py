"""Training of heatmap networks: architectures, targets, batches with augmentation, and ``fit``. TensorFlow is loaded when one is called."""

from .architectures import build_model
from .batches import Examples, load_examples
from .fit import Fit, fit, load_keras

__all__ = ["Examples", "Fit", "build_model", "fit", "load_examples", "load_keras"]
