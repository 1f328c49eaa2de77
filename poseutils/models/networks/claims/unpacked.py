"""What packed files claim to hold, looked at before anything is unpacked."""

from __future__ import annotations

import zipfile
from pathlib import Path

from ....errors import PoseError

ALWAYS_READ = 64 << 20
"""Bytes that any file may unpack to."""

MOST_TIMES = 20
"""More than this times a file's own size is no network's weights, which hardly compress."""


def check_zip(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuses an archive (.keras, .npz) that unpacks to much more than its size.

    Raises:
        PoseError: the message has both sizes.
    """
    _check(sum(member.file_size for member in archive.infolist()), path.stat().st_size, path)


def check_hdf5(file, size: int, path: Path) -> None:
    """Refuses an h5py.File of so many bytes whose datasets unpack to much more, or lie in other
    files.

    Raises:
        PoseError: the message says which.
    """
    import h5py

    total = 0

    def visit(name: str, item: object) -> None:
        nonlocal total
        if isinstance(item, h5py.Dataset):
            elsewhere = item.is_virtual or item.external
            total += item.size * item.dtype.itemsize if item.size else 0
        else:
            links = (item.get(key, getlink=True) for key in item)  # type: ignore[attr-defined]
            elsewhere = any(isinstance(link, h5py.ExternalLink) for link in links)
        if elsewhere:
            raise PoseError(
                f"{path}: refused, as {name or 'it'!r} in it leads to another file. Expected a "
                "model that holds its own weights: save it again."
            )

    visit("", file)
    file.visititems(visit)
    _check(total, size, path)


def _check(unpacked: int, size: int, path: Path) -> None:
    if unpacked > max(ALWAYS_READ, MOST_TIMES * size):
        raise PoseError(
            f"{path}: refused, as its {size:,} bytes claim to unpack to {unpacked:,}; at most "
            f"{MOST_TIMES} times as many are expected of a network's weights. Save it again from "
            "where it was trained."
        )
