"""The rows of the output of a YOLO network: by the metadata of its file, else by their values and
what the caller knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..decoders import InputSpec, yolo_mpe
from ..decoders.options import Head
from ..decoders.yolo_heads import all_heads, allowed_heads, usual_heads
from ..errors import PoseError
from .networks.metadata import Metadata
from .networks.network import Network

_SHOWN = 4
_BEYOND = 0.5
"""How far scores are beyond 0 and 1 by rounding at most."""

Outputs = Mapping[str, np.ndarray]


def declared_detections(outputs: Outputs, spec: InputSpec, network: Network) -> Head | None:
    """The end-to-end head by the metadata, if the only output has exactly its columns. A head with
    a box per cell may have as many rows: that is told by the metadata alone."""
    metadata, shapes = network.metadata, [array.shape for array in outputs.values()]
    if metadata.kpt_shape is None or len(shapes) != 1 or len(shapes[0]) != 3:
        return None
    head = Head(max(len(metadata.names), 1), *metadata.kpt_shape, end_to_end=True)
    per_cell = yolo_mpe.cells_of(spec) in shapes[0][1:] and not metadata.end_to_end
    fits = shapes[0][2] == head.rows and head.columns in (2, 3)
    return head if fits and not per_cell else None


def declared_candidates(rows: int, metadata: Metadata, source: str) -> Head:
    """The head with a box per cell by the metadata, which has a kpt_shape, and the number of rows.

    Raises:
        PoseError: if they contradict each other.
    """
    count, columns = metadata.kpt_shape or (0, 0)
    head = Head(rows - 4 - count * columns, count, columns)
    if columns not in (2, 3) or head.classes < 1 or len(metadata.names or "x") > head.classes:
        raise PoseError(
            f"{source}: its metadata has kpt_shape=[{count}, {columns}] and "
            f"{len(metadata.names)} class names; its output has {rows} rows, expected 4 + "
            "classes + keypoints × columns (2 or 3)"
        )
    return head


def check_scores(found: Outputs, spec: InputSpec, network: Network) -> None:
    """Raises PoseError if the scores of a YOLO head are logits: those of classes, or keypoints."""
    head = yolo_mpe.head_of(found, spec)
    scores = found["candidates"][:, yolo_mpe.score_rows(head)]
    if scores.min() < -_BEYOND or scores.max() > 1 + _BEYOND:
        raise PoseError(
            f"{network.path}: the scores of its YOLO head are from {scores.min():.3g} to "
            f"{scores.max():.3g}; expected 0 to 1. Export it with the sigmoid after the scores of "
            "classes and keypoints, as Ultralytics does"
        )


def head_of_file(
    found: Outputs, spec: InputSpec, network: Network, keypoints: int, classes: int
) -> Head:
    """The rows of a YOLO head: by the metadata, else by the values of the rows and the numbers of
    ``keypoints`` and ``classes`` that the caller knows (0: unknown).

    Raises:
        PoseError: if the metadata contradicts the number of rows, or several readings fit.
    """
    if spec.head is not None:  # declared
        return spec.head
    rows, metadata = found["candidates"].shape[1], network.metadata
    if yolo_mpe.gives_detections(found, spec):
        return _undeclared_detections(found, spec, network, classes)
    if metadata.kpt_shape is not None:
        return declared_candidates(rows, metadata, str(network.path))
    fitting = allowed_heads(found, spec) or all_heads(rows)
    for name, wanted in (("keypoints", keypoints), ("classes", classes)):
        fitting = [h for h in fitting if getattr(h, name) == wanted] or fitting
    if len(fitting) > 1:
        fitting = usual_heads(fitting, rows)
    if len(fitting) == 1:
        return fitting[0]
    shown = " or ".join(map(str, fitting[:_SHOWN])) or "no head: no scores are where they should be"
    raise PoseError(
        f"{network.path}: the {rows} rows of its output can be {shown}. Say which: the number of "
        "keypoints and classes in the configuration (dataset.keypoints, dataset.class_names), or "
        "layout= and class_names=; or export it with metadata (kpt_shape)"
    )


def _undeclared_detections(found: Outputs, spec: InputSpec, network: Network, classes: int) -> Head:
    """The end-to-end head of a file that declares none; its classes are those seen, if the caller
    names none.

    Raises:
        PoseError: if the metadata contradicts it.
    """
    head = yolo_mpe.head_of(found, spec)
    if network.metadata.kpt_shape is not None:
        raise PoseError(
            f"{network.path}: its metadata has kpt_shape={list(network.metadata.kpt_shape)}; its "
            f"output lists detections of {head.rows} columns, expected 6 + keypoints × columns (2 "
            "or 3)"
        )
    seen = found["candidates"][:, 5]
    return replace(head, classes=classes or 1 + int(seen.max(initial=0, where=np.isfinite(seen))))
