"""Synthetic people: rendered images of articulated, clothed 3-D figures with exact COCO keypoints,
determined by a seed."""

from .export import make_dataset, synthetic_dataset
from .people import render_people, render_walk

__all__ = ["make_dataset", "render_people", "render_walk", "synthetic_dataset"]
