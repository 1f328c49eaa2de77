"""Which files of a folder are annotations, by their content, whatever their names; and the images
of an annotation file."""

from __future__ import annotations

import json
import mmap
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from ..errors import PoseError
from ..files import files_below, listed, listed_by_case, same_name

_SPLIT = re.compile(r"(train|training|val|valid|validation|test|testing)(\d{4})?", re.IGNORECASE)
_LISTS = re.compile(rb'"(images|annotations|keypoints)"\s*:\s*\[')
LABELME = (
    "is of labelme: convert its files, for example by opening the folder in X-AnyLabeling and "
    "exporting YOLO-Pose or COCO keypoints"
)
_LABELME = re.compile(rb'"(shapes|imagePath)"\s*:')


def annotation_files(path: Path) -> list[Path]:
    """The COCO files of a path: the file itself; those in a folder or its ``annotations/``; the one
    beside it of the same name; or those in its subfolders that are called like splits.

    A JSON file is one of them if it has lists of images and annotations; those with keypoints are
    preferred.
    """
    if path.suffix.lower() == ".json":
        return [path] if path.is_file() else []
    beside = path.with_name(path.name + ".json")
    in_splits = (file for folder in split_folders(path) for file in folder.glob("*"))
    for files in path.glob("*"), (path / "annotations").glob("*"), [beside], in_splits:
        if found := _annotations(file for file in files if file.suffix.lower() == ".json"):
            return found
    return []


def _annotations(files: Iterable[Path]) -> list[Path]:
    shown = [p for p in sorted(files) if not p.name.startswith(".") and not p.is_dir()]
    files = [file for file in shown if file.is_file()]
    for file in set(shown) - set(files):
        if os.path.lexists(file):
            warnings.warn(f"{file} is not a regular file: not read", stacklevel=2)
    # COCO's own other files are large
    files = [file for file in files if file.name.startswith("person_keypoints_")] or files
    lists = {file: _matches(_LISTS, file) for file in files}
    found = [file for file in files if {b"images", b"annotations"} <= lists[file]]
    return [file for file in found if b"keypoints" in lists[file]] or found


def _matches(pattern: re.Pattern, file: Path) -> frozenset[bytes]:
    """The keys of a pattern that a JSON object has somewhere; none for unreadable files."""
    try:
        status = os.stat(file)
        return _matches_of(pattern, str(file), status.st_size, status.st_mtime_ns)
    except OSError:
        return frozenset()


@lru_cache(maxsize=1000)
def _matches_of(pattern: re.Pattern, file: str, size: int, _time: int) -> frozenset[bytes]:
    """As :func:`_matches`, by searching the bytes, as parsing a large file takes seconds."""
    if not size:
        return frozenset()
    found: set[bytes] = set()
    with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        encoding = json.detect_encoding(data[:4])
        is_utf_8 = encoding.startswith("utf-8")
        text = data if is_utf_8 else data[:].decode(encoding, "replace").encode()
        if not text[:4096].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
            return frozenset()
        for match in pattern.finditer(text):
            found.add(match.group(1))
            if len(found) == 3:
                break
    return frozenset(found)


def split_folders(path: Path) -> list[Path]:
    """The folders of a dataset's splits: ``train``, ``valid`` and the like in it, or in its
    ``images``."""
    for folder in (path / "images", path):
        found = sorted(p for p in folder.glob("*") if _SPLIT.fullmatch(p.name) and p.is_dir())
        if found:
            return found
    return []


def split_name(file: Path) -> str:
    """The split of a COCO file: ``val`` for ``person_keypoints_val2017.json``; the folder for the
    ``_annotations.coco.json`` in ``valid``."""
    name = file.stem.removeprefix("person_keypoints_").removeprefix("instances_")
    if not _SPLIT.fullmatch(name) and _SPLIT.fullmatch(file.parent.name):
        name = file.parent.name
    return re.sub(r"^(train|val|test)\d{4}$", r"\1", name)


def splits_by_role(names: Iterable[str]) -> dict[str, str]:
    """The names of splits by what they are for: ``train``, ``val`` and ``test``. Empty without a
    training split beside another, or if two are for the same."""
    known = [name for name in names if _SPLIT.fullmatch(name)]
    found = {
        role: [name for name in known if name.lower().startswith(role)]
        for role in ("train", "val", "test")
    }
    is_clear = found["train"] and len(known) > 1 and max(map(len, found.values())) == 1
    return {role: given[0] for role, given in found.items() if given} if is_clear else {}


def other_labels(folder: Path) -> str:
    """A sentence about the files in a folder that may be labels of other formats; empty if there
    are none."""
    files = [Path(file) for file in sorted(files_below(folder)[0])]
    documents = [file for file in files if file.suffix.lower() in (".json", ".xml", ".csv")]
    if not documents:
        return ""
    first = documents[0].name
    labelme = [file for file in documents[:100] if len(_matches(_LABELME, file)) == 2]
    if labelme:
        return f". {labelme[0].name} {LABELME}"
    return (
        f". {first} (of {len(documents)} .json, .xml or .csv files) has no lists of images and "
        "annotations: export COCO keypoints or YOLO pose labels from the tool that wrote it"
    )


def capitals(count: int, name: str, path: str) -> str:
    """A sentence about names that files were found for with other capitals, and the first."""
    return (
        f"{count} files have other capitals than the names given ({name} is "
        f"{os.path.basename(path)}): taken as the same"
    )


class ImageFinder:
    """Resolves the file names in an annotation file to paths.

    Each name is searched for in the usual folders around the file: as written, percent-decoded,
    without its folders, which annotation tools often add, with accents of another encoding, and
    with other capitals, as file systems that ignore case find it.

    Attributes:
        left: names of pipes and devices, which are left out.
        recased: names and the paths that they are with other capitals.
    """

    def __init__(self, annotations: Path):
        split = annotations.stem.removeprefix("person_keypoints_").removeprefix("instances_")
        root = annotations.parent
        if annotations.parent.name == "annotations":
            root = annotations.parent.parent
        folders = [root / split, root / "images" / split, root / "images", annotations.parent, root]
        self.folders = [str(folder) for folder in dict.fromkeys(folders) if folder.is_dir()] or [
            str(folders[0])
        ]
        self.users: dict[str, str] = {}
        self.left: list[str] = []
        self.recased: list[tuple[str, str]] = []
        self.by_case = lru_cache(maxsize=None)(listed_by_case)
        self.listed = lru_cache(maxsize=None)(listed)

    def find(self, name: str, where: str) -> Path | None:
        """The path of an image; ``where`` is the place of its record in the file, for error
        messages. None for pipes and devices, which are added to ``left``.

        Raises:
            PoseError: if there is no such image, several by other capitals, or another record has
                the same one.
        """
        if not isinstance(name, str) or not name.strip() or "\0" in name:
            raise PoseError(f"{where}: file_name is {name!r:.60}, expected the name of an image")
        path = self._first(name) or self._recased(name, where)
        if path is None and self._is_special(name):
            self.left.append(name)
            return None
        if path is None:
            raise PoseError(f"{where}: no such image: {name}; looked in {', '.join(self.folders)}")
        if path in self.users:
            raise PoseError(
                f"{where}: its image {path} is also that of "
                f"{self.users[path].rsplit(' ', 1)[-1]}; list it once"
            )
        self.users[path] = where
        return Path(path)

    def notes(self) -> list[str]:
        """What was found how."""
        left, recased = self.left, self.recased
        return [
            *([f"{len(left)} images are not regular files ({left[0]}): left out"] if left else []),
            *([capitals(len(recased), *recased[0])] if recased else []),
        ]

    def _is_special(self, name: str) -> bool:
        """Whether there is a pipe or a device of this name."""
        paths = [os.path.join(folder, name) for folder in self.folders]
        return any(os.path.exists(path) and not os.path.isdir(path) for path in paths)

    def _first(self, name: str) -> str | None:
        """The first existing path over spellings and folders; the folder that has it is tried first
        from then on."""
        for spelling in _spellings(name):
            for index, folder in enumerate(self.folders):
                path = os.path.join(folder, spelling)
                if os.path.isfile(path):
                    self.folders.insert(0, self.folders.pop(index))
                    return path
        for spelling in _spellings(name):
            for folder in self.folders:
                path = folder
                for part in spelling.split("/"):
                    path = self.listed(path).get(same_name(part), "")
                if os.path.isfile(path):
                    return path
        return None

    def _recased(self, name: str, where: str) -> str | None:
        """The path with other capitals."""
        for spelling in _spellings(name):
            for folder in self.folders:
                paths = [folder]
                for part in spelling.split("/"):
                    key = same_name(part).casefold()
                    paths = [found for path in paths for found in self.by_case(path).get(key, [])]
                files = [path for path in paths if os.path.isfile(path)]
                if len(files) > 1:
                    raise PoseError(
                        f"{where}: no such image: {name}; {files[0]} and {files[1]} are called so "
                        "with other capitals: rename one, or correct the annotation"
                    )
                if files:
                    self.recased.append((name, files[0]))
                    return files[0]
        return None


def _spellings(name: str) -> Iterator[str]:
    plain = name.replace("\\", "/")
    yield name
    yield plain
    yield unquote(plain)
    yield plain.rsplit("/", 1)[-1]
    yield unquote(plain.split("?")[0]).rsplit("/", 1)[-1]
