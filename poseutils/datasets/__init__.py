"""Datasets: COCO keypoint annotations, folders with YOLO text labels, synthetic people."""

from .configured import (
    configured_dataset,
    configured_layout,
    quantization_dataset,
    test_dataset,
    training_datasets,
)
from .dataset import Dataset, Sample
from .label_checks import SUSPICIONS, most_different, people_of, suspicions
from .loading import load_dataset

__all__ = [
    "Dataset",
    "SUSPICIONS",
    "Sample",
    "configured_dataset",
    "configured_layout",
    "load_dataset",
    "most_different",
    "people_of",
    "quantization_dataset",
    "suspicions",
    "test_dataset",
    "training_datasets",
]
