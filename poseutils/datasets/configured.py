"""The datasets that a configuration names, and the layout of their keypoints."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import PoseError
from ..keypoints import KeypointLayout, layout_for, redefined, with_sigmas
from .dataset import Dataset
from .loading import has_annotations, load_dataset, peek_layout
from .shared import without_shared

if TYPE_CHECKING:
    from ..config import Config

_PATHS = ("test_path", "validation_path", "training_path", "quantization_path")


def training_datasets(config: Config) -> tuple[Dataset, Dataset]:
    """Training and validation images, which share none.

    Without ``validation_path`` a share of the training images is held out, by seed. With it, a training image that is also a
    validation image is left out of training, with a warning.
    """
    section = config.dataset
    train = _load(config, "training_path")
    if not section.validation_path:
        return train.split(section.validation_split, section.seed)
    validation = _load(config, "validation_path")
    return without_shared(train, validation), validation


def test_dataset(config: Config) -> Dataset:
    """What evaluation measures on: ``test_path``, else the validation images."""
    section = config.dataset
    if section.test_path or section.validation_path:
        return _load(config, "test_path" if section.test_path else "validation_path")
    return training_datasets(config)[1]


def quantization_dataset(config: Config) -> Dataset:
    """What calibrates a quantization: ``quantization_path``, else the training images; of these the share ``quantization_split``."""
    section = config.dataset
    dataset = _load(config, "quantization_path") if section.quantization_path else training_datasets(config)[0]
    return dataset.split(section.quantization_split, section.seed)[1] if section.quantization_split else dataset


def configured_layout(config: Config) -> KeypointLayout | None:
    """The layout of a configuration's keypoints: what its dataset section says, on top of what the annotations say.

    Of the section, ``keypoint_names``, ``skeleton`` and ``mirror`` count; the annotations are those of the first dataset that
    is named and there, and has them in COCO's form. None if neither says anything: then the number of keypoints is all that
    is known.

    Raises:
        PoseError: if names, limbs and mirror pairs do not fit each other or ``dataset.keypoints``; if an annotation file is damaged.
    """
    section = config.dataset
    said = [getattr(section, name, None) for name in ("keypoint_names", "skeleton", "mirror")]
    paths = (getattr(section, name) for name in _PATHS)
    found = next(filter(None, (peek_layout(config.resolve(path)) for path in paths if path)), None)
    if found is None and not any(said):
        return None
    return _with_said(found or layout_for(section.keypoints or len(said[0] or ())), section)


def _with_said(layout: KeypointLayout, section) -> KeypointLayout:
    """A layout with the names, limbs and mirror pairs that a dataset section gives; its own where the number is another's."""
    names, limbs, mirror = (getattr(section, name, None) or None for name in ("keypoint_names", "skeleton", "mirror"))
    wanted = section.keypoints or len(names or layout.names)
    if names is not None and len(names) != wanted:
        raise PoseError(f"dataset.keypoint_names has {len(names)} names, dataset.keypoints is {wanted}: give a name each")
    if wanted != len(layout):
        layout = layout_for(wanted)
    try:
        return redefined(layout, names, limbs, mirror)
    except PoseError as error:
        raise PoseError(f"dataset section: {error}") from error


def _load(config: Config, attribute: str) -> Dataset:
    section = config.dataset
    path = getattr(section, attribute)
    if not path:
        raise PoseError(f"dataset.{attribute} is empty: name a COCO .json file, or a folder of images with labels")
    dataset = load_dataset(config.resolve(path))
    if section.keypoints:
        dataset = dataset.with_layout(layout_for(section.keypoints))
    layout = _with_said(dataset.layout, section)
    if not has_annotations(dataset.source):  # text labels say nothing: other annotations may
        named = configured_layout(config)
        layout = named if named is not None and len(named) == len(layout) else layout
    return replace(dataset, layout=with_sigmas(layout, getattr(section, "oks_sigmas", None)))
