"""``load_dataset``: finds out what a path holds and reads it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import PoseError
from ..keypoints import KeypointLayout
from .coco import read_coco, read_coco_layout
from .dataset import Dataset
from .yolo import read_yolo


def load_dataset(path: str | Path, split: str | None = None, layout: KeypointLayout | None = None) -> Dataset:
    """Reads a dataset, whatever its form.

    Args:
        path: a COCO keypoints ``.json`` file, with the images in the folder of the same name beside it, in ``images/``, or
            beside the file itself; a folder of images with such a file inside or beside it; a folder that holds
            several such files, one a split; or a folder of images with a YOLO text label beside each.
        split: which annotation file of a folder that holds several, by its name without ``.json``. Without it all are joined.
        layout: the layout of the keypoints of a YOLO folder, whose labels do not name them (default: by their number).

    Raises:
        PoseError: if nothing of the kind is there, or what is there is damaged.
    """
    with _without_collection():
        return _load(Path(path), split, layout)


@contextmanager
def _without_collection() -> Iterator[None]:
    """While many small objects come to be, Python does not look again and again which of them can go: none can, and it takes a third of the
    time."""
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
    if not path.is_dir():
        beside = ", ".join(sorted(p.name for p in path.parent.glob("*"))[:8]) if path.parent.is_dir() else "no such folder either"
        raise PoseError(f"no dataset at {path}: expected a COCO .json file or a folder. In {path.parent}: {beside or 'nothing'}")
    annotations = annotation_files(path)
    if split is not None:
        chosen = [a for a in annotations if a.stem == split]
        if not chosen:
            raise PoseError(f"{path} has no split {split!r}: it has {', '.join(a.stem for a in annotations) or 'no .json file'}")
        return read_coco(chosen[0])
    if annotations:
        return _join([read_coco(a) for a in annotations], path)
    return read_yolo(path, layout)


def peek_layout(path: str | Path) -> KeypointLayout | None:
    """The layout that a dataset's annotations give, no image read; None for text labels, which give none, and where nothing is."""
    files = annotation_files(Path(path))
    return read_coco_layout(files[0]) if files else None


def has_annotations(path: str | Path) -> bool:
    """Whether a dataset has COCO annotations, which name its keypoints."""
    return bool(annotation_files(Path(path)))


def annotation_files(path: Path) -> list[Path]:
    """The COCO file that a path is, or those inside a folder, in its ``annotations/``, or beside it under its own name."""
    if path.suffix.lower() == ".json":
        return [path] if path.is_file() else []
    inside = sorted(path.glob("*.json")) or sorted((path / "annotations").glob("*.json"))
    inside = [p for p in inside if p.name.startswith("person_keypoints_")] or inside  # beside COCO's other annotations
    beside = path.with_name(path.name + ".json")
    return inside or ([beside] if beside.is_file() else [])


def _join(parts: list[Dataset], source: Path) -> Dataset:
    """Several annotation files as one dataset; their layouts must be the same, image ids that collide are renumbered."""
    if len(parts) == 1:
        return parts[0]
    layouts = {part.layout for part in parts}
    if len(layouts) > 1:
        raise PoseError(
            f"{source} holds annotation files with different keypoints ({', '.join(sorted(x.name for x in layouts))}): give split="
        )
    samples = [sample for part in parts for sample in part]
    if len({s.image_id for s in samples}) < len(samples):
        samples = [s.renumbered(i) for i, s in enumerate(samples, 1)]
    return Dataset(tuple(samples), parts[0].layout, source)
