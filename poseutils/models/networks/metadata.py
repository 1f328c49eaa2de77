"""What the file of a network says of itself: the metadata that Ultralytics' exporters write, as
properties of an .onnx, and as a zip archive at the end of a .tflite; and the metadata of TensorFlow
Lite within a .tflite, of which the normalization of the input is read."""

from __future__ import annotations

import ast
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...compiler.frontends.flatbuffer import Damaged, Fields, root
from ...compiler.frontends.tflite import stored_under
from ...errors import PoseError
from ...keypoints.spelling import listed_names

_LONGEST = 1 << 20
"""Bytes of metadata that are read."""
_MOST = 10_000
"""Of keypoints or classes."""
_SUBGRAPHS, _INPUTS, _PROCESS_UNITS, _KIND, _OPTIONS = 3, 2, 4, 0, 1
"""Fields of ModelMetadata, SubGraphMetadata, TensorMetadata and ProcessUnit in
metadata_schema.fbs."""
_NORMALIZATION = 1
"""The kind of a ProcessUnit with NormalizationOptions, whose fields are mean and std."""


@dataclass(frozen=True)
class Metadata:
    """All of it may be missing.

    Attributes:
        task: ``pose``, ``detect``…
        kpt_shape: number of keypoints, and columns of each (2 or 3).
        names: of the classes.
        kpt_names: of the keypoints.
        image_size: height and width of the input.
        end_to_end: whether the network suppresses detections itself.
        rescaling: scale and offset from pixels 0…255 to the values of the input, means over the
            channels.
    """

    task: str = ""
    kpt_shape: tuple[int, int] | None = None
    names: tuple[str, ...] = ()
    kpt_names: tuple[str, ...] = ()
    image_size: tuple[int, int] | None = None
    end_to_end: bool = False
    rescaling: tuple[float, float] | None = None


def read_metadata(path: Path, content: Mapping[str, str] | bytes) -> Metadata:
    """The metadata of a model file.

    Args:
        path: the file, for messages.
        content: the properties of an .onnx, or the bytes of a .tflite.

    Raises:
        PoseError: if an entry that is needed cannot be meant: a shape or size of other than two
            numbers, names that are not a list, a standard deviation of 0.
    """
    given = _appended(content) if isinstance(content, bytes) else dict(content)
    return Metadata(
        str(given.get("task", "")),
        _two(given, "kpt_shape", path),
        _names(given, "names", path),
        _names(given, "kpt_names", path),
        _two(given, "imgsz", path),
        _suppresses(given),
        _normalization(content, path) if isinstance(content, bytes) else None,
    )


def metadata_of(path: Path, data: bytes) -> Metadata:
    """As :func:`read_metadata`, of the bytes of a .tflite or an .onnx."""
    if path.suffix.lower() != ".onnx":
        return read_metadata(path, data)
    import onnx

    entries = onnx.load_model_from_string(data).metadata_props
    return read_metadata(path, {entry.key: entry.value for entry in entries})


def _normalization(data: bytes, path: Path) -> tuple[float, float] | None:
    """The rescaling that a .tflite names for its first input: (x - mean) / std, by
    metadata_schema.fbs of TensorFlow Lite Support."""
    try:
        content = stored_under(data, "TFLITE_METADATA")
        options = _normalization_options(root(content)) if content else None
        if options is None:
            return None
        mean, deviation = options.floats(0).astype(float), options.floats(1).astype(float)
    except Damaged:  # like an archive that cannot be read
        return None
    sizes = {mean.size, deviation.size}
    usable = 0 not in sizes and np.isfinite(mean).all() and (deviation > 0).all()
    if not usable or len(sizes - {1}) > 1 or not np.isfinite(deviation).all():
        raise PoseError(
            f"{path}: its metadata has mean={mean.tolist()!s:.60} and "
            f"std={deviation.tolist()!s:.60} of the input; expected a number, or one a channel, "
            "std above 0"
        )
    return float((1 / deviation).mean()), float((-mean / deviation).mean())


def _normalization_options(model: Fields) -> Fields | None:
    """The first of the first input of the first subgraph."""
    for subgraph in model.tables(_SUBGRAPHS):
        for tensor in subgraph.tables(_INPUTS):
            for unit in tensor.tables(_PROCESS_UNITS):
                if unit.byte(_KIND) == _NORMALIZATION:
                    return unit.table(_OPTIONS)
            return None
    return None


def _appended(data: bytes) -> dict[str, Any]:
    """The entries of the archive at the end of a file; empty if there is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
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


def _suppresses(given: Mapping[str, Any]) -> bool:
    """Of an end-to-end head, or of one exported with non-maximum suppression."""
    arguments = _value(given.get("args"))
    exported = arguments if isinstance(arguments, dict) else {}
    return _value(given.get("end2end")) is True or exported.get("nms") is True


def _names(given: Mapping[str, Any], key: str, path: Path) -> tuple[str, ...]:
    value = listed_names(_value(given.get(key)))
    if value is None or value == []:
        return ()
    if not isinstance(value, (list, tuple)) or len(value) > _MOST:
        raise PoseError(f"{path}: its metadata has {key}={value!r:.60}; expected a list of names")
    return tuple(str(name) for name in value)
