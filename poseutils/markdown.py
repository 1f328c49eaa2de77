"""Markdown that shows text from models, data and file names as it is, and never as markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_MARKUP = re.compile(r"[&<>\[\]`*|\\$~]")


def escaped(text: object) -> str:
    """Text in one line, in which nothing is HTML, a link, mathematics or the end of a cell."""
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", " ".join(str(text).split()))


def code(text: object) -> str:
    """Text in the type of code, or escaped where that could not hold it."""
    return f"`{text}`" if escaped(text) == text else escaped(text)


def table(heading: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[bool]) -> str:
    """A table of cells that are Markdown already; columns of ``numbers`` are aligned right."""
    line = "|".join(" ---: " if right else " --- " for right in numbers)
    cells = (f"| {' | '.join(row)} |" for row in (heading, *rows))
    return "\n".join([next(cells), f"|{line}|", *cells])
