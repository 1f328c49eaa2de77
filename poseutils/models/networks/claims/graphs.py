"""What a .tflite claims."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from pathlib import Path

from ....compiler.attributes import Pool2D
from ....compiler.graph import Graph, Operator, live_bytes, macs
from ....compiler.rules import Broken, validate
from ....errors import PoseError
from . import OF_ONE_VALUE, check_cost, check_input


def check_graph(graph: Graph, path: Path, size: tuple[int, int] | None = None) -> None:
    """Refuses a network that claims more than any pose network.

    Args:
        size: height and width of an image where the file leaves them open.

    Raises:
        PoseError: the message says what it claims.
    """
    if size is not None:
        graph = _of_size(graph, size, path)
    for tensor in (graph.tensors[t] for t in graph.inputs):
        check_input(tensor.shape, path)
    check_cost(max(live_bytes(graph)), sum(_work(graph, each) for each in graph.operators), path)


def _of_size(graph: Graph, size: tuple[int, int], path: Path) -> Graph:
    """The graph for an image of that size, if it leaves the size open."""
    index = graph.inputs[0]
    image = graph.tensors[index]
    if image.is_fixed or len(image.shape) != 4:
        return graph
    first = 2 if image.shape[1] in (3, 4) else 1
    shape = (*image.shape[:first], *size, *image.shape[first + 2 :])
    check_input(shape, path)
    given = replace(image, shape=shape, bytes=prod(shape) * image.item_bytes, is_fixed=True)
    tensors = (*graph.tensors[:index], given, *graph.tensors[index + 1 :])
    try:
        return validate(replace(graph, tensors=tensors))
    except Broken as broken:
        raise PoseError(f"{path} cannot be run on images of {size}: {broken}") from broken


def _work(graph: Graph, operator: Operator) -> int:
    tensors = [graph.tensors[t] for t in (*operator.inputs, *operator.outputs) if t >= 0]
    values = max(tensor.elements for tensor in tensors)
    if operator.name in ("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"):
        return values**2 // 16  # every box, of four numbers, with every other
    window = prod(operator.attributes_as(Pool2D).size) if "POOL_2D" in operator.name else 0
    return macs(graph, operator) + values * max(window, OF_ONE_VALUE)
