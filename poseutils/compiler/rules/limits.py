"""Limits on what is compiled: what no board has room for, or would take the planner forever."""

from __future__ import annotations

from ...errors import PoseError
from ..graph import Graph

MAX_TENSOR_BYTES = 64 << 20
"""No board has more memory, and a damaged shape must not make the exporter run away."""

MAX_COUNT = 4096
"""Operators, and tensors, of one network."""


def check_limits(graph: Graph, source: str) -> None:
    """Raises PoseError for a network that is too large, whose shapes are not fixed, or whose values
    have no addresses of their own."""
    for what, count in (("operators", len(graph.operators)), ("tensors", len(graph.tensors))):
        if count > MAX_COUNT:
            raise PoseError(f"{source} has {count} {what}; up to {MAX_COUNT} are supported")
    for index, tensor in enumerate(graph.tensors):
        may_be_empty = tensor.is_constant and index not in graph.outputs
        if not (may_be_empty or 0 < tensor.bytes) or tensor.bytes > MAX_TENSOR_BYTES:
            raise PoseError(
                f"{source}: tensor {tensor.name!r} of shape {tensor.shape} has {tensor.bytes} "
                f"bytes; 1 to {MAX_TENSOR_BYTES} are supported"
            )
        if not tensor.is_constant and tensor.bytes < tensor.elements:
            raise PoseError(
                f"{source}: tensor {tensor.name!r} is of {tensor.dtype}, several values a byte, "
                "which only constants can be. Convert the model with activations of 8 bits."
            )
        if not tensor.is_fixed:
            raise PoseError(
                f"{source} leaves the shape of {tensor.name!r} open. Convert the model with a "
                "fixed input size."
            )
