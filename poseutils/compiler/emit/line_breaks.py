"""Written text in lines of at most 100 columns: C with its comments, and Markdown."""

from __future__ import annotations

import re
import textwrap
from typing import Any

WIDTH = 100

_WRAP: dict[str, Any] = {"width": WIDTH, "break_long_words": False, "break_on_hyphens": False}

_LITERAL = re.compile(r'"(?:\\.|[^"\\])*"')


def broken(text: str) -> str:
    """C source whose longer lines are broken: code at commas and operators, comments at words."""
    lines = text.splitlines()
    in_macro = [False, *(line.endswith("\\") for line in lines)]
    return "".join(f"{piece}\n" for pair in zip(lines, in_macro) for piece in _pieces(*pair))


def markdown(text: str) -> str:
    """Markdown whose prose and lists are wrapped; tables, headings and code stay as they are."""
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else _prose(part) for part in parts)


def _prose(text: str) -> str:
    return "".join(
        block if not block.strip() or block[0] in "|#<" else _filled(block)
        for block in re.split(r"(\n{2,}|^\n|\n$)", text)
    )


def _filled(block: str) -> str:
    """A paragraph, or the items of a list, in lines that fit."""
    items = re.split(r"\n(?=- |\d+\. )", block)
    return "\n".join(
        textwrap.fill(" ".join(item.split()), subsequent_indent=_indent(item), **_WRAP)
        for item in items
    )


def _indent(item: str) -> str:
    return " " * len(found[0]) if (found := re.match(r"(?:- |\d+\. )", item)) else ""


def comment(text: str, indent: str = "") -> str:
    """A C comment, on one line if it fits."""
    one = f"{indent}/* {text} */"
    if len(one) <= WIDTH:
        return one
    lines = textwrap.wrap(
        text, WIDTH - len(indent) - 3, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join([f"{indent}/*", *(f"{indent} * {line}" for line in lines), f"{indent} */"])


def _pieces(line: str, in_macro: bool) -> list[str]:
    if len(line) <= WIDTH:
        return [line]
    body = line.lstrip()
    indent = line[: len(line) - len(body)]
    if body.startswith("/*") and body.endswith("*/"):
        return comment(body[2:-2].strip(), indent).splitlines()
    if body.startswith("* "):
        return textwrap.wrap(
            body[2:], WIDTH, initial_indent=f"{indent}* ", subsequent_indent=f"{indent}* "
        )
    tail = " \\" if in_macro or body.startswith("#") else ""
    aligned = _cut(line, tail, f"{indent}    ", align=True)
    return aligned if max(map(len, aligned)) <= WIDTH else _cut(line, tail, f"{indent}    ", False)


def _cut(line: str, tail: str, indent: str, align: bool) -> list[str]:
    """The pieces of a line; with ``align`` they go on right of the bracket that is still open."""
    pieces: list[str] = []
    brackets: list[int] = []
    while len(line) > WIDTH and (
        at := _place(line, WIDTH - len(tail), len(line) - len(line.lstrip()))
    ):
        piece = line[:at].rstrip()
        _follow(_masked(piece), brackets, len(indent))
        pieces.append(piece + tail)
        hang = " " * brackets[-1] if align and brackets else indent
        line = hang + line[at:].lstrip()
    return [*pieces, line]


def _follow(piece: str, brackets: list[int], indent: int) -> None:
    """Brings up to date where what is in each open bracket begins: ``indent``, if on a new line."""
    for column, character in enumerate(piece):
        if character == "(":
            brackets.append(column + 1 if column + 1 < len(piece) else indent)
        elif character == ")" and brackets:
            brackets.pop()


def _masked(text: str) -> str:
    """The text with its literals made quotation marks alone, of the same length."""
    return _LITERAL.sub(lambda found: '"' * len(found[0]), text)


def _depth(plain: str) -> int:
    return plain.count("(") - plain.count(")")


def _place(line: str, width: int, start: int) -> int | None:
    """Where to break a line that begins at ``start``, not inside of a literal.

    After the last comma that fits, in as few brackets as possible; where there is none, after an
    opening bracket or around an operator, and then in the first place of all.
    """
    plain = _masked(line)
    kinds = [
        [found.end() for found in re.finditer(pattern, plain)]
        for pattern in (", ", r"\((?=\w)|\](?=\[)|= | (?=[-+*?:] |&& |\|\| |/\*)")
    ]
    for places in kinds:
        if fitting := [place for place in places if start < place <= width + 1]:
            return max(fitting, key=lambda place: (-_depth(plain[:place]), place))
    return min((place for places in kinds for place in places if place > start), default=None)
