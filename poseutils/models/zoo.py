"""The published pretrained models: source, SHA-256 and license of each, and the cache of
downloads.

Of a file whose SHA-256 is not known here, the user confirms it once; a record beside the downloads
keeps it, and every later download and load is held to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ..errors import PoseError
from ..files import atomic_path, cache_folders, read_text, sha256_of, write_json

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
        url: source, at a fixed commit where ``sha256`` is known.
        sha256: of the file; None if it is not known here.
        license: under which its authors publish it.
        rescaling: scale and offset from pixels 0…255 to the values of a float input; None for uint8
            inputs.
    """

    name: str
    model_type: str
    keypoints: int
    file: str
    url: str
    sha256: str | None
    license: str
    rescaling: tuple[float, float] | None = None


def _read_zoo() -> dict[str, Entry]:
    """The entries of ``zoo.json`` by name."""
    rows = json.loads(Path(__file__).with_name("zoo.json").read_text(encoding="utf-8"))
    for row in rows:
        row["rescaling"] = tuple(row["rescaling"]) if "rescaling" in row else None
        row.setdefault("sha256", None)
    return {row["name"]: Entry(**row) for row in rows}


ZOO = _read_zoo()

RECORD = "confirmed.json"
"""The file of the cache that keeps which SHA-256 the user confirmed of which model."""

Confirm = Callable[[str], bool]
"""Asks the user a question; True for yes."""


def cache_folder() -> Path:
    """``POSEUTILS_CACHE``, or the operating system's cache folder for this package."""
    return next(cache_folders())


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


def fetch(name: str, confirm: Confirm | None = None) -> Path:
    """The path of a zoo model's file in the cache; it is downloaded once and checked by SHA-256.

    A file with the right name and SHA-256 anywhere below the cache folder is used.

    Args:
        name: in the zoo.
        confirm: asked once where the SHA-256 of the file is not known: whether the one that it has
            is right, and to be recorded.

    Raises:
        PoseError: if there is no such model; if it cannot be downloaded, with instructions to do so
            manually; if its SHA-256 is not known and not confirmed; if the record of those that
            were confirmed is damaged.
    """
    entry, folder = find_entry(name), cache_folder()
    known = known_sha256(entry)
    for path in sorted(folder.rglob(entry.file)) if folder.is_dir() else []:
        if known is None:
            _record(entry, _asked(entry, path, str(path), confirm))
            return path
        if sha256_of(path) == known:
            return path
    path = folder / "models" / entry.file
    with atomic_path(path) as temporary:
        _download(entry, temporary, known)
        digest = known or _asked(entry, temporary, entry.url, confirm)
    if known is None:
        _record(entry, digest)
    return path


def known_sha256(entry: Entry) -> str | None:
    """The SHA-256 of a zoo file, as it is listed or as the user confirmed it."""
    return entry.sha256 or _confirmations().get(entry.name)


def entry_with(sha256: str) -> Entry | None:
    """The zoo entry of the file with that SHA-256, if it is one."""
    return next((entry for entry in ZOO.values() if known_sha256(entry) == sha256), None)


def downloaded() -> list[str]:
    """The names of the zoo models that have a file in the cache, by its name alone, and a known
    SHA-256."""
    folder = cache_folder()
    files = {path.name for path in folder.rglob("*")} if folder.is_dir() else set()
    return [
        name
        for name, entry in ZOO.items()
        if entry.file in files and known_sha256(entry) is not None
    ]


def unconfirmed(entry: Entry, found: str = "") -> PoseError:
    """What to do about a file whose SHA-256 is not known."""
    return PoseError(
        f"{entry.name}: the SHA-256 of its file is not known here{found}. Read the license "
        f"({entry.license}) and confirm it once: python -m poseutils fetch {entry.name} --trust"
    )


def _asked(entry: Entry, path: Path, source: str, confirm: Confirm | None) -> str:
    """The SHA-256 that the user confirms."""
    digest = sha256_of(path)
    question = (
        f"The SHA-256 of {entry.name} ({entry.license}) is not known here. {source} has "
        f"{path.stat().st_size:,} bytes and sha256 {digest}. Trust this file from now on?"
    )
    if confirm is None or not confirm(question):
        raise unconfirmed(entry, f"; that of {source} is {digest}, and was not confirmed")
    return digest


def _confirmations() -> dict[str, str]:
    """SHA-256 by name, as the user confirmed them.

    Raises:
        PoseError: if the record is damaged.
    """
    path = cache_folder() / "models" / RECORD
    if not path.exists():
        return {}
    try:
        found = json.loads(read_text(path))
        if all(re.fullmatch("[0-9a-f]{64}", digest) for digest in found.values()):
            return found
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    raise PoseError(
        f"{path} is damaged: expected a JSON object of names and their sha256. Delete it, and "
        "confirm again: python -m poseutils fetch NAME --trust"
    )


def _record(entry: Entry, digest: str) -> None:
    path = cache_folder() / "models" / RECORD
    write_json(path, _confirmations() | {entry.name: digest})
    print(f"Recorded sha256 {digest} of {entry.name} in {path}")


def _download(entry: Entry, path: Path, known: str | None) -> None:
    """Downloads a file, which is to have the SHA-256 that is known of it."""
    import pooch

    print(f"Downloading {entry.name} ({entry.license}) from {entry.url}")
    try:
        pooch.HTTPDownloader()(entry.url, str(path), None)
        if known and (found := sha256_of(path)) != known:
            raise ValueError(f"the file there has another hash, sha256 {found}")
    except Exception as error:  # requests, urllib3 and ssl each raise their own
        record = cache_folder() / "models" / RECORD
        expected = entry.sha256 or (
            f"{known}, as confirmed in {record}" if known else "to be confirmed"
        )
        raise PoseError(
            f"cannot download {entry.name}: {error}\nDownload {entry.url} manually to "
            f"{record.with_name(entry.file)} (sha256 {expected}), or set POSEUTILS_CACHE to a "
            "folder that contains it."
        ) from None
