"""The datasets that a configuration names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import PoseError
from ..keypoints import layout_for
from .dataset import Dataset
from .loading import load_dataset

if TYPE_CHECKING:
    from ..config import Config


def training_datasets(config: Config) -> tuple[Dataset, Dataset]:
    """Training and validation images; without ``validation_path`` a share of the training images is held out, drawn by seed."""
    section = config.dataset
    train = _load(config, "training_path")
    if section.validation_path:
        return train, _load(config, "validation_path")
    return train.split(section.validation_split, section.seed)


def test_dataset(config: Config) -> Dataset:
    """What evaluation measures on: ``test_path``, else the validation images."""
    return _load(config, "test_path") if config.dataset.test_path else training_datasets(config)[1]


def quantization_dataset(config: Config) -> Dataset:
    """What calibrates a quantization: ``quantization_path``, else the training images; of these the share ``quantization_split``."""
    section = config.dataset
    dataset = _load(config, "quantization_path") if section.quantization_path else training_datasets(config)[0]
    return dataset.split(section.quantization_split, section.seed)[1] if section.quantization_split else dataset


def _load(config: Config, attribute: str) -> Dataset:
    path = getattr(config.dataset, attribute)
    if not path:
        raise PoseError(f"dataset.{attribute} is empty: name a COCO .json file, or a folder of images with labels")
    return load_dataset(config.resolve(path)).with_layout(layout_for(config.dataset.keypoints))
