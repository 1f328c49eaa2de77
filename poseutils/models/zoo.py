"""The published pretrained models: source, SHA-256 and license of each, and the cache of
downloads."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ..errors import PoseError
from ..files import sha256_of

SPDX = {
    "SLA0044 (ST: for use with ST parts)": "LicenseRef-SLA0044",
    "Apache-2.0": "Apache-2.0",
    "AGPL-3.0": "AGPL-3.0-only",
}
"""The SPDX identifier of each license."""


@dataclass(frozen=True)
class Entry:
    """One published file.

    Attributes:
        name: in the zoo.
        model_type: of its decoder; ``detector`` for the detectors of hands and heads.
        keypoints: K.
        file: file name.
        url: source, at a fixed commit.
        sha256: of the file.
        license: under which its authors publish it.
        rescaling: scale and offset from pixels 0…255 to the values of a float input; None for uint8
            inputs.
    """

    name: str
    model_type: str
    keypoints: int
    file: str
    url: str
    sha256: str
    license: str
    rescaling: tuple[float, float] | None = None


def _read_zoo() -> dict[str, Entry]:
    """The entries of ``zoo.json`` by name."""
    rows = json.loads(Path(__file__).with_name("zoo.json").read_text(encoding="utf-8"))
    for row in rows:
        row["rescaling"] = tuple(row["rescaling"]) if "rescaling" in row else None
    return {row["name"]: Entry(**row) for row in rows}


ZOO = _read_zoo()


def cache_folder() -> Path:
    """``POSEUTILS_CACHE``, or the operating system's cache folder for this package."""
    if os.environ.get("POSEUTILS_CACHE"):
        return Path(os.environ["POSEUTILS_CACHE"])
    import pooch

    return Path(pooch.os_cache("poseutils"))


def find_entry(name: str) -> Entry:
    """The zoo entry of that name.

    Raises:
        PoseError: if there is none; the message suggests the nearest name.
    """
    if name not in ZOO:
        near = get_close_matches(name, ZOO, 1, 0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise PoseError(
            f"no model {name!r} in the zoo, and no such file.{hint} The zoo has: {', '.join(ZOO)}"
        )
    return ZOO[name]


def name_of(name_or_url: str) -> str:
    """The zoo name of a file given by its URL; any other text unchanged.

    Only files of the zoo can be loaded by URL, as only their SHA-256 is known.

    Raises:
        PoseError: for the URL of any other file.
    """
    if "://" not in name_or_url:
        return name_or_url
    file = name_or_url.rpartition("/")[2]
    same = [
        name for name, entry in ZOO.items() if file in (entry.file, entry.url.rpartition("/")[2])
    ]
    if not same:
        raise PoseError(
            f"{name_or_url} is not the URL of a model in the zoo: download it yourself and give "
            "the path of the file"
        )
    return same[0]


def fetch(name: str) -> Path:
    """The path of a zoo model's file in the cache; it is downloaded once and checked by SHA-256.

    A file with the right name and SHA-256 anywhere below the cache folder is used.

    Raises:
        PoseError: if there is no such model; if it cannot be downloaded, with instructions to do so
            manually.
    """
    entry = find_entry(name)
    folder = cache_folder()
    for path in sorted(folder.rglob(entry.file)) if folder.is_dir() else ():
        if sha256_of(path) == entry.sha256:
            return path
    return _download(entry, folder / "models")


def downloaded() -> list[str]:
    """The names of the zoo models that have a file in the cache, by its name alone."""
    folder = cache_folder()
    files = {path.name for path in folder.rglob("*")} if folder.is_dir() else set()
    return [name for name, entry in ZOO.items() if entry.file in files]


def _download(entry: Entry, folder: Path) -> Path:
    import pooch

    print(f"Downloading {entry.name} ({entry.license}) from {entry.url}")
    try:
        return Path(
            pooch.retrieve(
                entry.url, known_hash=f"sha256:{entry.sha256}", fname=entry.file, path=folder
            )
        )
    except Exception as error:  # requests, urllib3, ssl and pooch each raise their own
        raise PoseError(
            f"cannot download {entry.name}: {error}\nDownload {entry.url} manually to "
            f"{folder / entry.file} "
            f"(sha256 {entry.sha256}), or set POSEUTILS_CACHE to a folder that contains it."
        ) from None
