"""Atomic writing of files: an interrupted run leaves no incomplete file."""

from __future__ import annotations

import hashlib
import json
import math
import os
import reprlib
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import PoseError

MOST_TEXT = 16 << 20
"""Bytes of a record or of metrics; larger files are something else."""

METRICS = "metrics.json"
"""What a service writes last."""

NOTES = "notes.txt"
"""Sentences of a service about what it found, a line each."""

_INCOMPLETE = ".incomplete-"
"""How the name of a file begins while it is written; short, whatever the file's own."""


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path`` with the same suffix; on success it replaces
    ``path``.

    Raises:
        PoseError: if the folder cannot be written to or the disk is full.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_INCOMPLETE, suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def rename_all(pairs: Iterable[tuple[Path, Path]]) -> None:
    """Renames each path to another, in order; if one cannot be renamed, none are."""
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in pairs:
            source.rename(target)
            done.append((source, target))
    except BaseException:
        for source, target in reversed(done):
            target.rename(source)
        raise


def files_below(folder: str | Path) -> tuple[list[str], list[str]]:
    """The paths of all regular files below a folder, and of what cannot be read there: pipes,
    devices, broken links, folders that may not be opened.

    Links are followed, after all folders; a folder is visited once, by device and inode, so that
    loops of links end. Names that begin with a dot are left out.
    """
    files, others = [], []
    visited: set[tuple[int, int]] = set()
    folders = [str(folder)]
    links: list[str] = []
    while folders or links:
        place = (folders or links).pop()
        try:
            status = os.stat(place)
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(place) as entries:
                shown = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError:
            others.append(place)
            continue
        for entry in shown:
            is_link = entry.is_symlink()
            if os.path.isdir(entry.path) if is_link else entry.is_dir():
                (links if is_link else folders).append(entry.path)
            elif os.path.isfile(entry.path) if is_link else entry.is_file():
                files.append(entry.path)
            else:
                others.append(entry.path)
    return files, others


def listed(folder: str) -> dict[str, str]:
    """The paths of what is in a folder by :func:`same_name`; empty if it cannot be listed."""
    try:
        return {same_name(name): os.path.join(folder, name) for name in os.listdir(folder)}
    except OSError:
        return {}


def listed_by_case(folder: str) -> dict[str, list[str]]:
    """The paths of what is in a folder by :func:`same_name` in lower case, sorted; empty if it
    cannot be listed."""
    found: dict[str, list[str]] = {}
    for name, path in sorted(listed(folder).items()):
        found.setdefault(name.casefold(), []).append(path)
    return found


def same_name(name: str) -> str:
    """What is the same for a file name with accents in one character or two, or in Latin-1 instead
    of UTF-8."""
    try:
        raw = os.fsencode(name)
    except UnicodeEncodeError:
        return name
    try:
        return unicodedata.normalize("NFC", raw.decode())
    except UnicodeDecodeError:
        return unicodedata.normalize("NFC", raw.decode("latin-1"))


def cache_folders() -> Iterator[Path]:
    """``POSEUTILS_CACHE`` if it is set, then the operating system's cache folder for this
    package."""
    if given := os.environ.get("POSEUTILS_CACHE"):
        yield Path(given)
    import pooch  # slow to import, and only needed here

    yield Path(pooch.os_cache("poseutils"))


def cached_folder(name: str) -> Path:
    """The folder of that name in one of the cache folders: the first that exists, else the first
    that can be made."""
    candidates = [root / name for root in cache_folders()]
    for usable in (Path.is_dir, lambda folder: _can_write(folder.parent)):
        for folder in filter(usable, candidates):
            return folder
    return candidates[-1]


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def remove_incomplete(folder: Path) -> None:
    """Removes what writes that were killed left in a folder; other dotfiles are the user's."""
    for path in folder.glob(f"{_INCOMPLETE}*"):
        path.unlink(missing_ok=True)


def given_path(value: object, name: str, expected: str) -> Path:
    """The path that a caller gave for its argument ``name``.

    Raises:
        PoseError: if it is of another type, or empty; says that ``expected`` was expected.
    """
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise PoseError(f"{name}={reprlib.repr(value)}: {expected} is expected")
    return Path(value)


def cannot_write(path: str | Path, error: OSError) -> PoseError:
    """The error for a folder that cannot be written to, or a full disk."""
    return PoseError(
        f"cannot write {path}: {error.strerror or error}. Choose a writable folder with enough "
        "free space."
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def decoded(data: bytes, path: str | Path) -> str:
    """The text of a file in UTF-8, UTF-16 or UTF-32, by its byte order mark or, if it begins with
    ASCII as JSON does, its zero bytes.

    Raises:
        PoseError: if it is in none of them.
    """
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise PoseError(
            f"{path}: byte {error.start} is not {encoding.upper()} text; expected UTF-8. If it is "
            "text in another encoding, such as Latin-1, save it as UTF-8"
        ) from None


def read_text(path: Path) -> str:
    """The text of a file of up to ``MOST_TEXT`` bytes, see :func:`decoded`.

    Raises:
        PoseError: if it cannot be read, is larger, or in another encoding.
    """
    try:
        if (size := path.stat().st_size) > MOST_TEXT:
            raise PoseError(f"{path}: {size:,} bytes; up to {MOST_TEXT:,} are read")
        return decoded(path.read_bytes(), path)
    except OSError as error:
        raise PoseError(f"{path}: cannot be read ({error.strerror or error})") from None


def write_text(path: str | Path, text: str) -> Path:
    """Writes UTF-8 text atomically; bytes of file names that are not UTF-8 are escaped."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
    return Path(path)


def write_json(path: str | Path, value: Any) -> Path:
    """Writes a JSON file atomically, indented, keys in the given order. Raises ValueError for NaN,
    which is not JSON."""
    return write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


@contextmanager
def json_list(path: str | Path) -> Iterator[Callable[[Any], None]]:
    """Yields a function that appends a value to a JSON list, which is written atomically and never
    kept in memory; a line a value."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        separator = "[\n"

        def append(value: Any) -> None:
            nonlocal separator
            file.write(separator + json.dumps(value, allow_nan=False))
            separator = ",\n"

        yield append
        file.write("\n]\n" if separator == ",\n" else "[]\n")


def write_metrics(run_dir: str | Path, metrics: Mapping[str, float]) -> Path:
    """Writes ``metrics.json``, names to numbers; NaN and infinite values are left out."""
    numbers = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
    return write_json(Path(run_dir) / METRICS, numbers)


def write_notes(run_dir: str | Path, notes: Sequence[str]) -> None:
    """Writes ``notes.txt``; without notes, removes an earlier one."""
    path = Path(run_dir) / NOTES
    if notes:
        write_text(path, "".join(f"{note}\n" for note in notes))
    else:
        path.unlink(missing_ok=True)


def sha256(data: bytes) -> str:
    """The SHA-256 of data, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
