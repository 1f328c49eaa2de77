"""Text files with ``@name@`` to fill in, lines from ``@if word`` to ``@end`` that are kept under a
condition, and ``@include FILE`` for the lines of another one."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from ..compiler.emit.line_breaks import broken

FOLDER = Path(__file__).parent / "templates"

_INCLUDE = re.compile(r"^@include (\S+)\n", re.MULTILINE)
_BLOCK = re.compile(r"^@if (\w+)\n(.*?)^@end\n", re.MULTILINE | re.DOTALL)


def filled(template: str, values: Mapping[str, str], words: Collection[str] = ()) -> str:
    """The text of a template.

    Args:
        template: its name in the folder of templates.
        values: what replaces each ``@name@``; a name without a value is a KeyError.
        words: the conditions that hold.
    """
    text = _INCLUDE.sub(lambda line: _read(line[1]), _read(template))
    text = _BLOCK.sub(lambda block: block[2] if block[1] in words else "", text)
    text = re.sub(r"@(\w+)@", lambda name: values[name[1]], text)
    return broken(text) if template.endswith((".c", ".h")) else text


def _read(template: str) -> str:
    return (FOLDER / template).read_text(encoding="utf-8")
