"""Writes OPERATORS.md: the operators that become C, and why others of their kind are refused.

    python -m tests.bench.operators_page

The reasons are read from the code: the texts of all calls that refuse an operator, in the function
that converts or lowers it and in those that it calls.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import FunctionType
from typing import Any

from poseutils import compiler
from poseutils.compiler.attributes import Attributes
from poseutils.compiler.emit.line_breaks import markdown
from poseutils.compiler.frontends.qdq import OPERATORS
from poseutils.compiler.lowering import LOWERING, TABLES_ONLY
from poseutils.compiler.rules import RULES, many

PAGE = Path(compiler.__file__).parent / "OPERATORS.md"

_REFUSING = {"need": 1, "known": 1, "a": 2, "values": 1, "Unsupported": 0}
"""Calls that refuse an operator, and which of their arguments is the reason."""

_READING = ("poseutils.compiler.lowering", "poseutils.compiler.reference")
"""The packages that read attributes."""

_HEAD = """# Operators

Written by `python -m tests.bench.operators_page`; do not edit. `…` stands for a number, a shape
or a type.

Activations are int8 with one scale and zero point, but for conversions, and for the arithmetic on
int32 and float32 that exporters put around a network. A chain of elementwise operators on one 8-bit
tensor is computed at export and becomes one table of 256 results, whatever the operators:
"""


def page() -> str:
    """The text of OPERATORS.md."""
    tables = ", ".join(f"`{name}`" for name in sorted(TABLES_ONLY))
    parts = [
        f"{_HEAD}{tables}.",
        "## Operators of a .tflite",
        *_sections({name: each for name, each in LOWERING.items() if name not in TABLES_ONLY}),
        "## Operators of a QDQ .onnx",
        "They become the operators above, on the 8-bit values between DequantizeLinear and "
        "QuantizeLinear.",
        *_sections(OPERATORS),
    ]
    return markdown("\n\n".join(parts) + "\n")


def _sections(table: Mapping[str, Callable[..., Any]]) -> Iterator[str]:
    """One section for each function of a table, under the names of its operators."""
    names: dict[Callable[..., Any], list[str]] = {}
    for name, function in table.items():
        names.setdefault(function, []).append(name)
    for function, own in names.items():
        yield f"### {', '.join(own)}"
        if own[0] in RULES:
            inputs, attributes = many(*RULES[own[0]].inputs), _attributes(own, function)
            yield f"Inputs: {inputs}. Attributes: {attributes}."
        reasons = dict.fromkeys(text for each in _reached(function) for text in _reasons(each))
        if reasons:
            yield "Refused:\n\n" + "\n".join(f"- {reason}" for reason in reasons)


def _attributes(own: list[str], function: Callable[..., Any]) -> str:
    """The fields of the operators' attributes: of those that they cannot do without, or else of
    those that the lowering reads."""
    kinds = [RULES[name].attributes for name in own if name in RULES]
    if set(kinds) == {Attributes}:
        read = [kind for each in _reached(function, _READING) for kind in _named(each)]
        kinds = [kind for kind in read if isinstance(kind, type) and issubclass(kind, Attributes)]
    names = dict.fromkeys(field.name for kind in kinds for field in fields(kind))
    return ", ".join(names) or "none"


def _reached(
    function: object, packages: tuple[str, ...] = ("poseutils.compiler",)
) -> list[FunctionType]:
    """A function, and all functions of some packages that it calls."""
    reached: list[FunctionType] = []
    waiting: list[object] = [function]
    while waiting:
        each = waiting.pop(0)
        own = getattr(each, "__module__", "").startswith(packages)
        if own and isinstance(each, FunctionType) and each not in reached:
            reached.append(each)
            waiting += _named(each)
    return reached


def _tree(function: FunctionType) -> list[ast.AST]:
    return list(ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))))


def _named(function: FunctionType) -> list[object]:
    """What the global names in a function stand for."""
    names = (node.id for node in _tree(function) if isinstance(node, ast.Name))
    return [function.__globals__[name] for name in names if name in function.__globals__]


def _reasons(function: FunctionType) -> Iterator[str]:
    """Why a function refuses an operator."""
    nodes = _tree(function)
    assigned = {
        target.id: node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in (node for node in nodes if isinstance(node, ast.Call)):
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        where = _REFUSING.get(name, len(call.args))
        for reason in call.args[where : where + 1]:
            if isinstance(reason, ast.Name):
                text = function.__globals__.get(reason.id)
                reason = assigned.get(reason.id, ast.Constant(text))
            yield from _text(reason, function.__globals__)


def _text(node: ast.AST, known: Mapping[str, object]) -> Iterator[str]:
    """A text; what is computed in it as an ellipsis, but for numbers that have a name."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(_part(part, known) for part in node.values)


def _part(part: ast.expr, known: Mapping[str, object]) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    name = ""
    if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name):
        name = part.value.id
    value = known.get(name)
    return str(value) if isinstance(value, int) else "…"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
