"""Images that two datasets share."""

from __future__ import annotations

import os
import warnings
from collections import defaultdict
from collections.abc import Iterable

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
    others = {id(sample) for sample in second}
    groups = same_content([*second, *first])
    return [sample for group in groups if id(group[0]) in others for sample in group if id(sample) not in others]


def same_files(dataset: Dataset) -> list[tuple[Sample, Sample]]:
    """Samples whose image files have the same content: the first of them, with each of the others."""
    return [(group[0], other) for group in same_content(dataset) for other in group[1:]]


def same_content(samples: Iterable[Sample]) -> list[list[Sample]]:
    """Groups of samples whose image files have the same content, in order; only files of the same length are read."""
    by_length, by_digest = defaultdict(list), defaultdict(list)
    for sample in samples:
        by_length[os.path.getsize(sample.path)].append(sample)
    for group in by_length.values():
        if len(group) > 1:
            for sample in group:
                by_digest[sha256_of(sample.path)].append(sample)
    return [group for group in by_digest.values() if len(group) > 1]
