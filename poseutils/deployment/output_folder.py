"""Writing a folder as a whole: new, empty, or one of an earlier call. No file of the user is
lost."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import PoseError
from ..files import cannot_write, given_path, rename_all, sha256_of

MANIFEST = "manifest.json"
MAKER = "poseutils"

_BUILT = {
    f"c/build/{program}" for program in ("main", "debug", "m4.elf", "m7.elf", "m55.elf", "f405.elf")
}
"""What the Makefile of an exported network builds."""

_STAYS = ".ipynb_checkpoints"
"""A folder that JupyterLab makes, and that stays where it is."""

_NAMED = 5
"""Files that an error names."""


@contextmanager
def replaced_folder(out_dir: str | os.PathLike) -> Iterator[Path]:
    """Yields an empty folder whose content replaces that of ``out_dir`` on success.

    An earlier call's files are replaced; a link to a folder stays one.

    Raises:
        PoseError: before anything is written, if ``out_dir`` holds a file that no earlier call
            wrote, or one that was changed since; if it is not a folder, or cannot be written.
    """
    folder = _resolved(out_dir)
    temporary = None
    try:
        _check_replaceable(folder)
        existed = folder.exists()
        place = folder if existed else folder.parent
        place.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{MAKER}-", dir=place))
        new, old = temporary / "new", temporary / "old"
        new.mkdir()
        yield new
        if existed:
            old.mkdir()
            rename_all(_exchange(folder, new, old, temporary))
        else:
            new.rename(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _resolved(out_dir: str | os.PathLike) -> Path:
    """The absolute path of the folder, links resolved."""
    path = given_path(out_dir, "out_dir", "the path of the folder to write")
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise PoseError(f"{out_dir} is not a valid path: {error}") from error


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
            f"{folder} has other files in it and is not replaced: it was not exported by "
            "poseutils. Choose a new or an empty folder."
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
    """sha256 by file name of what an earlier call wrote; None if the folder is not ours."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["made_by"] != MAKER:
            return None
        return {name: record["sha256"] for name, record in manifest["files"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _files_of(folder: Path) -> list[str]:
    """All files and links, by their path in the folder, without what stays."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    names = (path.relative_to(folder) for path in found)
    return [name.as_posix() for name in names if name.parts[0] != _STAYS]


def _is_replaceable(folder: Path, name: str, written: dict[str, str]) -> bool:
    """Whether a file is unchanged since an earlier call wrote it, or was built from that."""
    if name == MANIFEST or name in _BUILT or "__pycache__" in name.split("/"):
        return True
    path = folder / name
    is_file = path.is_file() and not path.is_symlink()
    return is_file and name in written and sha256_of(path) == written[name]


def _exchange(folder: Path, new: Path, old: Path, temporary: Path) -> Iterator[tuple[Path, Path]]:
    """From and to where the content of the folder goes to ``old``, and that of ``new`` into it."""
    for source, target in ((folder, old), (new, folder)):
        for path in sorted(source.iterdir()):
            if path != temporary and path.name != _STAYS:
                yield path, target / path.name
