"""What the file of a network says of itself: the metadata that Ultralytics' exporters write, as
properties of an .onnx, and as a zip archive at the end of a .tflite."""

from __future__ import annotations

import ast
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PoseError
from ..keypoints.spelling import in_order

_LONGEST = 1 << 20
"""Bytes of metadata that are read."""
_MOST = 10_000
"""Of keypoints or classes."""


@dataclass(frozen=True)
class Metadata:
    """All of it may be missing.

    Attributes:
        task: ``pose``, ``detect``…
        kpt_shape: number of keypoints, and columns of each (2 or 3).
        names: of the classes.
        kpt_names: of the keypoints.
        image_size: height and width of the input.
    """

    task: str = ""
    kpt_shape: tuple[int, int] | None = None
    names: tuple[str, ...] = ()
    kpt_names: tuple[str, ...] = ()
    image_size: tuple[int, int] | None = None


def read_metadata(path: Path, properties: Mapping[str, str] | None = None) -> Metadata:
    """The metadata of a model file.

    Args:
        path: the file.
        properties: those of an .onnx, which its runtime has read; None reads a .tflite's.

    Raises:
        PoseError: if an entry that is needed cannot be meant: a shape or size of other than two
            numbers, names that are not a list.
    """
    given = _appended(path) if properties is None else dict(properties)
    return Metadata(
        str(given.get("task", "")),
        _two(given, "kpt_shape", path),
        _names(given, "names", path),
        _names(given, "kpt_names", path),
        _two(given, "imgsz", path),
    )


def _appended(path: Path) -> dict[str, Any]:
    """The entries of the archive at the end of a file; empty if there is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            inside = [info for info in archive.infolist() if info.file_size <= _LONGEST]
            texts = [archive.read(info) for info in inside if _is_metadata(info.filename)]
        found = _value(texts[0].decode("utf-8")) if texts else {}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_metadata(name: str) -> bool:
    return name.endswith((".json", "meta.txt"))


def _value(text: Any) -> Any:
    """The value of a Python or JSON literal; other text as it is."""
    if not isinstance(text, str) or len(text) > _LONGEST:
        return text
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return text


def _two(given: Mapping[str, Any], key: str, path: Path) -> tuple[int, int] | None:
    value = _value(given.get(key))
    if value is None:
        return None
    if key == "imgsz" and isinstance(value, int):
        value = (value, value)
    good = isinstance(value, (list, tuple)) and len(value) == 2
    if not good or not all(type(n) is int and 0 < n <= _MOST for n in value):
        raise PoseError(
            f"{path}: its metadata has {key}={value!r:.60}; expected two numbers from 1 to {_MOST}"
        )
    return value[0], value[1]


def _names(given: Mapping[str, Any], key: str, path: Path) -> tuple[str, ...]:
    """Names given as a list, by their index, or, of keypoints, for each class; those of the first
    class count."""
    value = _value(given.get(key))
    if isinstance(value, dict):
        value = in_order(value)
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], (list, tuple)):
        value = value[0]
    if value is None or value == []:
        return ()
    if not isinstance(value, (list, tuple)) or len(value) > _MOST:
        raise PoseError(f"{path}: its metadata has {key}={value!r:.60}; expected a list of names")
    return tuple(str(name) for name in value)
