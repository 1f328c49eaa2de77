"""Types of attributes: numbers and tuples, which may be arithmetic expressions, ranges, paths, and
names confined to the run folder."""

from __future__ import annotations

import math
import re
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


def number_from(low: float, high: float = math.inf, whole: bool = False) -> Any:
    """The type of a number from ``low`` to ``high``."""

    def check(value: Any) -> int | float:
        try:
            return _scalar(value, low, high, whole)
        except (ValueError, OverflowError):
            raise ValueError(_bounds(low, high, whole)) from None

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


def _sizes(value: Any) -> tuple[tuple[int, int], ...]:
    try:
        sizes = tuple(
            (_scalar(height, 1, 8192, True), _scalar(width, 1, 8192, True))
            for height, width in sequence(value)
        )
        if not sizes or any(side % 32 for size in sizes for side in size):
            raise ValueError
        return sizes
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            "a list of heights and widths, multiples of 32, such as [[192, 192], [224, 224]]"
        ) from None


def _pairs(value: Any) -> list[tuple[int, int]]:
    try:
        return [
            (_scalar(first, 0, math.inf, True), _scalar(second, 0, math.inf, True))
            for first, second in map(sequence, sequence(value))
        ]
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            "a list of pairs of keypoints, counted from 0, such as [[0, 1], [1, 2]]"
        ) from None


def _increasing(value: Any) -> list[int]:
    try:
        numbers = [_scalar(element, 0, math.inf, True) for element in sequence(value)]
        if numbers != sorted(set(numbers)):
            raise ValueError
        return numbers
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            "a list of epochs, each after the one before, such as [30, 70, 150]"
        ) from None


def _rates(value: Any) -> list[float]:
    try:
        return [float(_scalar(element, 0, math.inf, False)) for element in sequence(value)]
    except (TypeError, ValueError, OverflowError):
        raise ValueError("a list of learning rates, such as [0.01, 0.005, 0.001]") from None


def _weights(value: Any) -> list[float]:
    try:
        weights = [float(_scalar(element, 0, math.inf, False)) for element in sequence(value)]
        if not any(weights):
            raise ValueError
        return weights
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            "a list of weights from 0 up, one for each keypoint and not all 0, such as [1, 1, 2]"
        ) from None


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
Sizes = Annotated[Any, BeforeValidator(_sizes)]
Pairs = Annotated[list[tuple[int, int]], BeforeValidator(_pairs)]
Epochs = Annotated[Any, BeforeValidator(_increasing)]
Rates = Annotated[Any, BeforeValidator(_rates)]
Weights = Annotated[Any, BeforeValidator(_weights)]
FilePath = Annotated[str, AfterValidator(_with_slashes)]
Inside = Annotated[str, AfterValidator(_inside)]
FileName = Annotated[str, AfterValidator(_file_name)]
