"""Images that two datasets share."""

from __future__ import annotations

import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

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
    lengths = {os.path.getsize(sample.path) for sample in second}
    alike = [sample for sample in first if os.path.getsize(sample.path) in lengths]
    others = {id(sample) for sample in second}
    groups = same_content([*second, *alike])
    return [sample for group in groups if id(group[0]) in others for sample in group if id(sample) not in others]


def same_files(dataset: Dataset) -> list[tuple[Sample, Sample]]:
    """Samples whose image files have the same content: the first of them, with each of the others."""
    return [(group[0], other) for group in same_content(dataset) for other in group[1:]]


def same_content(samples: Iterable[Sample]) -> list[list[Sample]]:
    """Groups of samples whose image files have the same content, in order; only files that are of one length and the same in the middle
    are read whole."""
    groups = [list(samples)]
    for what in (os.path.getsize, _middle, sha256_of):
        groups = [part for group in groups for part in _grouped(group, what)]
    return groups


def _grouped(samples: Iterable[Sample], what: Callable) -> list[list[Sample]]:
    """Groups of at least two for whose images ``what`` gives the same."""
    parts = defaultdict(list)
    for sample in samples:
        parts[what(sample.path)].append(sample)
    return [part for part in parts.values() if len(part) > 1]


def _middle(path: Path) -> bytes:
    """Some bytes from the middle of a file, where images of the same kind and size differ."""
    with open(path, "rb") as file:
        file.seek(os.path.getsize(path) // 2)
        return file.read(1024)
