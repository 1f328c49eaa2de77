"""What a .keras or .h5 claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any

from ....errors import PoseError
from . import OF_ONE_VALUE, check_cost

MOST_LAYERS = 4096
"""To build more takes minutes."""
_BYTES = 4
"""Of a value."""
_CONTROL_FLOW = ("While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase")

Shape = tuple[int, ...]


def check_layers(config: Any, path: Path) -> None:
    """Refuses a configuration of more layers than any pose network has.

    Raises:
        PoseError: the message has their number.
    """
    count = sum(map(len, _lists(config)))
    if count > MOST_LAYERS:
        raise PoseError(
            f"{path} claims {count:,} layers; up to {MOST_LAYERS:,} are read. Build a smaller "
            "network."
        )


def _lists(value: Any) -> Iterator[list]:
    """The lists of layers of a network and of those within it."""
    if isinstance(value, dict):
        if isinstance(value.get("layers"), list):
            yield value["layers"]
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _lists(part)


def check_traced(graph: Any, path: Path) -> None:
    """Refuses a network that claims more than any pose network.

    Args:
        graph: a tf.Graph of one run, which holds the operations and their shapes.

    Raises:
        PoseError: the message says what it claims.
    """
    memory = work = 0
    for operation in graph.get_operations():
        if operation.type in _CONTROL_FLOW:
            raise PoseError(
                f"{path}: refused, as it contains loops or branches ({operation.name}), which may "
                "run without end. Expected a network without recurrent layers."
            )
        written, read = _shapes(operation.outputs), _shapes(operation.inputs)
        values = max(map(prod, (*written, *read)), default=0)
        own = _WORK.get(operation.type)
        memory = max(memory, _BYTES * values)
        work += values * OF_ONE_VALUE + (own(operation, read, written) if own else 0)
    check_cost(memory, work, path)


def _shapes(tensors: Sequence[Any]) -> list[Shape]:
    """Of tensors; sizes that are not known count as one."""
    return [
        tuple(size or 1 for size in tensor.shape.as_list()) if tensor.shape.rank else ()
        for tensor in tensors
    ]


def _filtered(operation: Any, read: list[Shape], written: list[Shape]) -> int:
    """The filter is (..., IC, OC)."""
    return prod(written[0]) * prod(read[1][:-1])


def _filtered_apart(operation: Any, read: list[Shape], written: list[Shape]) -> int:
    """The filter is (KH, KW, IC, multiplier)."""
    return prod(written[0]) * prod(read[1][:2])


def _transposed(operation: Any, read: list[Shape], written: list[Shape]) -> int:
    """Sizes, filter (..., OC, IC), data."""
    return prod(read[2]) * prod(read[1][:-1])


def _product(operation: Any, read: list[Shape], written: list[Shape]) -> int:
    transposed = any(
        operation.get_attr(n) for n in ("transpose_a", "adj_x") if n in operation.node_def.attr
    )
    return prod(written[0]) * read[0][-2 if transposed else -1]


def _einsum(operation: Any, read: list[Shape], written: list[Shape]) -> int:
    terms = operation.get_attr("equation").decode().partition("->")[0].split(",")
    named = {label: n for term, shape in zip(terms, read) for label, n in zip(term, shape)}
    return prod(named.values())


def _pool(operation: Any, read: list[Shape], written: list[Shape]) -> int:
    return prod(written[0]) * prod(operation.get_attr("ksize"))


_WORK: dict[str, Callable[[Any, list[Shape], list[Shape]], int]] = {
    **dict.fromkeys(("Conv2D", "Conv3D"), _filtered),
    "DepthwiseConv2dNative": _filtered_apart,
    **dict.fromkeys(("Conv2DBackpropInput", "Conv3DBackpropInputV2"), _transposed),
    **dict.fromkeys(("MatMul", "BatchMatMulV2", "BatchMatMulV3"), _product),
    "Einsum": _einsum,
    **dict.fromkeys(("MaxPool", "AvgPool", "MaxPool3D", "AvgPool3D"), _pool),
}
"""Multiply-accumulates by the type of the operation, where it is more than reading and writing."""
