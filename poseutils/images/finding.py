"""Which files are images."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageFile

from ..errors import PoseError
from ..files import files_below

USUAL_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".gif")
# Pillow knows them by name only, or through another program
_NO_IMAGES = frozenset({"EPS", "MPEG"})
_OTHER_SUFFIXES = frozenset(
    ".arw .avif .avifs .bpg .cr2 .cr3 .dcm .dng .emf .eps .exr .hdr .heic .heics .heif .heifs .hif "
    ".jls .jng .jp2 .jxl .jxr .mng .mpo .nef .nrw .orf .pef .pict .raf .raw .rw2 .sr2 "
    ".srw .svg .svgz .webp .wdp .wmf .xcf".split()
)
"""Of formats that Pillow does not read everywhere, or not at all."""
_LISTED = 5


def find_images(folder: str | Path) -> list[Path]:
    """All image files in a folder and its subfolders, sorted by name; a path to one image is a list
    of one.

    Warns of images that are left out: in formats that are not read, and what is not a regular file.

    Raises:
        PoseError: if there is no such folder, or no image in it.
    """
    folder = Path(folder)
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        what = "not a regular file" if folder.exists() else "no such folder of images"
        raise PoseError(f"{what}: {folder}. Give a folder or one image file.")
    files, others = files_below(folder)
    chosen = [p for p in files if _suffix(p) in image_suffixes()]
    left = [p for p in files if _suffix(p) in _OTHER_SUFFIXES - image_suffixes()]
    images = image_suffixes() | _OTHER_SUFFIXES
    left += [p for p in others if _suffix(p) in images or os.path.isdir(p)]
    said = (
        f"{_listed(left, folder)} not read: expected regular files, in formats that Pillow reads; "
        "convert them to JPEG or PNG"
    )
    if left and chosen:
        warnings.warn(f"{folder}: {said}", stacklevel=2)
    if not chosen:
        raise PoseError(
            f"no image in {folder}: expected files that end in {', '.join(USUAL_SUFFIXES)}, or in "
            "another suffix that Pillow reads." + (f" {said}." if left else "")
        )
    # In the order of paths, whose comparison is slow
    return [Path(p) for p in sorted(chosen, key=lambda p: p.split(os.sep))]


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _listed(paths: list[str], folder: Path) -> str:
    """The first of some files by name, and how many there are."""
    names = sorted(os.path.relpath(path, folder) for path in paths)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{more} {'is' if len(names) == 1 else 'are'}"


@lru_cache(maxsize=1)
def image_suffixes() -> frozenset[str]:
    """The suffixes of all image formats that Pillow reads here, in lower case, such as ``.jpg``."""
    known = Image.registered_extensions()
    readable = {
        name for name, (factory, _) in Image.OPEN.items() if not _is_stub(factory)
    } - _NO_IMAGES
    return frozenset(suffix for suffix, name in known.items() if name in readable)


def _is_stub(factory: Callable) -> bool:
    """Whether Pillow only recognizes the format, and leaves reading it to a plugin that is not
    there (HDF5, GRIB and the like)."""
    return isinstance(factory, type) and issubclass(factory, ImageFile.StubImageFile)
