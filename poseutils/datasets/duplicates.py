"""Duplicate images, within a dataset and between two."""

from __future__ import annotations

import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from ..files import sha256_of
from .dataset import Dataset, Sample


def without_shared(train: Dataset, validation: Dataset) -> Dataset:
    """The training set without images of the validation set; warns of those that are left out. If
    none were left, the whole training set, with a warning: overfitting a few images is a usual
    test.

    Images are duplicates if their files have the same content, whatever their names: many datasets
    number their files from one.
    """
    shared = {id(sample) for sample in shared_images(train, validation)}
    if not shared:
        return train
    kept = train.subset([s for s in train if id(s) not in shared])
    first = next(s.path for s in train if id(s) in shared)
    if not kept:
        warnings.warn(
            f"all {len(train)} training images ({train.source}) are validation images too "
            f"({validation.source}): val_oks tells what is learned by heart, not what is found on "
            "other images. To hold out a fraction, leave dataset.validation_path empty",
            stacklevel=3,
        )
        return train
    warnings.warn(
        f"{len(shared)} of {len(train)} training images are validation images too ({first.name} "
        "is the first): left out of training",
        stacklevel=3,
    )
    return kept


def shared_images(first: Dataset, second: Dataset) -> list[Sample]:
    """The samples of the first dataset whose image files are identical to one of the second."""
    sizes = {os.path.getsize(sample.path) for sample in second}
    candidates = [sample for sample in first if os.path.getsize(sample.path) in sizes]
    others = {id(sample) for sample in second}
    groups = same_content([*second, *candidates])
    return [
        sample
        for group in groups
        if id(group[0]) in others
        for sample in group
        if id(sample) not in others
    ]


def same_files(dataset: Dataset) -> list[tuple[Sample, Sample]]:
    """Pairs of samples with identical image files: the first of each group with each of the
    others."""
    return [(group[0], other) for group in same_content(dataset) for other in group[1:]]


def same_content(samples: Iterable[Sample]) -> list[list[Sample]]:
    """Groups of samples with identical image files, in order; only files of equal size and middle
    are read completely."""
    groups = [list(samples)]
    for key in (os.path.getsize, _middle, sha256_of):
        groups = [part for group in groups for part in _grouped(group, key)]
    return groups


def _grouped(samples: Iterable[Sample], key: Callable[[Path], object]) -> list[list[Sample]]:
    """Groups of at least two samples whose images have the same ``key``."""
    parts = defaultdict(list)
    for sample in samples:
        parts[key(sample.path)].append(sample)
    return [part for part in parts.values() if len(part) > 1]


def _middle(path: Path) -> bytes:
    """1024 bytes from the middle of a file, where different images of the same size differ."""
    with open(path, "rb") as file:
        file.seek(os.path.getsize(path) // 2)
        return file.read(1024)
