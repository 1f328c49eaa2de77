"""Passes on the graph that save memory and work without changing one bit of the result.

- ``trim_ends``: the QUANTIZE at the beginning and the DEQUANTIZE at the end are left to the
  application.
- ``fold_tables``: a chain of elementwise operators on one 8-bit tensor is one table of 256 results
  (``TABLE``): LOGISTIC then MUL, say.
- ``fold_padding``: a PAD becomes the padding of the convolutions that read it.
- ``fold_channel_padding``: an ADD adds zero to the channels that a PAD would have added to its
  operand.
- ``drop_unread``: what nobody reads is not computed.
- ``fold_constants``: what follows from constants and shapes alone is computed here.
- ``copy_constant_outputs``: an output that is a constant is copied into the arena.
- ``drop_shapes``: what computes the shape of a RESHAPE, which is known, is not computed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..graph import Graph, Operator, Tensor
from ..memory.views import RESHAPES, channel_padding
from ..reference.elementwise import LIMITS, evaluator, per_tensor, zero_of
from .constants import copy_constant_outputs, fold_constants

TABLE = "TABLE"
"""The operator that replaces a chain: inputs are the 8-bit tensor and a constant of 256 results,
for its bytes 0 ... 255."""

IO = ("quantized", "file")


def fold(graph: Graph, io: str) -> Graph:
    """All passes.

    Args:
        io: ``quantized`` leaves the QUANTIZE and DEQUANTIZE at the ends out, ``file`` keeps inputs
            and outputs as the file has them.
    """
    graph = trim_ends(graph) if io == "quantized" else graph
    graph = drop_unread(drop_shapes(copy_constant_outputs(fold_constants(graph))))
    return drop_unread(fold_channel_padding(fold_padding(fold_tables(graph))))


def readers(graph: Graph) -> dict[int, list[int]]:
    """For each tensor the operators (indices) that read it."""
    found: dict[int, list[int]] = {}
    for index, operator in enumerate(graph.operators):
        for tensor in operator.inputs:
            found.setdefault(tensor, []).append(index)
    return found


def trim_ends(graph: Graph) -> Graph:
    """Inputs that only a QUANTIZE reads, and outputs that a DEQUANTIZE writes, are taken and given
    in 8 bits instead."""
    reads, operators = readers(graph), graph.operators
    entry = {
        op.inputs[0]: op.outputs[0]
        for op in operators
        if op.name == "QUANTIZE"
        and op.inputs[0] in graph.inputs
        and len(reads[op.inputs[0]]) == 1
        and op.inputs[0] not in graph.outputs
    }
    leaving = {
        op.outputs[0]: op.inputs[0]
        for op in operators
        if op.name == "DEQUANTIZE"
        and op.outputs[0] in graph.outputs
        and op.outputs[0] not in reads
        and op.inputs[0] not in graph.inputs
    }
    kept = tuple(
        op
        for op in operators
        if op.outputs[0] not in leaving and op.outputs[0] not in entry.values()
    )
    if not kept:
        return graph
    inputs, outputs = (
        tuple(entry.get(t, t) for t in graph.inputs),
        tuple(leaving.get(t, t) for t in graph.outputs),
    )
    return replace(graph, operators=kept, inputs=inputs, outputs=outputs)


def drop_shapes(graph: Graph) -> Graph:
    """Operators that only give a tensor another shape read that tensor alone."""
    operators = [
        replace(op, inputs=op.inputs[:1]) if op.name in RESHAPES else op for op in graph.operators
    ]
    return replace(graph, operators=tuple(operators))


def drop_unread(graph: Graph) -> Graph:
    """Without the operators whose results lead to no output."""
    needed, kept = set(graph.outputs), []
    for operator in reversed(graph.operators):
        if needed.intersection(operator.outputs):
            needed.update(operator.inputs)
            kept.append(operator)
    return replace(graph, operators=tuple(reversed(kept)))


# ---------------------------------------------------------------- tables


def fold_tables(graph: Graph) -> Graph:
    """Every 8-bit tensor that is a function of one other 8-bit tensor, value by value, is looked
    up; the steps between go."""
    functions = _functions(graph)
    tensors, operators = list(graph.tensors), []
    wanted = _read_as_they_are(graph, functions)
    for operator in graph.operators:
        output = operator.outputs[0]
        if output not in functions or not (
            graph.tensors[output].dtype in LIMITS and output in wanted
        ):
            operators.append(operator)
            continue
        source, values = functions[output]
        tensors.append(_table_tensor(graph.tensors[output], values))
        operators.append(Operator(TABLE, (source, len(tensors) - 1), (output,)))
    return drop_unread(replace(graph, tensors=tuple(tensors), operators=tuple(operators)))


def _functions(graph: Graph) -> dict[int, tuple[int, np.ndarray]]:
    """Tensors that are functions of one 8-bit tensor: (that tensor, the 256 results for its bytes 0
    ... 255)."""
    functions: dict[int, tuple[int, np.ndarray]] = {}
    for operator in graph.operators:
        inputs = [graph.tensors[t] for t in operator.inputs if t >= 0]
        output = graph.tensors[operator.outputs[0]]
        compute = evaluator(operator, inputs, output)
        source = _source(graph, operator, functions) if compute else None
        if source is not None:
            values = [_values(graph, t, source, functions) for t in operator.inputs]
            functions[operator.outputs[0]] = (
                source,
                np.broadcast_to(compute(operator, inputs, output, values), (256,)),
            )
    return functions


def _source(graph: Graph, operator: Operator, functions: dict) -> int | None:
    """The one 8-bit tensor, as large as the result, that all inputs are functions of; constants of
    one value aside."""
    varying = [t for t in operator.inputs if not _is_one_value(graph.tensors[t])]
    sources = {functions[t][0] if t in functions else t for t in varying}
    if len(sources) != 1:
        return None
    source = sources.pop()
    tensor, output = graph.tensors[source], graph.tensors[operator.outputs[0]]
    if tensor.is_constant or not per_tensor(tensor) and tensor.dtype != "uint8":
        return None
    # Without broadcasting, apart from dimensions of one; a larger intermediate shape would be another tensor.
    return (
        source
        if all(graph.tensors[t].elements == output.elements for t in varying)
        and tensor.elements == output.elements
        else None
    )


def _is_one_value(tensor: Tensor) -> bool:
    return (
        tensor.is_constant
        and tensor.data is not None
        and tensor.data.size > 0
        and bool((tensor.data == tensor.data.flat[0]).all())
    )


def _values(graph: Graph, tensor: int, source: int, functions: dict) -> np.ndarray:
    if tensor in functions:
        return functions[tensor][1]
    if tensor == source:
        return np.arange(256).astype(np.uint8).view(graph.tensors[source].dtype)
    return graph.tensors[tensor].data.reshape(-1)[:1]


def _read_as_they_are(graph: Graph, functions: dict) -> set[int]:
    """Tensors that something other than a folded operator reads, or that the network gives out."""
    wanted = set(graph.outputs)
    for operator in graph.operators:
        folded = (
            operator.outputs[0] in functions and graph.tensors[operator.outputs[0]].dtype in LIMITS
        )
        wanted.update(() if folded else operator.inputs)
    return wanted


def _table_tensor(output: Tensor, values: np.ndarray) -> Tensor:
    data = np.ascontiguousarray(values).view(np.int8)
    return Tensor(f"{output.name}/table", (256,), "int8", 256, None, True, data)


# ---------------------------------------------------------------- padding


def fold_padding(graph: Graph) -> Graph:
    """Convolutions get ``pads``, (top, left) rows and columns of zeros before the image; a PAD
    before all of its readers goes."""
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
    if (
        operator.name != "PAD"
        or len(operator.inputs) < 2
        or graph.tensors[operator.inputs[1]].data is None
    ):
        return False
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    pads = graph.tensors[operator.inputs[1]].data
    same = per_tensor(source) and per_tensor(output) and _same_scale(source, output)
    return same and pads.shape == (4, 2) and not pads[[0, 3]].any() and bool((pads >= 0).all())


def _takes_padding(operator: Operator, tensor: int) -> bool:
    convolution = (
        operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D")
        and operator.options.get("padding") == "VALID"
    )
    return convolution and operator.inputs[0] == tensor and tensor not in operator.inputs[1:]


def _padded(graph: Graph, operator: Operator, folded: dict[int, Operator]) -> Operator:
    pad = folded.get(operator.inputs[0]) if operator.inputs else None
    if pad is None:
        return operator
    rows, columns = graph.tensors[pad.inputs[1]].data[1:3, 0].tolist()
    inputs = (pad.inputs[0], *operator.inputs[1:])
    return replace(operator, inputs=inputs, options={**operator.options, "pads": (rows, columns)})


def fold_channel_padding(graph: Graph) -> Graph:
    """An ADD whose second operand is a PAD of channels reads the narrower tensor; ``narrow`` is the
    channel that it begins at."""
    reads, makers = (
        readers(graph),
        {op.outputs[0]: op for op in graph.operators if op.name == "PAD"},
    )
    operators = []
    for operator in graph.operators:
        pads = [t for t in operator.inputs if t in makers] if operator.name == "ADD" else []
        pad = (
            makers[pads[0]]
            if len(pads) == 1 and len(reads[pads[0]]) == 1 and pads[0] not in graph.outputs
            else None
        )
        operators.append(operator if pad is None else _narrowed(graph, operator, pad))
    return drop_unread(replace(graph, operators=tuple(operators)))


def _narrowed(graph: Graph, add: Operator, pad: Operator) -> Operator:
    before = channel_padding(graph, pad)
    source, padded = graph.tensors[pad.inputs[0]], graph.tensors[pad.outputs[0]]
    other = next((t for t in add.inputs if t != pad.outputs[0]), None)
    same = per_tensor(source) and per_tensor(padded) and _same_scale(source, padded)
    if before is None or not same or other is None or graph.tensors[other].shape != padded.shape:
        return add
    return replace(add, inputs=(other, pad.inputs[0]), options={**add.options, "narrow": before})


def _same_scale(a: Tensor, b: Tensor) -> bool:
    return zero_of(a) == zero_of(b) and bool(a.quantization.scales[0] == b.quantization.scales[0])
