"""The data.yaml of Ultralytics beside text labels: number, names and mirror pairs of keypoints, and
names of classes, which the labels themselves do not have; and where the images of each split are.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from ..errors import PoseError
from ..files import read_text
from ..keypoints import KeypointLayout, layout_for, layout_from_names
from ..keypoints.spelling import listed_names
from .dataset import Dataset

DESCRIPTION = "data.yaml"
_NAMES = (DESCRIPTION, "data.yml", "dataset.yaml", "dataset.yml")
_SPLITS = ("train", "val", "test")
_DESCRIBING = {"kpt_shape", "kpt_names", "flip_idx", "names"}
_LONGEST = 1 << 16
"""Bytes of a file of another name."""
_OF_TAGS = (ValueError, TypeError, LookupError, AttributeError)
"""What PyYAML raises for a value that its tag (``!!bool``) does not fit."""
_LEVELS = 3
"""The folder of images and those above it in which the file may be: ``train/images``."""


@dataclass(frozen=True)
class Description:
    """What a data.yaml says; all of it may be missing.

    Attributes:
        path: the file.
        count: of the keypoints.
        flip: for each keypoint the index of its mirror image.
        kpt_names: of the keypoints.
        class_names: of the classes.
    """

    path: Path
    count: int | None
    flip: tuple[int, ...]
    kpt_names: tuple[str, ...]
    class_names: tuple[str, ...]

    def layout(self, count: int) -> KeypointLayout | None:
        """The layout of so many keypoints; None if it is not described.

        Raises:
            PoseError: if the description is of another number, or contradicts itself.
        """
        if self.count not in (None, count):
            raise PoseError(
                f"{self.path}: kpt_shape says {self.count} keypoints; the labels have {count}"
            )
        for key, values in (("flip_idx", self.flip), ("kpt_names", self.kpt_names)):
            if values and len(values) != count:
                raise PoseError(f"{self.path}: {key} has {len(values)} entries, expected {count}")
        usual = layout_for(count)
        if not self.kpt_names and self.flip in ((), usual.mirror):
            return None
        names = self.kpt_names or [f"keypoint_{i}" for i in range(count)]
        try:
            return layout_from_names(names, mirror=self.flip)
        except PoseError as error:
            raise PoseError(f"{self.path}: {error}") from error


def read_description(folder: Path) -> Description | None:
    """The description of a folder of images: of the first data.yaml in it, or above it, that
    describes keypoints or classes, or the only file of another name that does; None without one.

    Raises:
        PoseError: if it cannot be read.
    """
    for place in [folder, *folder.resolve().parents][:_LEVELS]:
        for path in _files(place):
            found = _described(path, _document(path))
            if found is not None:
                return found
    return None


def read_splits(path: Path) -> tuple[dict[str, list[Path]], Description | None]:
    """The places of the images of each split that a data.yaml names, folders and lists (.txt), and
    its description; splits whose places are missing are left out.

    Places are relative to its ``path``, and that to the file; where there is no such folder, as of
    a dataset that was moved, to the folder of the file.

    Raises:
        PoseError: if it cannot be read, or none of its splits is there.
    """
    document = _document(path)
    named = {split: document.get(split) or [] for split in _SPLITS}
    roots = [path.parent / str(document.get("path") or ""), path.parent]
    splits = {}
    for split, places in named.items():
        texts = places if isinstance(places, list) else [places]
        found = [_place(str(text), roots) for text in texts]
        if found and None not in found:
            splits[split] = [place for place in found if place is not None]
    if not splits:
        given = {split: places for split, places in named.items() if places}
        expected = "expected train: and val: with folders of images, or lists of them (.txt)"
        if not given:
            raise PoseError(f"{path}: names no splits ({', '.join(_SPLITS)}); {expected}")
        below = " or ".join(dict.fromkeys(map(str, roots)))
        raise PoseError(
            f"{path}: none of its splits is there ({reprlib.repr(given)} below {below}); {expected}"
        )
    return splits, _described(path, document)


def read_entries(path: Path) -> dict:
    """The entries of a data.yaml; none if it is not there."""
    return _document(path) if path.is_file() else {}


def with_split(entries: Mapping, name: str, dataset: Dataset, path: Path) -> dict:
    """The entries of a data.yaml, those of Ultralytics, with another split: the folder of that name
    beside it. Without ``path``, folders are relative to the file.

    Raises:
        PoseError: if the entries describe other keypoints or classes.
    """
    layout = dataset.layout
    described = {
        "kpt_shape": [len(layout), 3],
        **({"flip_idx": list(layout.mirror)} if layout.mirror_known else {}),
        "names": dict(enumerate(dataset.class_names)),
        "kpt_names": {index: list(layout.names) for index in range(len(dataset.class_names))},
    }
    other = [key for key, value in described.items() if entries.get(key, value) != value]
    if other:
        raise PoseError(
            f"{path} exists already, with other {', '.join(other)}: remove it, or choose another "
            "folder"
        )
    part = next((part for part in _SPLITS if name.lower().startswith(part)), _SPLITS[0])
    before = entries.get(part) or []
    folders = [*(before if isinstance(before, list) else [before]), name]
    splits = {key: entries[key] for key in _SPLITS if key in entries}
    splits[part] = folders if len(folders) > 1 else name
    return splits | described


def described_as(entries: Mapping) -> str:
    """The text of a data.yaml."""
    return yaml.safe_dump(dict(entries), sort_keys=False, allow_unicode=True, width=1000)


def _place(text: str, roots: list[Path]) -> Path | None:
    """The first that is there. Roboflow begins with ``../`` what is beside the file."""
    texts = dict.fromkeys([text, text.removeprefix("../")])
    return next((r / each for each in texts for r in roots if (r / each).exists()), None)


def listed_images(path: Path) -> list[Path]:
    """The images of a list, a line each, relative to its folder."""
    lines = [line.strip() for line in read_text(path).splitlines()]
    return [path.parent / line for line in lines if line]


def _files(place: Path) -> Iterator[Path]:
    """The files of a folder that may be a description: those of the usual names, then another one
    that has a kpt_shape."""
    yield from (place / name for name in _NAMES if (place / name).is_file())
    others = [path for path in place.glob("*.y*ml") if path.name not in _NAMES]
    shaped = [path for path in others if _has_shape(path)]
    yield from shaped if len(shaped) == 1 else ()


def _has_shape(path: Path) -> bool:
    try:
        return (
            path.is_file()
            and path.stat().st_size < _LONGEST
            and (b"kpt_shape" in path.read_bytes())
        )
    except OSError:
        return False


def _document(path: Path) -> dict:
    """Its entries; none if it is a list or a text."""
    text = read_text(path)
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, *_OF_TAGS, RecursionError) as error:
        raise PoseError(f"{path} is not YAML: {' '.join(str(error).split())[:200]}") from error
    return document if isinstance(document, dict) else {}


def _described(path: Path, document: dict) -> Description | None:
    if not _DESCRIBING & document.keys():
        return None
    shape = document.get("kpt_shape") or [None]
    flip = document.get("flip_idx") or ()
    good = isinstance(shape, Sequence) and (shape[0] is None or type(shape[0]) is int)
    if not good or not isinstance(flip, Sequence) or any(type(i) is not int for i in flip):
        raise PoseError(
            f"{path}: kpt_shape={reprlib.repr(shape)}, flip_idx={reprlib.repr(flip)}; expected "
            "[keypoints, 2 or 3] and a list of integers"
        )
    return Description(
        path,
        shape[0],
        tuple(flip),
        _names(document, "kpt_names", path),
        _names(document, "names", path),
    )


def _names(document: dict, key: str, path: Path) -> tuple[str, ...]:
    given = listed_names(document.get(key))
    if not isinstance(given, list):
        return ()
    wrong = [name for name in given if not isinstance(name, (str, int, float))]
    if wrong:
        raise PoseError(
            f"{path}: {key} has {reprlib.repr(wrong[0])} among its names; expected a list, or "
            "names by their index"
        )
    return tuple(str(name) for name in given)
