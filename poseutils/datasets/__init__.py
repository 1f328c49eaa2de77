"""Datasets: COCO keypoint annotations, folders with YOLO text labels, synthetic people."""

from .configured import configured_layout, quantization_dataset, test_dataset, training_datasets
from .dataset import Dataset, Sample
from .loading import load_dataset

__all__ = ["Dataset", "Sample", "configured_layout", "load_dataset", "quantization_dataset", "test_dataset", "training_datasets"]
