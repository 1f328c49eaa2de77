"""Inference: a model, whatever its file, takes pictures and gives poses; over single images, folders, given boxes, or a video."""

from .video import follow
from .loading import load_configured_model, load_model
from .model import Model, Prediction

__all__ = ["Model", "Prediction", "follow", "load_configured_model", "load_model"]
