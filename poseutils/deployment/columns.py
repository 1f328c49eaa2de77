"""Written text in lines of at most 100 columns: C, and the comments in it."""

from __future__ import annotations

import re
import textwrap

WIDTH = 100

_LITERAL = re.compile(r'"(?:\\.|[^"\\])*"')


def broken(text: str) -> str:
    """C source whose longer lines are broken where C allows it: at commas and operators, and comments between words."""
    lines = text.splitlines()
    in_macro = [False, *(line.endswith("\\") for line in lines)]
    return "".join(f"{piece}\n" for pair in zip(lines, in_macro) for piece in _pieces(*pair))


def paragraph(text: str) -> str:
    """Markdown prose, wrapped."""
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def item(text: str) -> str:
    """An item of a Markdown list, wrapped."""
    return textwrap.fill(f"- {text}", WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def comment(text: str, indent: str = "") -> str:
    """A C comment, on one line if it fits."""
    one = f"{indent}/* {text} */"
    if len(one) <= WIDTH:
        return one
    lines = textwrap.wrap(text, WIDTH - len(indent) - 3, break_long_words=False, break_on_hyphens=False)
    return "\n".join([f"{indent}/*", *(f"{indent} * {line}" for line in lines), f"{indent} */"])


def _pieces(line: str, in_macro: bool) -> list[str]:
    if len(line) <= WIDTH:
        return [line]
    indent, body = re.match(r"(\s*)(.*)", line).groups()
    if body.startswith("/*") and body.endswith("*/"):
        return comment(body[2:-2].strip(), indent).splitlines()
    if body.startswith("* "):
        return textwrap.wrap(body[2:], WIDTH, initial_indent=f"{indent}* ", subsequent_indent=f"{indent}* ")
    tail, pieces = " \\" if in_macro or body.startswith("#") else "", []
    while len(line) > WIDTH and (at := _place(line, WIDTH - len(tail), len(line) - len(line.lstrip()))):
        pieces.append(line[:at].rstrip() + tail)
        line = f"{indent}    {line[at:].lstrip()}"
    return [*pieces, line]


def _place(line: str, width: int, start: int) -> int | None:
    """Where to break a line that begins at ``start``, not inside of a literal: after the last comma that fits; where there is none, after
    an opening bracket or around an operator, and then in the first place of all."""
    plain = _LITERAL.sub(lambda found: '"' * len(found[0]), line)
    kinds = [[found.end() for found in re.finditer(pattern, plain)] for pattern in (", ", r"\((?=\w)|\](?=\[)|= | (?=[-+*?:] |&& |\|\| |/\*)")]
    for places in kinds:
        if fitting := [place for place in places if start < place <= width + 1]:
            return max(fitting)
    return min((place for places in kinds for place in places if place > start), default=None)
