"""Small .onnx files that imitate the shapes, types and units of pose networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FIRST = (1, 3, 64, 64)
"""The shape of an input whose channels are first."""
BLACK = np.zeros((64, 64, 3), np.uint8)
SQUARE = np.zeros((64, 64, 3), np.uint8)
SQUARE[40:44, 16:20] = 255
"""An image that is white in the cell whose center is (18, 42)."""


def constant(path: Path, outputs, shape=(1, 64, 64, 3), dtype="FLOAT", metadata=None) -> Path:
    """A network that gives the same for every image."""
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["real"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        *(helper.make_node("Add", ["nothing", f"c_{name}"], [name]) for name in outputs),
    ]
    constants = {"zero": np.float32(0)} | {f"c_{name}": array for name, array in outputs.items()}
    return _save(path, nodes, constants, shape, dtype, outputs, metadata)


def brightness(path: Path, gain=1.0, offset=0.0, dtype="FLOAT", white=1.0) -> Path:
    """Two heatmaps of the brightness of cells of 4 × 4 pixels, from ``gain · x + offset``, which
    is ``white`` for a white pixel."""
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["real", "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["given"]),
        helper.make_node("Conv", ["given", "mean"], ["heatmaps"], strides=[4, 4]),
    ]
    constants = {
        "gain": np.float32(gain),
        "offset": np.float32(offset),
        "mean": np.full((2, 3, 4, 4), 1 / 48 / white, np.float32),
    }
    result = {"heatmaps": np.zeros((1, 2, 16, 16))}
    return _save(path, nodes, constants, (1, 3, 64, 64), dtype, result)


def _save(path, nodes, constants, shape, dtype, outputs, metadata=None) -> Path:
    graph = helper.make_graph(
        nodes,
        "imitation",
        [helper.make_tensor_value_info("image", getattr(TensorProto, dtype), shape)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, np.shape(array))
            for name, array in outputs.items()
        ],
        [
            numpy_helper.from_array(np.asarray(array, np.float32), name)
            for name, array in constants.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, str(path))
    return path


def cells(size=64) -> np.ndarray:
    """(F, 2) centers of the cells of a YOLO head, in pixels."""
    grids = [
        np.stack(np.meshgrid(*[np.arange(size // s) + 0.5] * 2), axis=-1).reshape(-1, 2) * s
        for s in (8, 16, 32)
    ]
    return np.concatenate(grids)


def candidates(classes=1, keypoints=17, columns=3, unit=1.0, found=None, size=64) -> np.ndarray:
    """(1, R, F) as a trained head gives: boxes and keypoints near their cells, low scores; one
    object of the class ``found``, score 0.9, whose keypoints are at (1, 2), (2, 4)… pixels."""
    rng = np.random.default_rng(classes + 7 * keypoints)
    centers = cells(size)
    many = len(centers)
    parts = [centers.T * unit, np.full((2, many), 20 * unit)]
    parts.append(rng.uniform(0, 0.05, (classes, many)))
    for k in range(1, keypoints + 1):
        points = (centers + rng.normal(0, 3, centers.shape)) * unit
        points[10] = np.array([k, 2 * k]) * unit
        parts += [points.T] + [rng.uniform(0, 1, (1, many))] * (columns == 3)
    table = np.concatenate(parts)
    if found is not None:
        table[4 + found, 10] = 0.9
    return table[None].astype(np.float32)


def detections(classes=1, keypoints=17, columns=3, unit=1.0, count=300, size=64) -> np.ndarray:
    """(1, N, 6 + D·K) as an end-to-end head gives: corners, score, class and keypoints, best first;
    scores from 0.9 down to 0."""
    rng = np.random.default_rng(classes + 7 * keypoints)
    first = rng.uniform(0, 0.6, (count, 2)) * size
    corners = np.concatenate([first, first + rng.uniform(0.1, 0.4, (count, 2)) * size], axis=1)
    scores = np.linspace(0.9, 0, count)[:, None]
    labels = rng.integers(0, classes, (count, 1))
    points = rng.uniform(0, size, (count, keypoints, 2)) * unit
    seen = rng.uniform(0, 1, (count, keypoints, columns - 2))
    rows = np.concatenate([points, seen], axis=2).reshape(count, -1)
    return np.concatenate([corners * unit, scores, labels, rows], axis=1)[None].astype(np.float32)
