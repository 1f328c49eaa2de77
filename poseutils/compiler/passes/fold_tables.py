"""A chain of elementwise operators on one 8-bit tensor becomes one lookup table of 256 results.

LOGISTIC then MUL, say: the table is computed here by :mod:`poseutils.compiler.reference`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..graph import TABLE, Graph, Operator, Tensor
from ..reference.elementwise import LIMITS, evaluator, per_tensor

Functions = dict[int, tuple[int, np.ndarray]]
"""Tensors that are functions of one 8-bit tensor: that tensor, and the 256 results for its bytes 0
... 255."""


def fold_tables(graph: Graph) -> Graph:
    """Every 8-bit tensor that is a function of one other 8-bit tensor, value by value, becomes
    the result of a TABLE."""
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
    return replace(graph, tensors=tuple(tensors), operators=tuple(operators))


def _functions(graph: Graph) -> Functions:
    functions: Functions = {}
    for operator in graph.operators:
        inputs = [graph.tensors[t] for t in operator.inputs if t >= 0]
        output = graph.tensors[operator.outputs[0]]
        compute = evaluator(operator, inputs, output)
        source = _source(graph, operator, functions)
        if compute is not None and source is not None:
            values = [_values(graph, t, source, functions) for t in operator.inputs]
            functions[operator.outputs[0]] = source, np.broadcast_to(compute(*values), (256,))
    return functions


def _source(graph: Graph, operator: Operator, functions: Functions) -> int | None:
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
    # Without broadcasting, apart from dimensions of one; a larger intermediate shape would be
    # another tensor.
    same = all(graph.tensors[t].elements == output.elements for t in (*varying, source))
    return source if same else None


def _is_one_value(tensor: Tensor) -> bool:
    return (
        tensor.is_constant
        and tensor.data is not None
        and tensor.data.size > 0
        and bool((tensor.data == tensor.data.flat[0]).all())
    )


def _values(graph: Graph, tensor: int, source: int, functions: Functions) -> np.ndarray:
    if tensor in functions:
        return functions[tensor][1]
    if tensor == source:
        return np.arange(256).astype(np.uint8).view(graph.tensors[source].dtype)
    return graph.tensors[tensor].values.reshape(-1)[:1]


def _read_as_they_are(graph: Graph, functions: Functions) -> set[int]:
    """Tensors that an operator which is not folded reads, and the outputs of the network."""
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
