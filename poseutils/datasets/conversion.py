"""Converts COCO annotations to a folder of YOLO text labels, as the model zoo's converter does, and
back.

The zoo selects images with exactly one annotation (``single``) or with at least one (``multi``).
Crowds and boxes without width or height are removed, then images without a labeled keypoint. In its
labels v is 1 for labeled keypoints, visible or hidden.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import PoseError
from ..files import write_json, write_text
from ..images import image_size
from ..keypoints import layout_for
from .atomic_folder import atomic_folder
from .coco import read_coco, to_coco
from .dataset import Dataset, Sample
from .finding import annotation_files, split_folders, split_name
from .ultralytics import DESCRIPTION, described_as, read_entries, with_split
from .yolo import read_yolo

FORMS = ("yolo", "coco")
KINDS = ("single", "multi")
_THREADS, _CHUNK = 4, 64  # copying is limited by the disk


@dataclass(frozen=True)
class Converted:
    """The result for one split.

    Attributes:
        folder: of its converted images.
        images, people: how many were written.
        left_out: number of images that the rules of the kind exclude.
    """

    folder: Path
    images: int
    people: int
    left_out: int


def convert(
    source: str | Path,
    out: str | Path,
    to: str | None = None,
    keypoints: int | None = None,
    kind: str | None = None,
    link: bool = False,
    progress: bool = True,
) -> list[Converted]:
    """Converts a dataset between COCO annotations and YOLO text labels, atomically.

    Text labels are written to ``out/{kind}/{K}kpts/{split}/``, beside the images, with a
    ``data.yaml`` for all splits, which names the keypoints and classes; COCO annotations to
    ``out/annotations/person_keypoints_{split}.json``, with the images in ``out/{split}/``.
    Subfolders of the images are kept.

    Args:
        source: a COCO ``.json`` file, a folder with several (one per split), or a folder of images
            with text labels, directly or in ``train``, ``valid`` and so on.
        out: the folder to write into; existing files are kept.
        to: ``yolo`` or ``coco`` (default: the format that the source is not in).
        keypoints: 13 reduces COCO's 17 keypoints to the zoo's 13 (default: as in the source).
        kind: ``single`` or ``multi`` (default: ``multi`` for text labels, all images for COCO).
        link: create hard links to the images, or symbolic links to another disk, instead of copies.
        progress: show a progress bar.

    Raises:
        PoseError: if the source cannot be read; if a file to write exists already; if no image is
            left.
    """
    splits, is_text = _splits(Path(source))
    to = to or ("coco" if is_text else "yolo")
    if to not in FORMS or kind not in (None, *KINDS):
        raise PoseError(
            f"to={to!r}, kind={kind!r}: expected to= one of {', '.join(FORMS)}, kind= one of "
            f"{', '.join(KINDS)}"
        )
    chosen = {
        name: _chosen(dataset, keypoints, kind or ("multi" if to == "yolo" else None))
        for name, dataset in splits.items()
    }
    if not any(map(len, chosen.values())):
        raise PoseError(
            f"{source}: none of its {sum(map(len, splits.values()))} images can be converted: "
            f"none has a labeled keypoint ({kind or to})"
        )
    folders = {
        name: f"{kind or 'multi'}/{len(d.layout)}kpts/{name}" if to == "yolo" else name
        for name, d in chosen.items()
    }
    _write(
        {name: dataset for name, dataset in chosen.items() if len(dataset)},
        folders,
        Path(out),
        to,
        link,
        progress,
    )
    return [
        Converted(
            Path(out) / folders[name],
            len(dataset),
            sum(map(len, dataset)),
            len(splits[name]) - len(dataset),
        )
        for name, dataset in chosen.items()
    ]


def _write(
    splits: Mapping[str, Dataset],
    folders: Mapping[str, str],
    out: Path,
    to: str,
    link: bool,
    progress: bool,
) -> None:
    """Writes the splits into their folders under ``out``, all or none."""
    products = [folders[name] for name in splits] + [
        _annotations(name) for name in splits if to == "coco"
    ]
    descriptions = _descriptions(splits, folders, out) if to == "yolo" else {}
    products += [path for path in descriptions if not (out / path).exists()]
    with atomic_folder(out, products) as temporary:
        for path, document in descriptions.items():
            write_text(temporary / path, described_as(document))
        jobs: list[Job] = []
        for split, dataset in splits.items():
            names = _names(dataset)
            if to == "coco":
                document = to_coco(dataset.subset(_for_coco(dataset)), names)
                write_json(temporary / _annotations(split), document)
            labels = _labels(dataset, names) if to == "yolo" else None
            jobs += _jobs(dataset, temporary / folders[split], names, labels)
        _do(jobs, link, progress)
    for path in descriptions.keys() - set(products):  # of an earlier conversion: extended
        write_text(out / path, described_as(descriptions[path]))


def _descriptions(
    splits: Mapping[str, Dataset], folders: Mapping[str, str], out: Path
) -> dict[str, dict]:
    """The entries of each data.yaml by its path: of new splits, and of those that are there.

    Raises:
        PoseError: if one is there that describes other keypoints or classes.
    """
    documents: dict[str, dict] = {}
    for name, dataset in splits.items():
        path = f"{os.path.dirname(folders[name])}/{DESCRIPTION}"
        before = documents.get(path) or read_entries(out / path)
        documents[path] = with_split(before, name, dataset, out / path)
    return documents


# ---------------------------------------------------------------- reading


def _splits(source: Path) -> tuple[dict[str, Dataset], bool]:
    """The datasets of a source by split, and whether they have text labels."""
    if not source.exists():
        raise PoseError(
            f"no dataset at {source}: expected a COCO .json file, or a folder of images with labels"
        )
    files = annotation_files(source) if source.is_dir() else [source]
    if files:
        named = [(split_name(file), file) for file in files]
        twice = sorted({name for name, _ in named if [n for n, _ in named].count(name) > 1})
        if twice:
            raise PoseError(
                f"{source}: several annotation files are split {twice[0]!r}: convert them one by "
                "one"
            )
        return {name: read_coco(file) for name, file in named}, False
    return {part.name: read_yolo(part) for part in split_folders(source) or [source]}, True


def _annotations(split: str) -> str:
    return f"annotations/person_keypoints_{split}.json"


def _chosen(dataset: Dataset, keypoints: int | None, kind: str | None) -> Dataset:
    """The dataset with the given number of keypoints, and only the images and people that the kind
    keeps."""
    if keypoints and keypoints != len(dataset.layout):
        dataset = dataset.with_layout(layout_for(keypoints))
    if kind is None:
        return dataset
    return dataset.subset([kept for sample in dataset if (kept := _kept(sample, kind)) is not None])


def _kept(sample: Sample, kind: str) -> Sample | None:
    """A sample without crowds and empty boxes; None if the kind excludes it."""
    if len(sample) == 0 or (kind == "single" and len(sample) > 1):
        return None
    if not (sample.visibility > 0).any():
        return None
    keep = ~sample.crowd & (sample.boxes[:, 2:] > sample.boxes[:, :2]).all(axis=1)
    if keep.all():
        return sample
    if not (sample.visibility[keep] > 0).any():
        return None
    return sample.chosen(keep)


# ---------------------------------------------------------------- writing


def _labels(dataset: Dataset, names: Sequence[str]) -> list[str]:
    """The content of the label file of each image, which has the stem of its name."""
    stems = [os.path.splitext(name)[0] for name in names]
    twice = [stem for stem, count in Counter(stems).items() if count > 1]
    if twice:
        clash = [name for name, stem in zip(names, stems, strict=True) if stem == twice[0]]
        raise PoseError(
            f"{dataset.source}: {' and '.join(clash)} would share one label file, as only their "
            "suffixes differ: rename one"
        )
    lines = iter(_lines(dataset))
    return ["".join(next(lines) for _ in range(len(sample))) for sample in dataset]


def _lines(dataset: Dataset) -> list[str]:
    """A line per person, in order: class, box and keypoints, to seven digits."""
    people = [sample for sample in dataset if len(sample)]
    if not people:
        return []
    sizes = np.repeat(
        [s.size or image_size(s.path) for s in people], [len(s) for s in people], axis=0
    ).astype(np.float64)
    boxes = np.concatenate([s.boxes for s in people]).astype(np.float64).reshape(-1, 2, 2)
    keypoints = np.concatenate([s.keypoints for s in people]).astype(np.float64)
    keypoints[:, :, :2] /= sizes[:, None]
    keypoints[:, :, 2] = keypoints[:, :, 2] > 0
    classes = np.concatenate([s.classes for s in people])
    numbers = [
        classes[:, None],
        boxes.mean(axis=1) / sizes,
        (boxes[:, 1] - boxes[:, 0]) / sizes,
        keypoints.reshape(len(sizes), -1),
    ]
    form = "%d %.7g %.7g %.7g %.7g" + " %.7g %.7g %d" * len(dataset.layout) + "\n"
    return [form % tuple(row) for row in np.concatenate(numbers, axis=1).tolist()]


def _for_coco(dataset: Dataset) -> list[Sample]:
    """The samples with their sizes. If the labels never use visibility 2, 1 does not mean hidden,
    and labeled keypoints become visible."""
    hidden_known = any((sample.visibility == 2).any() for sample in dataset)
    samples = []
    for sample in dataset:
        keypoints = sample.keypoints.copy()
        if not hidden_known:
            keypoints[keypoints[:, :, 2] == 1, 2] = 2
        size = sample.size or image_size(sample.path)
        samples.append(replace(sample, keypoints=keypoints, size=size))
    return samples


def copy_images(dataset: Dataset, folder: Path, link: bool, progress: bool) -> list[str]:
    """Copies the images of a dataset, or links to them; returns their paths in the folder."""
    names = _names(dataset)
    _do(_jobs(dataset, folder, names), link, progress)
    return names


Job = tuple[str, str, str | None]
"""An image, its copy, and the content of a label file beside that, if there is to be one."""


def _jobs(
    dataset: Dataset, folder: Path, names: Sequence[str], labels: Sequence[str] | None = None
) -> list[Job]:
    """The images to copy into a folder, which is made with its subfolders."""
    for subfolder in {os.path.dirname(name) for name in names} | {""}:
        (folder / subfolder).mkdir(parents=True, exist_ok=True)
    contents: Sequence[str | None] = labels or [None] * len(names)
    return [
        (str(sample.path), os.path.join(folder, name), content)
        for sample, name, content in zip(dataset, names, contents, strict=True)
    ]


def _names(dataset: Dataset) -> list[str]:
    """The path of each image relative to the common folder."""
    if not len(dataset):
        return []
    paths = [str(s.path) for s in dataset]
    root = os.path.commonpath({os.path.dirname(path) for path in paths})
    return [path[len(root) :].lstrip(os.sep) for path in paths]


def _do(jobs: Sequence[Job], link: bool, progress: bool) -> None:
    """Runs all jobs in a thread pool and stops at the first that fails."""
    from tqdm.auto import tqdm

    pool = ThreadPoolExecutor(_THREADS)
    parts = [jobs[start : start + _CHUNK] for start in range(0, len(jobs), _CHUNK)]
    try:
        with tqdm(total=len(jobs), desc="copy", unit="image", disable=not progress) as bar:
            for done in pool.map(partial(_do_part, link=link), parts):
                bar.update(done)
    finally:
        pool.shutdown(cancel_futures=True)


def _do_part(jobs: Sequence[Job], link: bool) -> int:
    for source, target, label in jobs:
        _link(source, target) if link else shutil.copyfile(source, target)
        if label is not None:
            with open(os.path.splitext(target)[0] + ".txt", "w", encoding="utf-8") as file:
                file.write(label)
    return len(jobs)


def _link(source: str, target: str) -> None:
    source = os.path.realpath(source)
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without hard links
        os.symlink(source, target)
