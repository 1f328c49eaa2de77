"""Reads the file of a network, whatever its format."""

from __future__ import annotations

from pathlib import Path

from ..graph import Graph
from .onnx_file import self_contained
from .qdq import read_qdq
from .tflite import parse_tflite, read_bytes

SUFFIXES = (".tflite", ".onnx")
"""Of the files that are read."""


def read_network(path: Path) -> tuple[bytes, Graph]:
    """The bytes of a file, weights that lie beside it included, and its graph: a .tflite as it is,
    an .onnx as the integer network that its QDQ represents, images channels last.

    Raises:
        PoseError: if the file is missing, damaged, or of another kind; for an .onnx that computes
            in floats or cannot be converted to integers.
    """
    data = read_bytes(path)
    if path.suffix.lower() == ".tflite":
        return data, parse_tflite(data, path.name)
    data = self_contained(data, path.name, path.parent)
    return data, read_qdq(data, path.name, path.parent)
