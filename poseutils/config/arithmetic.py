"""Arithmetic in configuration files, evaluated without running code.

:func:`evaluate` reads numbers and tuples (``1/127.5``, ``(192, 192, 3)``); an :class:`Expression`
is a formula in named variables (``lr * 0.95 ** epoch``). Python's parser reads the text, and its
syntax tree is checked here against an allowlist of node types and evaluated by ``simpleeval``.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from typing import Any

from simpleeval import DEFAULT_OPERATORS, InvalidExpression, SimpleEval

MAX_LENGTH = 200
MAX_EXPRESSION = 2000
NUMBER = "a number or an arithmetic expression such as 1/127.5"


def _power(base: float, exponent: float) -> int | float:
    """In floating point, so that no exponent can make a number that fills the memory."""
    result = math.pow(base, exponent)
    return int(result) if result.is_integer() and abs(result) < 2**53 else result


_OPERATORS = {**DEFAULT_OPERATORS, ast.Pow: _power}
_FUNCTIONS: dict[str, Any] = {
    "min": min,
    "max": max,
    "abs": abs,
    "round": lambda value, digits=0: round(float(value), int(digits)),
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "cos": math.cos,
    "sin": math.sin,
    "pow": math.pow,
}
_ARITHMETIC = (ast.UAdd, ast.USub, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.Load)
_COMPARISONS = (ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_LOGIC = (ast.FloorDiv, ast.Mod, ast.Not, ast.BoolOp, ast.And, ast.Or, ast.IfExp, *_COMPARISONS)
_LAMBDA = re.compile(r"^\s*lambda\b[^:]*:\s*")


def evaluate(text: str) -> int | float | tuple:
    """The value of an arithmetic expression (numbers, + - * / **, parentheses), or of a tuple or
    list of them.

    Raises:
        ValueError: if ``text`` is anything else, divides by zero, is longer than ``MAX_LENGTH``, or
            its value is not finite.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"{NUMBER}, at most {MAX_LENGTH} characters")
    try:
        return _numbers(_parsed(text.strip(), (*_ARITHMETIC, ast.Tuple, ast.List), ()))
    except ZeroDivisionError:
        raise ValueError("an expression that does not divide by zero") from None
    except OverflowError:
        raise ValueError("a finite number") from None
    except (InvalidExpression, SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError(NUMBER) from None


def numbers_evaluated(value: Any) -> Any:
    """``value``, in which every text that reads as arithmetic is a number: for arguments whose
    types only the user's code knows."""
    if isinstance(value, dict):
        return {key: numbers_evaluated(element) for key, element in value.items()}
    if isinstance(value, list):
        return [numbers_evaluated(element) for element in value]
    try:
        return evaluate(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _numbers(node: ast.expr) -> int | float | tuple:
    if isinstance(node, (ast.Tuple, ast.List)):
        return tuple(_numbers(element) for element in node.elts)
    value = _value(node, {})
    if not math.isfinite(float(value)):
        raise OverflowError
    return value


class Expression:
    """An arithmetic expression in named variables, such as ``lr if epoch < 10 else lr * 0.95``;
    called with their values.

    It may use numbers, ``+ - * / // % **``, comparisons, ``and or not``, ``a if condition else b``,
    ``pi`` and the functions min, max, abs, round, exp, log, sqrt, cos, sin and pow. Powers are
    floating point, so that no number can grow without bound.
    """

    def __init__(self, text: str, variables: tuple[str, ...]):
        """Checks ``text``.

        Raises:
            ValueError: if it holds anything else, or more than ``MAX_EXPRESSION`` characters; the
                message names what is refused.
        """
        self.text = " ".join(str(text).split())
        expected = (
            f"an arithmetic expression in {' and '.join(variables)}, such as lr if epoch < 10 else "
            "lr * 0.95"
        )
        if len(self.text) > MAX_EXPRESSION:
            raise ValueError(f"{expected}, of at most {MAX_EXPRESSION} characters")
        if _LAMBDA.match(self.text):
            body = _LAMBDA.sub("", self.text)
            raise ValueError(
                "an expression; a lambda is code, which a configuration does not run. Write it "
                f"as: {body}"
            )
        try:
            self._body = _parsed(
                self.text, (*_ARITHMETIC, *_LOGIC), (*variables, "pi", *_FUNCTIONS)
            )
        except (SyntaxError, MemoryError, RecursionError):
            raise ValueError(expected) from None
        except ValueError as error:
            raise ValueError(f"{expected}; {error}. Functions: {', '.join(_FUNCTIONS)}") from None

    def __call__(self, **values: float) -> float:
        """The value.

        Raises:
            ValueError: if there is none, as after a division by zero, or it is not finite.
        """
        at = ", ".join(f"{name} {value:g}" for name, value in values.items())
        try:
            result = float(
                _value(
                    self._body,
                    {name: float(value) for name, value in values.items()} | {"pi": math.pi},
                )
            )
        except (
            ArithmeticError,
            InvalidExpression,
            ValueError,
            TypeError,
            KeyError,
            RecursionError,
        ):  # TypeError and KeyError: a function misused
            raise ValueError(f"{self.text!r} has no value at {at}") from None
        if not math.isfinite(result):
            raise ValueError(f"{self.text!r} is not finite at {at}")
        return result


def _parsed(text: str, syntax: tuple[type[ast.AST], ...], names: tuple[str, ...]) -> ast.expr:
    """The syntax tree of ``text``, every node of which is on the allowlist.

    Raises:
        SyntaxError, ValueError: if it is not an expression, or holds a node that is not allowed.
    """
    body = ast.parse(text, mode="eval").body
    for node in ast.walk(body):
        if not _is_allowed(node, syntax, names):
            raise ValueError(f"{(ast.unparse(node) or type(node).__name__)[:60]!r} is not allowed")
    return body


def _is_allowed(node: ast.AST, syntax: tuple[type[ast.AST], ...], names: tuple[str, ...]) -> bool:
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float)
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS and not node.keywords
    return isinstance(node, (ast.BinOp, ast.UnaryOp, *syntax))


def _value(body: ast.expr, variables: Mapping[str, float]) -> Any:
    """The number or truth value of a tree that :func:`_parsed` has checked."""
    evaluator = SimpleEval(operators=_OPERATORS, functions=_FUNCTIONS, names=dict(variables))
    return evaluator.eval("", previously_parsed=body)
