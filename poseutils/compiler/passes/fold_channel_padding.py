"""An ADD takes over the PAD of channels before one of its operands: it adds zero to them."""

from __future__ import annotations

from dataclasses import replace

from ..attributes import Arithmetic
from ..graph import Graph, Operator, readers
from ..memory.views import channel_padding
from ..reference.elementwise import per_tensor, same_scale


def fold_channel_padding(graph: Graph) -> Graph:
    """An ADD whose second operand is a PAD of channels reads the narrower tensor; its attribute
    ``channel`` is the one that it begins at."""
    reads = readers(graph)
    makers = {op.outputs[0]: op for op in graph.operators if op.name == "PAD"}
    operators = []
    for operator in graph.operators:
        pads = [t for t in operator.inputs if t in makers] if operator.name == "ADD" else []
        pad = None
        if len(pads) == 1 and len(reads[pads[0]]) == 1 and pads[0] not in graph.outputs:
            pad = makers[pads[0]]
        operators.append(operator if pad is None else _narrowed(graph, operator, pad))
    return replace(graph, operators=tuple(operators))


def _narrowed(graph: Graph, add: Operator, pad: Operator) -> Operator:
    before = channel_padding(graph, pad)
    source, padded = graph.tensors[pad.inputs[0]], graph.tensors[pad.outputs[0]]
    other = next((t for t in add.inputs if t != pad.outputs[0]), None)
    same = per_tensor(source) and per_tensor(padded) and same_scale(source, padded)
    if before is None or not same or other is None or graph.tensors[other].shape != padded.shape:
        return add
    attributes = replace(add.attributes_as(Arithmetic), channel=before)
    return replace(add, inputs=(other, pad.inputs[0]), attributes=attributes)
