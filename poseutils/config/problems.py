"""Messages about an invalid configuration, or invalid augmentations: the section and attribute,
what was given, what is allowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from ..errors import PoseError
from .arithmetic import NUMBER
from .calls import (
    Augmentations,
    Callbacks,
    Losses,
    OnnxOptions,
    Optimizers,
)
from .configuration import Config
from .consistency import inconsistencies
from .section import Section, attributes_of, did_you_mean
from .sections import Quantization, Training

_CALLS: dict[tuple[type[Section], str], type[Section]] = {
    (Config, "data_augmentation"): Augmentations,
    (Training, "optimizer"): Optimizers,
    (Training, "loss"): Losses,
    (Training, "callbacks"): Callbacks,
    (Quantization, "onnx_extra_options"): OnnxOptions,
}
SHAPE = "height, width and channels, such as (192, 192, 3)"
_WORDS = {
    "bool_type": "True or False",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_type": "a whole number",
    "float_type": NUMBER,
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": SHAPE,
    "dict_type": "attributes below it",
    "finite_number": "a finite number",
    "too_long": SHAPE,
    "missing": SHAPE,
}
_PATTERNS = {
    "frozen_layers": 'layers such as "(0:154)", -1, "(7:13, 16, -2:)" or None',
    "function_name": "the name of a Python function",
}
_UNQUOTED = '; within { } a tuple needs quotes: "(-0.1, 0.1)"'


def describe(error: ValidationError, document: dict) -> dict[tuple[str, ...], str]:
    """A message for each invalid attribute: one, even if its value fits none of several types."""
    problems: dict[tuple[str, ...], list[Any]] = {}
    for detail in error.errors(include_url=False):
        problems.setdefault(_attribute_path(detail["loc"]), []).append(detail)
    return {path: _line(path, details, document) for path, details in problems.items()}


def _attribute_path(location: tuple) -> tuple[str, ...]:
    """The part of pydantic's location that the user wrote, without indices and names of types."""
    path: tuple[str, ...] = ()
    section: type[Section] = Config
    for part in location:
        path += (part,)
        below = _section_below(section, part)
        if below is None:
            break
        section = below
    return path


def _section_below(section: type[Section], name: str) -> type[Section] | None:
    if (section, name) in _CALLS:
        return _CALLS[section, name]
    field = section.model_fields.get(name)
    kinds = (field.annotation, *get_args(field.annotation)) if field else ()
    return next((kind for kind in kinds if _is_section(kind)), None)


def _is_section(kind: Any) -> bool:
    # In Python 3.10, tuple[int] passes for a class
    is_class = isinstance(kind, type) and get_origin(kind) is None
    return is_class and issubclass(kind, Section)


def _section_at(path: tuple[str, ...]) -> type[Section]:
    section: type[Section] = Config
    for name in path:
        section = _section_below(section, name) or Config
    return section


def _line(path: tuple[str, ...], details: list[dict], document: dict) -> str:
    first = details[0]
    given = _given(path, document)
    if first["type"] == "extra_forbidden":
        return _unknown(path, given)
    if first["type"] == "missing" and given is None:
        return f"{'.'.join(path)}: missing; {_needed(path)}"
    if first["type"] == "model_type":
        return (
            f"{'.'.join(path)}: {_shortened(given)} given; expected attributes below it: "
            f"{', '.join(attributes_of(_section_at(path)))}"
        )
    allowed = " or ".join(dict.fromkeys(_expected(detail) for detail in details))
    suggestion = _UNQUOTED if str(given).count("(") > str(given).count(")") else ""
    if first["type"] == "string_pattern_mismatch":
        allowed = _PATTERNS[path[-1]]
    if first["type"] == "literal_error":
        suggestion = did_you_mean(given, _literals(path))
    return f"{'.'.join(path)}: {_shortened(given)} given; expected {allowed}{suggestion}"


def _needed(path: tuple[str, ...]) -> str:
    words = _literals(path)
    return f"choose one of {', '.join(words)}" if words else f"{'.'.join(path[:-1])} needs it"


def _unknown(path: tuple[str, ...], given: Any) -> str:
    *parents, name = path
    known = attributes_of(_section_at(tuple(parents)))
    kind = "attribute" if parents else "section"
    elsewhere = _home_of(path)
    if elsewhere == ".".join(path):
        return f"{elsewhere}: given, and under its other name too; remove one of them"
    suggestion = f"; write it as {elsewhere}" if elsewhere else did_you_mean(name, known)
    ending = "" if suggestion.endswith("?") else "."
    return (
        f"{'.'.join(path)}: unknown {kind}{suggestion}{ending} Known: {', '.join(known) or 'none'}"
    )


def _home_of(path: tuple[str, ...]) -> str | None:
    """The place of an attribute that was written into the wrong section; places in the same section
    come first."""
    if _is_argument(path):
        return None
    homes = [home for home in _every_path(Config) if home[-1] == path[-1]]
    homes.sort(key=lambda home: home[0] != path[0])
    return ".".join(homes[0]) if homes else None


def _is_argument(path: tuple[str, ...]) -> bool:
    """Whether the path is an argument of an augmentation, optimizer, loss or callback, which
    belongs nowhere else."""
    return any(_section_at(path[:depth]) in _CALLS.values() for depth in range(len(path)))


def _every_path(section: type[Section], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name in attributes_of(section):
        below = _section_below(section, name)
        if below is None:
            yield (*above, name)
        elif below not in _CALLS.values():
            yield from _every_path(below, (*above, name))


def _given(path: tuple[str, ...], document: Any) -> Any:
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _expected(detail: dict) -> str:
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return _WORDS.get(detail["type"], message)


def _literals(path: tuple[str, ...]) -> tuple[str, ...]:
    """The values that an attribute may have, if they are enumerated."""
    annotation = _section_at(path[:-1]).model_fields[path[-1]].annotation
    parts = [annotation, *get_args(annotation)]
    return next((get_args(part) for part in parts if get_origin(part) is Literal), ())


def checked_augmentations(operations: Mapping[str, Mapping | None]) -> dict[str, dict]:
    """The operations with validated arguments, in their order; arguments that are None are left
    out.

    Raises:
        PoseError: for an unknown operation or argument, or an invalid value; lists every problem.
    """
    given = {
        name: {key: value for key, value in (arguments or {}).items() if value is not None}
        for name, arguments in operations.items()
    }
    return _checked("data_augmentation", given)


def checked_onnx_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Validated options of ONNX Runtime's quantizer.

    Raises:
        PoseError: for an invalid value; lists every problem.
    """
    return _checked("quantization", {"onnx_extra_options": dict(options)}).onnx_extra_options


def checked_training(keypoints: int, **attributes: Any) -> Training:
    """The section ``training`` with these attributes, for a network with this number of keypoints.

    Raises:
        PoseError: for an unknown name, an invalid value, or a contradiction; lists every problem.
    """
    return _checked("training", attributes, {"dataset": {"keypoints": keypoints}})


def _checked(name: str, given: dict[str, Any], others: Mapping[str, Any] | None = None) -> Any:
    document = {"model": {"model_type": "heatmaps_spe"}, **(others or {}), name: given}
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        raise PoseError("\n".join(describe(error, document).values())) from None
    if problems := inconsistencies(config):
        raise PoseError("\n".join(problems))
    return getattr(config, name)


def cannot_flip(names: Sequence[str]) -> str:
    """What to write where the names of keypoints do not tell their mirror images."""
    return (
        "random_flip exchanges left and right keypoints, and the names of these do not tell which "
        f"those are: {', '.join(names[:30])}. Give dataset.mirror, for each keypoint the "
        f"index of its mirror image ({list(range(len(names)))} if each is its own), or "
        "dataset.keypoint_names with left and right, or leave random_flip out"
    )
