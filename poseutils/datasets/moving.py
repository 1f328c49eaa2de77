"""Folders that appear whole, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import PoseError
from ..files import cannot_write


@contextmanager
def in_one_step(out: Path, products: Sequence[str]) -> Iterator[Path]:
    """Yields a hidden folder to write ``products`` into, files or folders by their paths in ``out``; moves them there on success.

    Raises:
        PoseError: if one of them is there already, which is found before anything is written; if ``out`` cannot be written to
            or the disk is full.
    """
    for product in products:
        there = out / product
        if there.exists() and not (there.is_dir() and not any(there.iterdir())):
            raise PoseError(f"{there} is there already, and is not written over: remove it, or choose another folder")
    made = [p for p in (out, *out.parents) if not p.exists()]
    workshop = None
    try:
        out.mkdir(parents=True, exist_ok=True)
        workshop = Path(tempfile.mkdtemp(prefix=".converting-", dir=out))
        made += [p for product in products for p in (out / product).parents if out in p.parents and not p.exists()]
        yield workshop
        _move_all(workshop, out, products)
        made = []
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        if workshop is not None:
            shutil.rmtree(workshop, ignore_errors=True)
        for folder in sorted(set(made), key=lambda p: len(p.parts), reverse=True):
            with suppress(OSError):
                folder.rmdir()


def _move_all(workshop: Path, out: Path, products: Sequence[str]) -> None:
    """Moves all, or, if one cannot be moved, none."""
    moved = []
    try:
        for product in products:
            (out / product).parent.mkdir(parents=True, exist_ok=True)
            os.rename(workshop / product, out / product)
            moved.append(product)
    except BaseException:
        for product in moved:
            os.rename(out / product, workshop / product)
        raise
