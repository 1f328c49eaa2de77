"""Models: load a network from the zoo or any file, and predict the poses in images, boxes or a
video."""

from .loading import load_configured_model, load_model
from .model import Model
from .predictor import Prediction
from .video import follow
from .zoo import ZOO, fetch

__all__ = ["ZOO", "Model", "Prediction", "fetch", "follow", "load_configured_model", "load_model"]
