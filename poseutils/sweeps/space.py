"""The attributes of a sweep and their values, read from arguments of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from ..errors import PoseError

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})")
_DEPTH = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included, as they were written."""

    low: str
    high: str

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are meant: both ends are written as such."""
        return all(re.fullmatch(r"[-+]?\d+", end) for end in (self.low, self.high))

    @property
    def is_logarithmic(self) -> bool:
        """Whether it spans at least a factor of ten above zero."""
        return 0 < float(self.low) and 10 * float(self.low) <= float(self.high)


@dataclass(frozen=True)
class Space:
    """What a sweep varies.

    Attributes:
        fixed: overrides ``section.attribute=value`` that all points have.
        attributes: the values of each attribute that varies: a list, or a range.
    """

    fixed: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...] | Range]

    def points(self) -> Iterator[dict[str, str]]:
        """Every combination of the values; of a range, its ends."""
        names, values = self.attributes, map(_listed, self.attributes.values())
        return (dict(zip(names, chosen, strict=True)) for chosen in product(*values))

    def one_by_one(self) -> Iterator[dict[str, str]]:
        """Points in which every value occurs: the first values, and each other one beside them."""
        first = {name: _listed(values)[0] for name, values in self.attributes.items()}
        yield first
        for name, values in self.attributes.items():
            yield from ({**first, name: value} for value in _listed(values)[1:])

    def described(self) -> dict:
        """The same as plain values."""
        attributes = {
            name: str(values) if isinstance(values, Range) else list(values)
            for name, values in self.attributes.items()
        }
        return {"overrides": list(self.fixed), "attributes": attributes}


def overrides_of(values: Mapping[str, str]) -> list[str]:
    """A point as overrides."""
    return [f"{name}={value}" for name, value in values.items()]


def read_space(arguments: Iterable[str], ranges: bool) -> Space:
    """Reads ``section.attribute=value`` for all points, ``=value,value`` for several, and
    ``=low..high`` for a range. Commas within brackets and quotes separate no values.

    Args:
        arguments: as given.
        ranges: whether ranges are allowed.

    Raises:
        PoseError: if nothing varies, an attribute is given twice or without values, or a range is
            not allowed or empty.
    """
    given: dict[str, tuple[str, ...] | Range] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals:
            raise PoseError(
                f"{argument}: expected section.attribute=value, or several: =value,value"
            )
        if name in given:
            raise PoseError(
                f"{name} is given twice. Give its values once, separated by commas: "
                f"{name}=first,second"
            )
        given[name] = _values(name, text, ranges)
    varied = {name: v for name, v in given.items() if isinstance(v, Range) or len(v) > 1}
    if not varied:
        raise PoseError(
            "no attribute has several values, so there is nothing to compare. Give one, for "
            "example model.alpha=0.35,0.5"
        )
    fixed = [f"{name}={v[0]}" for name, v in given.items() if isinstance(v, tuple) and len(v) == 1]
    return Space(tuple(fixed), varied)


def _values(name: str, text: str, ranges: bool) -> tuple[str, ...] | Range:
    found = _RANGE.fullmatch(text)
    if not found:
        values = _separated(text)
        if len(values) > 1 and "" in values:
            raise PoseError(
                f"{name}={text}: an empty value between commas. Remove a comma; for the default, "
                "write null"
            )
        return tuple(dict.fromkeys(values))
    low, high = found.groups()
    if not ranges:
        raise PoseError(
            f"{name}={text}: only --sampler optuna draws from a range. Give values: "
            f"{name}={low},{high}"
        )
    if float(low) >= float(high):
        raise PoseError(f"{name}={text}: an empty range; expected low..high, such as 1e-4..1e-2")
    return Range(low, high)


def _separated(text: str) -> list[str]:
    """The parts between the commas that are in no brackets and no quotes."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote or character in "\"'":
            quote = "" if character == quote else quote or character
        else:
            depth += _DEPTH.get(character, 0)
        if character == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _listed(values: tuple[str, ...] | Range) -> tuple[str, ...]:
    return (values.low, values.high) if isinstance(values, Range) else values
