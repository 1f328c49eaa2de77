"""Datasets: COCO keypoint annotations, folders with YOLO text labels, synthetic people."""

from .dataset import Dataset, Sample
from .loading import load_dataset

__all__ = ["Dataset", "Sample", "load_dataset"]
