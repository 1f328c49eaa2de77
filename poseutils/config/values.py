"""Types of attributes: numbers and tuples, which may be arithmetic expressions, ranges, paths, and
names confined to the run folder."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool

from .arithmetic import NUMBER, evaluate

INSIDE = "a folder inside the run folder: relative, without .. or a drive letter"
FILE_NAME = (
    "a name of letters, digits, spaces and _ . + -, at most 64 characters, starting with a letter, "
    "a digit or _"
)

_FILE_NAME = re.compile(r"\w[\w .+-]{0,63}\Z")


# ---------------------------------------------------------------- numbers


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(NUMBER)
    return evaluate(value) if isinstance(value, str) else value


def sequence(value: Any) -> Any:
    """A tuple, where one is written as text; other values unchanged."""
    return evaluate(value) if isinstance(value, str) else value


def _scalar(value: Any, low: float, high: float, whole: bool) -> Any:
    value = _number(value)
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError
    if not low <= value <= high or (whole and value != int(value)):
        raise ValueError
    return int(value) if whole else value


def number_from(low: float, high: float = math.inf) -> Any:
    """The type of a number from ``low`` to ``high``."""

    def check(value: Any) -> int | float:
        try:
            return _scalar(value, low, high, False)
        except (ValueError, OverflowError):
            raise ValueError(_bounds(low, high, False)) from None

    return Annotated[Any, BeforeValidator(check)]


def range_from(low: float = -math.inf, high: float = math.inf, whole: bool = False) -> Any:
    """The type of a number, or of a range (lowest, highest) of them, from ``low`` to ``high``."""

    def check(value: Any) -> int | float | tuple:
        try:
            value = sequence(value)
            if not isinstance(value, (list, tuple)):
                return _scalar(value, low, high, whole)
            first, last = (_scalar(element, low, high, whole) for element in value)
            if first > last:
                raise ValueError
            return first, last
        except (ValueError, OverflowError):
            raise ValueError(
                f"{_bounds(low, high, whole)}, or a range (lowest, highest) of them, such as "
                f"{_example(low, whole)}"
            ) from None

    return Annotated[Any, BeforeValidator(check)]


def _bounds(low: float, high: float, whole: bool) -> str:
    kind = "a whole number" if whole else "a number"
    if math.isfinite(low) and math.isfinite(high):
        return f"{kind} from {low:g} to {high:g}"
    return f"{kind} from {low:g} up" if math.isfinite(low) else kind


def _example(low: float, whole: bool) -> str:
    return "(2, 4)" if whole else "(-0.1, 0.1)" if low < 0 else "(0.1, 0.3)"


def _list_of(
    element: Callable[[Any], Any], expected: str, fits: Callable[[list], object] = lambda _: True
) -> Any:
    """The type of a list.

    Args:
        element: reads one; ValueError, TypeError and OverflowError refuse it.
        expected: what the list is, and an example.
        fits: whether the elements go together.
    """

    def check(value: Any) -> list:
        try:
            elements = [element(each) for each in sequence(value)]
        except (TypeError, ValueError, OverflowError):
            elements = None
        if elements is None or not fits(elements):
            raise ValueError(f"a list of {expected}")
        return elements

    return Annotated[Any, BeforeValidator(check)]


def _pair(value: Any, low: int = 0, high: float = math.inf) -> tuple[int, int]:
    first, second = sequence(value)
    return _scalar(first, low, high, True), _scalar(second, low, high, True)


def _from_zero(value: Any) -> float:
    return float(_scalar(value, 0, math.inf, False))


# ---------------------------------------------------------------- paths and names


def _with_slashes(path: str) -> str:
    """A path with forward slashes, which every operating system reads."""
    if "\0" in path:
        raise ValueError("a path without NUL characters")
    return path.replace("\\", "/")


def has_drive(path: str) -> bool:
    """Whether a path begins with a drive letter, as on Windows."""
    return bool(re.match(r"[A-Za-z]:[\\/]", path))


def _inside(path: str) -> str:
    windows, posix = PureWindowsPath(path), PurePosixPath(_with_slashes(path))
    if (
        windows.drive
        or windows.root
        or posix.is_absolute()
        or ".." in posix.parts
        or path.startswith("~")
    ):
        raise ValueError(INSIDE)
    return posix.as_posix()


def _file_name(name: str) -> str:
    if not _FILE_NAME.match(name):
        raise ValueError(FILE_NAME)
    return name


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("text of one line")
    return text


def one_of(*words: str) -> Any:
    """The type of one of several words, in any case."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or value.lower() not in words:
            raise ValueError(" or ".join(repr(word) for word in words))
        return value.lower()

    return Annotated[Any, BeforeValidator(check)]


Flag = StrictBool
Text = Annotated[str, AfterValidator(_one_line)]
Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Integer = Annotated[int, BeforeValidator(_number)]
Count = Annotated[Integer, Field(gt=0)]
Index = Annotated[Integer, Field(ge=0)]
Positive = Annotated[Number, Field(gt=0)]
Fraction = Annotated[Number, Field(ge=0, le=1)]
Split = Annotated[Number, Field(gt=0, lt=1)]
Margin = range_from(1, 10)
Shape = Annotated[tuple[Count, Count, Count], BeforeValidator(sequence)]
Sizes = _list_of(
    lambda value: _pair(value, 1, 8192),
    "heights and widths, multiples of 32, such as [[192, 192], [224, 224]]",
    lambda sizes: sizes and not any(side % 32 for size in sizes for side in size),
)
Pairs = _list_of(_pair, "pairs of keypoints, counted from 0, such as [[0, 1], [1, 2]]")
Epochs = _list_of(
    lambda value: _scalar(value, 0, math.inf, True),
    "epochs, each after the one before, such as [30, 70, 150]",
    lambda epochs: epochs == sorted(set(epochs)),
)
Rates = _list_of(_from_zero, "learning rates, such as [0.01, 0.005, 0.001]")
Weights = _list_of(
    _from_zero, "weights from 0 up, one for each keypoint and not all 0, such as [1, 1, 2]", any
)
FilePath = Annotated[str, AfterValidator(_with_slashes)]
Inside = Annotated[str, AfterValidator(_inside)]
FileName = Annotated[str, AfterValidator(_file_name)]
