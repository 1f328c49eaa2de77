"""The QUANTIZE at the beginning and the DEQUANTIZE at the end are left to the application."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph, readers


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
    inputs = tuple(entry.get(t, t) for t in graph.inputs)
    outputs = tuple(leaving.get(t, t) for t in graph.outputs)
    return replace(graph, operators=kept, inputs=inputs, outputs=outputs)
