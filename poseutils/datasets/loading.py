"""``load_dataset``: detects the format of a dataset and reads it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import PoseError
from ..keypoints import KeypointLayout
from .coco import read_coco, read_coco_layout
from .dataset import Dataset
from .finding import annotation_files, split_folders, split_name, splits_by_role
from .ultralytics import read_splits
from .yolo import read_yolo


def load_dataset(
    path: str | Path, split: str | None = None, layout: KeypointLayout | None = None
) -> Dataset:
    """Reads a dataset with COCO annotations or YOLO text labels.

    Args:
        path: a COCO keypoints ``.json`` file, with the images in the folder of the same name, in
            ``images/``, or beside it; a folder of images with such a file inside or beside it; a
            folder with several such files, one per split, or with one in ``train``, ``valid`` and
            so on; or a folder of images with YOLO text labels, or the data.yaml that names such
            folders.
        split: the one to read, of a folder with several: the name of its annotation file without
            ``.json``, its folder, or ``train``, ``val`` or ``test`` of a data.yaml (default: all of
            them, concatenated).
        layout: of the keypoints of YOLO text labels, which have no names (default: by their
            number).

    Raises:
        PoseError: if there is no dataset, or it is damaged.
    """
    with _without_garbage_collection():
        return _load(Path(path), split, layout)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Disables cyclic garbage collection, which takes a third of the time while many small objects
    are created."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _load(path: Path, split: str | None, layout: KeypointLayout | None) -> Dataset:
    if path.suffix.lower() == ".json":
        return read_coco(path)
    if path.suffix.lower() in (".yaml", ".yml") and path.is_file():
        return _read_described(path, split, layout)
    if not path.is_dir():
        beside = "no such folder either"
        if path.parent.is_dir():
            beside = ", ".join(sorted(p.name for p in path.parent.glob("*"))[:8])
        raise PoseError(
            f"no dataset at {path}: expected a COCO .json file, a data.yaml or a folder. In "
            f"{path.parent}: {beside or 'no files'}"
        )
    annotations = annotation_files(path)
    if split is None:
        if annotations:
            return _join([read_coco(a) for a in annotations], path)
        return read_yolo(path, layout)
    splits = {split_name(a): a for a in annotations} | {a.stem: a for a in annotations}
    folders = {} if annotations else {folder.name: folder for folder in split_folders(path)}
    if split in splits:
        return read_coco(splits[split])
    if split in folders:
        return read_yolo(folders[split], layout)
    known = ", ".join(folders or (split_name(a) for a in annotations)) or "none"
    raise PoseError(f"{path} has no split {split!r}: it has {known}")


def _read_described(path: Path, split: str | None, layout: KeypointLayout | None) -> Dataset:
    splits, described = read_splits(path)
    if split is not None and split not in splits:
        raise PoseError(f"{path} has no split {split!r}: it has {', '.join(splits)}")
    chosen = [splits[split]] if split else splits.values()
    places = {place.resolve(): place for each in chosen for place in each}
    return _join([read_yolo(place, layout, described) for place in places.values()], path)


def find_splits(path: Path) -> dict[str, str]:
    """The splits that a dataset names, each as :func:`load_dataset` takes it, by what they are for:
    ``train``, ``val`` and ``test``. Empty if it has no training split beside another.

    Raises:
        PoseError: if a data.yaml cannot be read, or none of its splits is there.
    """
    if path.suffix.lower() in (".yaml", ".yml") and path.is_file():
        return splits_by_role(read_splits(path)[0])
    if not path.is_dir():
        return {}
    annotations = annotation_files(path)
    if annotations:
        return splits_by_role(split_name(file) for file in annotations)
    return splits_by_role(folder.name for folder in split_folders(path))


def peek_layout(path: str | Path) -> KeypointLayout | None:
    """The layout in a dataset's COCO annotations, without reading images; None for text labels and
    missing datasets."""
    files = annotation_files(Path(path))
    return read_coco_layout(files[0]) if files else None


def has_annotations(path: str | Path) -> bool:
    """Whether a dataset has COCO annotations, which have keypoint names, unlike text labels."""
    return bool(annotation_files(Path(path)))


def _join(parts: list[Dataset], source: Path) -> Dataset:
    """Concatenates datasets of the same layout; if image ids collide, all images are renumbered."""
    if len(parts) == 1:
        return parts[0]
    layouts = {part.layout for part in parts}
    if len(layouts) > 1:
        raise PoseError(
            f"{source} has annotation files with different keypoints "
            f"({', '.join(sorted(x.name for x in layouts))}): give split="
        )
    shared = {str(s.path) for s in parts[0]}.intersection(str(s.path) for p in parts[1:] for s in p)
    if shared:
        raise PoseError(
            f"{source} has {len(parts)} annotation files "
            f"({', '.join(part.source.name for part in parts)}) with {len(shared)} images in "
            "common: give one of them, or split="
        )
    names = tuple(dict.fromkeys(name for part in parts for name in part.class_names))
    samples = [
        sample.reclassified([names.index(name) for name in part.class_names])
        for part in parts
        for sample in part
    ]
    if len({s.image_id for s in samples}) < len(samples):
        samples = [s.renumbered(i) for i, s in enumerate(samples, 1)]
    return Dataset(tuple(samples), parts[0].layout, source, names)
