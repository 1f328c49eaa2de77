"""Numbers and tuples as configuration files write them: ``1/127.5``, ``(192, 192, 3)``. Evaluated without running code."""

from __future__ import annotations

import ast
import math
import operator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictBool

MAX_LENGTH = 200
MAX_EXPONENT = 64
NUMBER = "a number or an arithmetic expression such as 1/127.5"

_BINARY = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
_UNARY = {ast.UAdd: operator.pos, ast.USub: operator.neg}


def evaluate(text: str) -> int | float | tuple:
    """The value of an arithmetic expression (numbers, + - * / **, parentheses), or of a tuple or list of them.

    Raises:
        ValueError: if ``text`` is anything else, divides by zero, or is too long or too large to be meant.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"{NUMBER}, at most {MAX_LENGTH} characters")
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, _NotArithmetic):
        raise ValueError(NUMBER) from None
    except ZeroDivisionError:
        raise ValueError("an expression that does not divide by zero") from None
    except OverflowError:
        raise ValueError(f"a finite number, with exponents of at most {MAX_EXPONENT}") from None


class _NotArithmetic(Exception):
    """Something other than numbers, operators and parentheses."""


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


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(NUMBER)
    return evaluate(value) if isinstance(value, str) else value


def _sequence(value: Any) -> Any:
    return evaluate(value) if isinstance(value, str) else value


def _amount(value: Any) -> Any:
    """A number, or numbers in (nested) tuples, such as a range or a list of sizes."""
    if isinstance(value, (list, tuple)):
        return tuple(_amount(element) for element in value)
    value = _number(value)
    if not isinstance(value, (int, float, tuple)) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("a finite number or a range such as (-0.1, 0.1)")
    return value


def loosely(value: Any) -> Any:
    """Arguments whose types are known to the callee alone: what reads as arithmetic becomes a number, all else stays."""
    if isinstance(value, dict):
        return {key: loosely(element) for key, element in value.items()}
    if isinstance(value, list):
        return [loosely(element) for element in value]
    if not isinstance(value, str):
        return value
    try:
        return evaluate(value)
    except ValueError:
        return value


Flag = StrictBool
Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Integer = Annotated[int, BeforeValidator(_number)]
Count = Annotated[Integer, Field(gt=0)]
Positive = Annotated[Number, Field(gt=0)]
Fraction = Annotated[Number, Field(ge=0, le=1)]
Split = Annotated[Number, Field(gt=0, lt=1)]
Shape = Annotated[tuple[Count, Count, Count], BeforeValidator(_sequence)]
Amount = Annotated[Any, BeforeValidator(_amount)]
