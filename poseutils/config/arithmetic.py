"""Arithmetic as configuration files write it, evaluated without running code.

Numbers and tuples (``1/127.5``, ``(192, 192, 3)``) are :func:`evaluate`; an expression in named variables (``lr * 0.95 ** epoch``)
is an :class:`Expression`. Both read Python's grammar and know a short list of its nodes; everything else is refused.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Mapping
from typing import Any

MAX_LENGTH = 200
MAX_EXPONENT = 64
MAX_EXPRESSION = 2000
NUMBER = "a number or an arithmetic expression such as 1/127.5"

_BINARY = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
_UNARY = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_MORE_BINARY = {**_BINARY, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow}
_MORE_UNARY = {**_UNARY, ast.Not: operator.not_}
_COMPARISONS = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FUNCTIONS = {
    "min": min,
    "max": max,
    "abs": abs,
    "round": lambda value, digits=0: float(round(value, int(digits))),
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "cos": math.cos,
    "sin": math.sin,
    "pow": lambda base, exponent: float(base) ** exponent,
}
_CONSTANTS = {"pi": math.pi}
_LAMBDA = re.compile(r"^\s*lambda\b[^:]*:\s*")


class _NotArithmetic(Exception):
    """Something other than what is on the list."""


# ---------------------------------------------------------------- numbers and tuples of them


def evaluate(text: str) -> int | float | tuple:
    """The value of an arithmetic expression (numbers, + - * / **, parentheses), or of a tuple or list of them.

    Raises:
        ValueError: if ``text`` is anything else, divides by zero, or is too long or too large to be meant.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"{NUMBER}, at most {MAX_LENGTH} characters")
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except ZeroDivisionError:
        raise ValueError("an expression that does not divide by zero") from None
    except OverflowError:
        raise ValueError(f"a finite number, with exponents of at most {MAX_EXPONENT}") from None
    except (SyntaxError, ValueError, MemoryError, RecursionError, _NotArithmetic):
        raise ValueError(NUMBER) from None


def loosely(value: Any) -> Any:
    """Values whose types are known to the user's own code alone: what reads as arithmetic becomes a number, all else stays."""
    if isinstance(value, dict):
        return {key: loosely(element) for key, element in value.items()}
    if isinstance(value, list):
        return [loosely(element) for element in value]
    try:
        return evaluate(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _value(node: ast.expr) -> int | float | tuple:
    if isinstance(node, (ast.Tuple, ast.List)):
        return tuple(_value(element) for element in node.elts)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return _finite(node.value)
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _UNARY[type(node.op)](_scalar(node.operand))
    if isinstance(node, ast.BinOp):
        return _finite(_binary(node.op, _scalar(node.left), _scalar(node.right)))
    raise _NotArithmetic


def _scalar(node: ast.expr) -> int | float:
    value = _value(node)
    if isinstance(value, tuple):
        raise _NotArithmetic
    return value


def _binary(op: ast.operator, left: int | float, right: int | float) -> int | float:
    if isinstance(op, ast.Pow):
        return _power(left, right)
    if type(op) not in _BINARY:
        raise _NotArithmetic
    return _BINARY[type(op)](left, right)


def _power(base: int | float, exponent: int | float) -> int | float:
    """In floating point, so that no exponent can make a number that fills the memory."""
    if abs(exponent) > MAX_EXPONENT:
        raise OverflowError
    result = float(base) ** exponent
    if isinstance(result, complex):
        raise _NotArithmetic
    return int(result) if result.is_integer() and abs(result) < 2**53 else result


def _finite(value: int | float) -> int | float:
    if not math.isfinite(float(value)):
        raise OverflowError
    return value


# ---------------------------------------------------------------- expressions in variables


class Expression:
    """An arithmetic expression in named variables, such as ``lr if epoch < 10 else lr * 0.95``; called with their values.

    It may use numbers, ``+ - * / // % **``, comparisons, ``and or not``, ``a if condition else b``, ``pi`` and the functions min, max,
    abs, round, exp, log, sqrt, cos, sin and pow. All numbers are floating point, so that none can grow without bound.
    """

    def __init__(self, text: str, variables: tuple[str, ...]):
        """Checks ``text``.

        Raises:
            ValueError: if it holds anything else than the above, or is longer than a screen of text; says what.
        """
        self.text = " ".join(str(text).split())
        self.variables = variables
        _refuse_code(self.text, variables)
        try:
            self._body = ast.parse(self.text, mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            raise ValueError(_expected(variables)) from None
        try:
            _check(self._body, variables)
        except RecursionError:
            raise ValueError(f"{_expected(variables)}; this one is nested too deeply") from None

    def __call__(self, **values: float) -> float:
        """The value.

        Raises:
            ValueError: if there is none, as after a division by zero, or it is not finite.
        """
        names = {**_CONSTANTS, **{name: float(value) for name, value in values.items()}}
        try:
            result = float(_result(self._body, names))
        except (ArithmeticError, ValueError, TypeError, RecursionError):  # TypeError: a power that gave a complex number
            raise ValueError(f"{self.text!r} has no value at {_at(values)}") from None
        if not math.isfinite(result):
            raise ValueError(f"{self.text!r} is not finite at {_at(values)}")
        return result


def _refuse_code(text: str, variables: tuple[str, ...]) -> None:
    if len(text) > MAX_EXPRESSION:
        raise ValueError(f"{_expected(variables)}, of at most {MAX_EXPRESSION} characters")
    if _LAMBDA.match(text):
        raise ValueError(f"an expression; a lambda is code, which a configuration does not run. Write it as: {_LAMBDA.sub('', text)}")


def _expected(variables: tuple[str, ...]) -> str:
    return f"an arithmetic expression in {' and '.join(variables)}, such as lr if epoch < 10 else lr * 0.95"


def _at(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items())


def _check(node: ast.expr, variables: tuple[str, ...]) -> None:
    """Refuses what is not on the list, before anything is computed."""
    if isinstance(node, ast.Name) and (node.id in variables or node.id in _CONSTANTS):
        return
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return
    for part in _parts(node, variables):
        _check(part, variables)


def _parts(node: ast.expr, variables: tuple[str, ...]) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and type(node.op) in _MORE_BINARY:
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp) and type(node.op) in _MORE_UNARY:
        return [node.operand]
    if isinstance(node, ast.BoolOp):
        return node.values
    if isinstance(node, ast.Compare) and all(type(op) in _COMPARISONS for op in node.ops):
        return [node.left, *node.comparators]
    if isinstance(node, ast.IfExp):
        return [node.test, node.body, node.orelse]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS and not node.keywords:
        return node.args
    raise ValueError(f"{_expected(variables)}; {ast.unparse(node)[:60]!r} is none. Functions: {', '.join(_FUNCTIONS)}")


def _result(node: ast.expr, names: Mapping[str, float]) -> float:
    if isinstance(node, ast.Constant):
        return float(node.value)
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.BinOp):
        return _MORE_BINARY[type(node.op)](_result(node.left, names), _result(node.right, names))
    if isinstance(node, ast.UnaryOp):
        return _MORE_UNARY[type(node.op)](_result(node.operand, names))
    if isinstance(node, ast.IfExp):
        return _result(node.body if _result(node.test, names) else node.orelse, names)
    if isinstance(node, ast.Call):
        return _FUNCTIONS[node.func.id](*(_result(argument, names) for argument in node.args))
    if isinstance(node, ast.BoolOp):
        return _either(node, names)
    return _compared(node, names)


def _either(node: ast.BoolOp, names: Mapping[str, float]) -> float:
    """``and`` and ``or`` as in Python: what follows is looked at only if it matters, so that it may guard a division."""
    for part in node.values:
        value = _result(part, names)
        if bool(value) == isinstance(node.op, ast.Or):
            break
    return value


def _compared(node: ast.Compare, names: Mapping[str, float]) -> bool:
    values = [_result(part, names) for part in (node.left, *node.comparators)]
    return all(_COMPARISONS[type(op)](a, b) for op, a, b in zip(node.ops, values[:-1], values[1:], strict=True))
