"""What depends on constants and shapes alone is computed here: the sizes that a network works out
for a RESHAPE or a RESIZE."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..attributes import Concatenation, Fused, Gather, Pack
from ..graph import RESHAPES, Graph, Operator, Tensor
from ..slices import slices_of

MAX_ELEMENTS = 64
"""Values of a constant that is computed; shapes and indices, not weights."""

MAX_FILLED = 1 << 14
"""Values of a constant that is one value again and again."""


def fold_constants(graph: Graph) -> Graph:
    """Integers that follow from the shapes of tensors and from constants become constants."""
    tensors, kept = list(graph.tensors), []
    for operator in graph.operators:
        values = known_values(replace(graph, tensors=tuple(tensors)), operator)
        if values is None:
            kept.append(operator)
            continue
        output = operator.outputs[0]
        tensors[output] = replace(tensors[output], is_constant=True, data=values)
    return replace(graph, tensors=tuple(tensors), operators=tuple(kept))


def known_values(graph: Graph, operator: Operator) -> np.ndarray | None:
    """The values of an operator's one output, in its shape and type, if they are known; None if
    not."""
    output = graph.tensors[operator.outputs[0]]
    values = _computed(graph, operator, output) if len(operator.outputs) == 1 else None
    if values is None or values.size != output.elements:
        return None
    return values.astype(output.dtype).reshape(output.shape)


def _computed(graph: Graph, operator: Operator, output: Tensor) -> np.ndarray | None:
    given = [graph.tensors[t] for t in operator.inputs if t >= 0]
    if operator.name == "FILL":
        return _filled(given[0], given[1], output)
    if output.dtype not in ("int32", "int64") or output.elements > MAX_ELEMENTS:
        return None
    if operator.name == "SHAPE":
        return np.array(given[0].shape)
    if not all(
        tensor.data is not None
        and tensor.elements <= MAX_ELEMENTS
        and tensor.data.dtype.kind == "i"
        for tensor in given
    ):
        return None
    return _of_constants(graph, operator, given, output)


def _of_constants(
    graph: Graph, operator: Operator, given: list[Tensor], output: Tensor
) -> np.ndarray | None:
    values = [tensor.values for tensor in given]
    if operator.name in ("SLICE", "STRIDED_SLICE"):
        return _sliced(graph, operator, values[0])
    if operator.name in ("CAST", *RESHAPES):
        return values[0]
    if operator.name == "REDUCE_PROD":
        return np.prod(values[0], axis=tuple(values[1].reshape(-1).tolist()))
    if operator.name == "PACK":
        return np.stack(values, operator.attributes_as(Pack).axis)
    if operator.name == "CONCATENATION":
        return np.concatenate(values, operator.attributes_as(Concatenation).axis)
    if operator.name == "GATHER" and not operator.attributes_as(Gather).batch_dims:
        return np.take(values[0], values[1], operator.attributes_as(Gather).axis)
    arithmetic = {
        "ADD": np.add,
        "SUB": np.subtract,
        "MUL": np.multiply,
        "MAXIMUM": np.maximum,
        "MINIMUM": np.minimum,
    }
    plain = operator.attributes_as(Fused).activation == "NONE"
    return arithmetic[operator.name](*values) if operator.name in arithmetic and plain else None


def _filled(sizes: Tensor, value: Tensor, output: Tensor) -> np.ndarray | None:
    """One value again and again: the state that a recurrent network begins with."""
    known = sizes.data is not None and value.data is not None and output.elements <= MAX_FILLED
    return np.full(output.shape, value.values.reshape(-1)[0]) if known else None


def _sliced(graph: Graph, operator: Operator, values: np.ndarray) -> np.ndarray | None:
    found = slices_of(graph, operator)
    if found is None:
        return None
    parts = zip(found[0].starts, found[0].sizes, found[0].steps)
    indices = [[start + step * i for i in range(size)] for start, size, step in parts]
    return values[np.ix_(*indices)] if indices else values
