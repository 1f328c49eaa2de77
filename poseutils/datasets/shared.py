"""Images that two datasets share."""

from __future__ import annotations

import os
import warnings
from collections import defaultdict

from ..errors import PoseError
from ..files import sha256_of
from .dataset import Dataset, Sample


def without_shared(train: Dataset, validation: Dataset) -> Dataset:
    """The training images that are not validation images too; what is left out is said in a warning.

    Images are the same if their files are, byte by byte, whatever they are called: the same name alone says nothing, as many
    datasets count their files from one.

    Raises:
        PoseError: if none is left.
    """
    shared = {id(sample) for sample in shared_images(train, validation)}
    if not shared:
        return train
    kept = train.subset([s for s in train if id(s) not in shared])
    first = next(s.path for s in train if id(s) in shared)
    if not kept:
        raise PoseError(
            f"all {len(train)} training images ({train.source}) are validation images too ({validation.source}): "
            "give other images, or leave dataset.validation_path empty to hold out a share of the training images"
        )
    warnings.warn(
        f"{len(shared)} of {len(train)} training images are validation images too ({first.name} is the first): left out of training",
        stacklevel=3,
    )
    return kept


def shared_images(first: Dataset, second: Dataset) -> list[Sample]:
    """The samples of the first dataset whose image files have the content of one of the second's."""
    by_size = defaultdict(list)
    for sample in second:
        by_size[os.path.getsize(sample.path)].append(sample.path)
    digests: dict[int, set[str]] = {}
    shared = []
    for sample in first:
        size = os.path.getsize(sample.path)
        if size in by_size:
            if size not in digests:
                digests[size] = {sha256_of(path) for path in by_size[size]}
            if sha256_of(sample.path) in digests[size]:
                shared.append(sample)
    return shared
