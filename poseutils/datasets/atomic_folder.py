"""Atomic creation of folders."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import PoseError
from ..files import cannot_write, rename_all


@contextmanager
def atomic_folder(out: Path, products: Sequence[str]) -> Iterator[Path]:
    """Yields a temporary folder for ``products``, files or folders by their paths in ``out``; moves
    them there on success.

    Raises:
        PoseError: if one of them exists already, before anything is written; if ``out`` cannot be
            written to or the disk is full.
    """
    for product in products:
        target = out / product
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise PoseError(
                f"{target} exists already and is not overwritten: remove it, or choose another "
                "folder"
            )
    created = [p for p in (out, *out.parents) if not p.exists()]
    temporary = None
    try:
        out.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".converting-", dir=out))
        created += [
            p
            for product in products
            for p in (out / product).parents
            if out in p.parents and not p.exists()
        ]
        yield temporary
        for product in products:
            (out / product).parent.mkdir(parents=True, exist_ok=True)
        rename_all((temporary / product, out / product) for product in products)
        created = []
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        for folder in sorted(set(created), key=lambda p: len(p.parts), reverse=True):
            with suppress(OSError):
                folder.rmdir()
