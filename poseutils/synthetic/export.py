"""Datasets of synthetic people on disk: JPEG images and COCO annotations, rendered on all cores, or
on the workers of a Dask cluster."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from ..datasets.coco.writer import annotation_record
from ..datasets.dataset import Dataset
from ..errors import PoseError
from ..executors import in_ranges
from ..files import cached_folder, cannot_write, write_json
from ..keypoints import COCO17, coco_category
from .people import VERSION, render_people

if TYPE_CHECKING:
    from distributed import Client

_JPEG_QUALITY = 82
_FEW = 8
"""Number of images below which other processes take longer to start than to render."""

Labels = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Keypoints, boxes and areas of the people of an image."""


def make_dataset(
    folder: str | Path,
    count: int,
    seed: int,
    size: int = 256,
    workers: int | None = None,
    progress: bool = True,
    client: Client | None = None,
) -> Path:
    """Renders ``count`` images into ``folder``, with COCO annotations in ``<folder>.json``. Image i
    depends only on (seed, i, size), so that the same bytes are written by any number of workers.

    Everything is written to a temporary folder and moved into place when complete; an existing
    dataset is replaced.

    Args:
        folder: of the images, ``000001.jpg``, ``000002.jpg``, ...
        count: number of images.
        seed: non-negative integer.
        size: width and height in pixels.
        workers: number of processes (default: all cores); 1 renders in this process.
        progress: whether to show a progress bar.
        client: renders on the workers of a Dask cluster, which see the same folder under the same
            path, instead of in ``workers`` processes.

    Returns:
        ``folder``.

    Raises:
        PoseError: if the count, seed or size is out of range; if the folder contains files other
            than rendered images, or cannot be written to.
    """
    folder = Path(folder)
    if count < 1 or seed < 0 or size < 32:
        raise PoseError(
            f"count={count}, seed={seed}, size={size} given; expected at least 1, 0 and 32"
        )
    _check_ours(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{folder.name}-", dir=folder.parent, ignore_cleanup_errors=True
        ) as temporary:  # interrupted, workers of a cluster may still write
            rendered = Path(temporary).absolute() / folder.name
            rendered.mkdir()
            render = partial(_render_each, rendered, seed, size)
            here = client is None and (workers == 1 or count < _FEW)
            labels = (
                render(range(count))
                if here
                else in_ranges(render, range(count), workers or os.cpu_count() or 1, client)
            )
            bar = tqdm(labels, "rendering people", total=count, unit="image", disable=not progress)
            people = list(bar)
            write_json(_annotation_file(rendered), _coco(people, size))
            _move_into_place(rendered, folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return folder


def synthetic_dataset(count: int, seed: int, size: int = 256) -> Dataset:
    """``count`` images of synthetic people, rendered into the cache folder the first time and read
    from it afterwards.

    The cache folder is ``POSEUTILS_CACHE`` if it is set and writable, else the user's own.
    """
    from ..datasets import load_dataset

    name = f"synthetic-people-v{VERSION}-seed{seed}-size{size}-{count}"
    folder = cached_folder(f"synthetic/{name}")
    if not _annotation_file(folder).is_file():
        make_dataset(folder, count, seed, size)
    return load_dataset(folder)


def _render_each(folder: Path, seed: int, size: int, indices: Iterable[int]) -> Iterator[Labels]:
    return (_render_one(folder, seed, size, index) for index in indices)


def _render_one(folder: Path, seed: int, size: int, index: int) -> Labels:
    image, keypoints, boxes, areas = render_people((seed, index), size)
    Image.fromarray(image).save(folder / _file_name(index), quality=_JPEG_QUALITY)
    return keypoints, boxes, areas


def _annotation_file(folder: Path) -> Path:
    return folder.parent / f"{folder.name}.json"


def _file_name(index: int) -> str:
    return f"{index + 1:06d}.jpg"


def _coco(people: list, size: int) -> dict:
    images: list[dict] = []
    annotations: list[dict] = []
    for index, (keypoints, boxes, areas) in enumerate(people):
        images.append(
            {"id": index + 1, "file_name": _file_name(index), "width": size, "height": size}
        )
        for person, box, area in zip(keypoints, boxes.tolist(), areas.tolist()):
            annotations.append(
                annotation_record(len(annotations) + 1, index + 1, person, box, area)
            )
    return {
        "info": {"description": "Synthetic people", "version": str(VERSION)},
        "images": images,
        "annotations": annotations,
        "categories": [coco_category(COCO17)],
    }


def _check_ours(folder: Path) -> None:
    """Raises PoseError unless the folder contains only rendered images, which may be replaced."""
    others = (
        [path.name for path in folder.iterdir() if not re.fullmatch(r"\d{6}\.jpg", path.name)]
        if folder.is_dir()
        else []
    )
    if others:
        raise PoseError(
            f"{folder} contains other files ({', '.join(sorted(others)[:3])}…) and is not "
            "replaced: choose a new folder"
        )


def _move_into_place(rendered: Path, folder: Path) -> None:
    """Moves the images first, then the annotations, so that a folder with annotations is
    complete."""
    target = _annotation_file(folder)
    target.unlink(missing_ok=True)
    if folder.is_dir():
        shutil.rmtree(folder)
    rendered.rename(folder)
    _annotation_file(rendered).rename(target)
