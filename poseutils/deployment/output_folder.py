"""The folder that is written: new, empty, or one of an earlier call. No file of the user is
lost."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import PoseError
from ..files import cannot_write, given_path

MANIFEST = "manifest.json"
MAKER = "poseutils"

_BUILT = {f"build/{program}" for program in ("main", "debug", "m4.elf", "m7.elf", "m55.elf")}
"""What the Makefile of an exported network builds."""

_NAMED = 5
"""Files that an error names."""


@contextmanager
def replaced_folder(out_dir: str | os.PathLike) -> Iterator[Path]:
    """Yields an empty folder whose content takes the place of that of ``out_dir`` on success.

    An earlier call's files are replaced; a link to a folder stays one.

    Raises:
        PoseError: before anything is written, if ``out_dir`` holds a file that no earlier call
            wrote, or one that was changed since; if it is no folder, or cannot be written.
    """
    folder = _resolved(out_dir)
    workshop = None
    try:
        _check_replaceable(folder)
        existed = folder.exists()
        place = folder if existed else folder.parent
        place.mkdir(parents=True, exist_ok=True)
        workshop = Path(tempfile.mkdtemp(prefix=f".{MAKER}-", dir=place))
        new, old = workshop / "new", workshop / "old"
        new.mkdir()
        yield new
        if existed:
            old.mkdir()
            _exchange(folder, new, old, workshop)
        else:
            new.rename(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        if workshop is not None:
            shutil.rmtree(workshop, ignore_errors=True)


def _resolved(out_dir: str | os.PathLike) -> Path:
    """The folder itself, where ``out_dir`` is a link or relative."""
    path = given_path(out_dir, "out_dir", "the path of the folder to write")
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise PoseError(f"{out_dir} is no path that can be written to: {error}") from error


def _check_replaceable(folder: Path) -> None:
    for place in (folder, *folder.parents):
        if place.exists() and not place.is_dir():
            raise PoseError(
                f"cannot write {folder}: {place} is a file, not a folder. Choose another folder."
            )
    if not folder.exists() or not any(folder.iterdir()):
        return
    written = _written_files(folder)
    if written is None:
        raise PoseError(
            f"{folder} has other files in it and is not replaced: it is not a bundle that "
            "poseutils wrote. Choose a new or an empty folder."
        )
    kept = sorted(name for name in _files_of(folder) if not _is_replaceable(folder, name, written))
    if kept:
        more = f" and {len(kept) - _NAMED} more" if len(kept) > _NAMED else ""
        raise PoseError(
            f"{folder} is not replaced, as that would lose {', '.join(kept[:_NAMED])}{more}: added "
            "or changed since poseutils wrote the folder. Move them elsewhere, or choose a new or "
            "an empty folder."
        )


def _written_files(folder: Path) -> dict[str, str] | None:
    """sha256 by file name of what an earlier call wrote; None if it was none of ours."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["made_by"] != MAKER:
            return None
        return {name: record["sha256"] for name, record in manifest["files"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _files_of(folder: Path) -> list[str]:
    """All that is no folder, by its path in it; a link to a folder is no folder."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return [path.relative_to(folder).as_posix() for path in found]


def _is_replaceable(folder: Path, name: str, written: dict[str, str]) -> bool:
    """Whether a file is as an earlier call wrote it, or was built out of that."""
    if name == MANIFEST or name in _BUILT or "__pycache__" in name.split("/"):
        return True
    path = folder / name
    return name in written and _has_digest(path, written[name])


def _has_digest(path: Path, digest: str) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == digest


def _exchange(folder: Path, new: Path, old: Path, workshop: Path) -> None:
    """Moves what is in the folder to ``old`` and what is in ``new`` into it; if that fails,
    back."""
    moved: list[tuple[Path, Path]] = []
    try:
        for source, target in ((folder, old), (new, folder)):
            for path in sorted(source.iterdir()):
                if path != workshop:
                    path.rename(target / path.name)
                    moved.append((path, target / path.name))
    except BaseException:
        for source, target in reversed(moved):
            target.rename(source)
        raise
