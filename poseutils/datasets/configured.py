"""The datasets of a configuration, and the layout of their keypoints."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import PoseError
from ..keypoints import KeypointLayout, layout_for, redefined, same_keypoints, with_sigmas
from .dataset import Dataset
from .duplicates import without_shared
from .loading import find_splits, has_annotations, load_dataset, peek_layout

if TYPE_CHECKING:
    from ..config import Config

_LOG = logging.getLogger("poseutils")
_PATHS = ("test_path", "validation_path", "training_path", "quantization_path")


def training_datasets(config: Config) -> tuple[Dataset, Dataset]:
    """The training set and the validation set, without common images.

    Without ``validation_path``, the validation set is that which the source of ``training_path``
    names; if it names none, a fraction of the training images is held out, by seed. Training images
    that are validation images too are left out, with a warning. With ``training.dryrun`` one batch
    of each.
    """
    train, validation = _whole_training_datasets(config)
    name = "validation_path" if config.dataset.validation_path else "training_path"
    return _dry(config, train, "training_path"), _dry(config, validation, name)


def _whole_training_datasets(config: Config) -> tuple[Dataset, Dataset]:
    section, train = config.dataset, _whole_dataset(config, "training_path")
    if section.validation_path:
        validation = _whole_dataset(config, "validation_path")
    elif "val" in _split_names(config):
        validation = _whole_dataset(config, "training_path", "val")
    else:
        return train.split(section.validation_split, section.seed)
    validation = validation.with_layout(train.layout)
    return without_shared(train, validation), validation


def own_splits(config: Config) -> dict[str, Dataset]:
    """The datasets ``train``, ``val`` and ``test`` that the source of ``training_path`` names and
    that are used where ``validation_path`` is empty; empty if it names none.

    Raises:
        PoseError: as :func:`load_dataset`.
    """
    return {part: _whole_dataset(config, "training_path", part) for part in _split_names(config)}


def _split_names(config: Config) -> dict[str, str]:
    """The names of those splits."""
    section = config.dataset
    if section.validation_path or not section.training_path:
        return {}
    return find_splits(config.resolve(section.training_path))


def test_dataset(config: Config) -> Dataset:
    """The test set: ``test_path``, else ``validation_path``, else the one that the source of
    ``training_path`` names, else the validation set; with ``training.dryrun`` one batch."""
    attribute = _first_given(config, "test_path", "validation_path", "training_path")
    if attribute == "training_path":
        if "test" in _split_names(config):
            return _dry(config, _whole_dataset(config, attribute, "test"), attribute)
        return training_datasets(config)[1]
    return configured_dataset(config, attribute)


def quantization_dataset(config: Config) -> Dataset:
    """The calibration set: the fraction ``quantization_split`` of ``quantization_path``, else of
    the training set; with ``training.dryrun`` one batch."""
    section = config.dataset
    attribute = _first_given(config, "quantization_path", "training_path")
    dataset = (
        _whole_training_datasets(config)[0]
        if attribute == "training_path"
        else _whole_dataset(config, attribute)
    )
    if section.quantization_split:
        # By another seed: those with the lowest hashes of this one may be held out already.
        dataset = dataset.split(section.quantization_split, section.seed + 1)[1]
    return _dry(config, dataset, attribute)


def _first_given(config: Config, *attributes: str) -> str:
    """The first of these paths that is not empty; the first, which a reader expects to be asked
    for, if all are."""
    return next((name for name in attributes if getattr(config.dataset, name)), attributes[0])


def configured_layout(config: Config) -> KeypointLayout | None:
    """The layout of a configuration's keypoints: its dataset section, in addition to the
    annotations.

    The section may give ``keypoint_names``, ``skeleton`` and ``mirror``; the annotations are those
    of its first dataset with a COCO file. None if neither gives anything: then only the number of
    keypoints is known.

    Raises:
        PoseError: if names, limbs and mirror pairs contradict one another or ``dataset.keypoints``;
            if an annotation file is damaged.
    """
    section = config.dataset
    given = [getattr(section, name, None) for name in ("keypoint_names", "skeleton", "mirror")]
    paths = (getattr(section, name) for name in _PATHS)
    found = next(filter(None, (peek_layout(config.resolve(path)) for path in paths if path)), None)
    if found is None and not any(given):
        return None
    layout = found or layout_for(section.keypoints or len(given[0] or ()))
    return _redefined_by(section, layout, found is not None)


def _redefined_by(section, layout: KeypointLayout, named: bool) -> KeypointLayout:
    """A layout with the names, limbs and mirror pairs of a dataset section; the usual layout if it
    has another number of keypoints. Annotations that name the keypoints decide their order."""
    names, limbs, mirror = (
        getattr(section, name, None) or None for name in ("keypoint_names", "skeleton", "mirror")
    )
    wanted = section.keypoints or len(names or layout.names)
    if wanted != len(layout):
        layout = layout_for(wanted)
    try:
        made = redefined(layout, names, limbs, mirror)
        order = same_keypoints(layout.names, made.names) if named else None
        return made if order is None else made.reordered(order)
    except PoseError as error:
        raise PoseError(f"dataset section: {error}") from error


def configured_dataset(config: Config, attribute: str) -> Dataset:
    """The dataset of one of the paths, with the keypoints of the section; with
    ``training.dryrun`` one batch of it.

    Raises:
        PoseError: if the path is empty; as :func:`load_dataset`; if the keypoints are others.
    """
    return _dry(config, _whole_dataset(config, attribute), attribute)


def _whole_dataset(config: Config, attribute: str, part: str = "train") -> Dataset:
    """The dataset of one of the paths; of ``training_path`` the given part, if it names its
    splits."""
    section = config.dataset
    path = getattr(section, attribute)
    if not path:
        raise PoseError(
            f"dataset.{attribute} is empty: give a COCO .json file, or a folder of images with "
            "labels"
        )
    split = _split_names(config).get(part) if attribute == "training_path" else None
    dataset = load_dataset(config.resolve(path), split)
    if section.keypoints and section.keypoints != len(dataset.layout):
        try:
            dataset = dataset.with_layout(layout_for(section.keypoints))
        except PoseError as error:
            own = len(dataset.layout)
            raise PoseError(
                f"{error}, or set dataset.keypoints to {own} for one of these"
            ) from error
    named = has_annotations(dataset.source)
    layout = _redefined_by(section, dataset.layout, named)
    # Text labels have no names; the annotations of another dataset may
    if not named and dataset.layout == layout_for(len(dataset.layout)):
        other = configured_layout(config)
        layout = other if other is not None and len(other) == len(layout) else layout
    return replace(dataset, layout=with_sigmas(layout, getattr(section, "oks_sigmas", None)))


def _dry(config: Config, dataset: Dataset, attribute: str) -> Dataset:
    """The dataset of one of the paths; with ``training.dryrun`` its first batch."""
    if not config.training.dryrun:
        return dataset
    batch = dataset[: config.training.batch_size]
    _LOG.warning(
        "training.dryrun: the first %d of %d images of dataset.%s",
        len(batch),
        len(dataset),
        attribute,
    )
    return batch
