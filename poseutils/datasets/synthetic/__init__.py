"""Synthetic people: images of jointed, clothed three-dimensional figures with exact COCO keypoints, drawn from a seed."""

from .export import make_dataset, synthetic_dataset
from .people import draw_people

__all__ = ["draw_people", "make_dataset", "synthetic_dataset"]
