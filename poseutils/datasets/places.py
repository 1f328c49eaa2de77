"""Where the images of an annotation file are."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

from ..errors import PoseError


class ImageFinder:
    """Finds the images that an annotation file names.

    A name is looked for in the usual folders around the file: as it is written; decoded, where it is a part of a URL; and
    without its folders, which annotation tools fill with their own.
    """

    def __init__(self, annotations: Path):
        split = annotations.stem.removeprefix("person_keypoints_").removeprefix("instances_")
        root = annotations.parent.parent if annotations.parent.name == "annotations" else annotations.parent
        folders = [root / split, root / "images" / split, root / "images", annotations.parent, root]
        self.folders = [str(folder) for folder in dict.fromkeys(folders) if folder.is_dir()] or [str(folders[0])]
        self.users: dict[str, str] = {}

    def find(self, name: str, where: str) -> Path:
        """The path of an image. ``where`` is its record's place in the file, for messages.

        Raises:
            PoseError: if it is nowhere, or another record has it already.
        """
        if not isinstance(name, str) or not name.strip() or "\0" in name:
            raise PoseError(f"{where}: file_name is {name!r:.60}, expected the name of an image")
        path = self._first(name)
        if path is None:
            raise PoseError(f"{where}: no such image: {name}; looked in {', '.join(self.folders)}")
        if path in self.users:
            raise PoseError(f"{where}: its image {path} is also that of {self.users[path].rsplit(' ', 1)[-1]}; list it once")
        self.users[path] = where
        return Path(path)

    def _first(self, name: str) -> str | None:
        """The path that the first spelling of a name has in the first folder; the folder that had it goes first from now on."""
        for spelling in _spellings(name):
            for index, folder in enumerate(self.folders):
                path = os.path.join(folder, spelling)
                if os.path.isfile(path):
                    self.folders.insert(0, self.folders.pop(index))
                    return path
        return None


def _spellings(name: str):
    plain = name.replace("\\", "/")
    yield name
    yield plain
    yield unquote(plain)
    yield plain.rsplit("/", 1)[-1]
    yield unquote(plain.split("?")[0]).rsplit("/", 1)[-1]
