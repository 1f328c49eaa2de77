"""A PAD of rows and columns becomes the padding of the convolutions that read it."""

from __future__ import annotations

from dataclasses import replace

from ..attributes import Conv2D
from ..graph import Graph, Operator, readers
from ..reference.elementwise import per_tensor, same_scale


def fold_padding(graph: Graph) -> Graph:
    """Convolutions get ``pads``, (top, left) rows and columns of zeros before the image; a PAD
    that all of its readers take over is removed."""
    reads = readers(graph)
    folded = {
        op.outputs[0]: op
        for op in graph.operators
        if _pads_image(graph, op)
        and op.outputs[0] not in graph.outputs
        and all(
            _takes_padding(graph.operators[i], op.outputs[0]) for i in reads.get(op.outputs[0], [])
        )
    }
    operators = [
        _padded(graph, op, folded) for op in graph.operators if op.outputs[0] not in folded
    ]
    return replace(graph, operators=tuple(operators))


def _pads_image(graph: Graph, operator: Operator) -> bool:
    """A PAD of rows and columns alone, by the value that stands for zero."""
    if operator.name != "PAD":
        return False
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    pads = graph.tensors[operator.inputs[1]].data
    same = per_tensor(source) and per_tensor(output) and same_scale(source, output)
    return same and pads is not None and len(pads) == 4 and not pads[[0, 3]].any()


def _takes_padding(operator: Operator, tensor: int) -> bool:
    convolution = (
        operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D")
        and operator.attributes_as(Conv2D).padding == "VALID"
    )
    return convolution and operator.inputs[0] == tensor and tensor not in operator.inputs[1:]


def _padded(graph: Graph, operator: Operator, folded: dict[int, Operator]) -> Operator:
    pad = folded.get(operator.inputs[0]) if operator.inputs else None
    if pad is None:
        return operator
    rows, columns = graph.tensors[pad.inputs[1]].values[1:3, 0].tolist()
    inputs = (pad.inputs[0], *operator.inputs[1:])
    attributes = replace(operator.attributes_as(Conv2D), pads=(rows, columns))
    return replace(operator, inputs=inputs, attributes=attributes)
