"""Finds the images of an annotation file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from ..errors import PoseError
from ..files import listed_files, same_name


class ImageFinder:
    """Resolves the file names in an annotation file to paths.

    Each name is searched for in the usual folders around the file: as written, percent-decoded,
    without its folders, which annotation tools often add, and with accents of another encoding.
    """

    def __init__(self, annotations: Path):
        split = annotations.stem.removeprefix("person_keypoints_").removeprefix("instances_")
        root = (
            annotations.parent.parent
            if annotations.parent.name == "annotations"
            else annotations.parent
        )
        folders = [root / split, root / "images" / split, root / "images", annotations.parent, root]
        self.folders = [str(folder) for folder in dict.fromkeys(folders) if folder.is_dir()] or [
            str(folders[0])
        ]
        self.users: dict[str, str] = {}
        self.listed = lru_cache(maxsize=None)(listed_files)

    def find(self, name: str, where: str) -> Path:
        """The path of an image; ``where`` is the place of its record in the file, for error
        messages.

        Raises:
            PoseError: if there is no such image, or another record has the same one.
        """
        if not isinstance(name, str) or not name.strip() or "\0" in name:
            raise PoseError(f"{where}: file_name is {name!r:.60}, expected the name of an image")
        path = self._first(name)
        if path is None:
            raise PoseError(f"{where}: no such image: {name}; looked in {', '.join(self.folders)}")
        if path in self.users:
            raise PoseError(
                f"{where}: its image {path} is also that of "
                f"{self.users[path].rsplit(' ', 1)[-1]}; list it once"
            )
        self.users[path] = where
        return Path(path)

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
                place, last = os.path.split(os.path.join(folder, spelling))
                found = self.listed(place).get(same_name(last))
                if found and os.path.isfile(found):
                    return found
        return None


def _spellings(name: str) -> Iterator[str]:
    plain = name.replace("\\", "/")
    yield name
    yield plain
    yield unquote(plain)
    yield plain.rsplit("/", 1)[-1]
    yield unquote(plain.split("?")[0]).rsplit("/", 1)[-1]
