"""Inference: a model, whatever its file, takes pictures and gives poses; over single images,
folders, given boxes, or a video."""

from .loading import load_configured_model, load_model
from .model import Model, Prediction
from .video import follow
from .zoo import ZOO, fetch

__all__ = ["ZOO", "Model", "Prediction", "fetch", "follow", "load_configured_model", "load_model"]
