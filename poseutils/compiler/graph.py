"""A network as plain data: tensors, and the operators that read and write them in execution order;
and what each costs.

It is independent of file formats; the frontends make it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from math import prod
from typing import Any, TypeVar

import numpy as np

from .attributes import Attributes, BatchMatMul

FILTER_RANK = {"CONV_2D": 4, "DEPTHWISE_CONV_2D": 4, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 4}
"""The operators whose multiply-accumulates are counted, and the rank of their filter, which is
input 1."""


RESHAPES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
"""The operators that only change a shape."""

TABLE = "TABLE"
"""The operator that a pass or a frontend puts in the place of others: its inputs are an 8-bit
tensor, and a constant of 256 results for its bytes 0 ... 255."""


@dataclass(frozen=True)
class Quantization:
    """real = scale · (q − zero point); one scale for the tensor, or one for each index along
    ``axis``.

    Attributes:
        scales: (1,) or (C,) float32.
        zero_points: as long as ``scales``, int64.
        axis: the dimension that C runs along.
    """

    scales: np.ndarray
    zero_points: np.ndarray
    axis: int


@dataclass(frozen=True)
class Tensor:
    """One tensor: ``dtype`` is a lower-case name such as ``"int8"``, ``bytes`` its size.

    A constant is stored in the file; ``data`` is its values, None for a type that NumPy does not
    have, such as int4. The shape of one that is not fixed is what the file has for one image; the
    runtime may find another. Of one that is open the file leaves some size to the runtime, be it
    the number of images alone. A variable keeps its values from one run to the next.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int
    quantization: Quantization | None
    is_constant: bool
    data: np.ndarray | None = field(default=None, repr=False, compare=False)
    is_fixed: bool = True
    is_variable: bool = False
    is_open: bool = False

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def scale(self) -> np.float32:
        """Of a tensor that has one scale."""
        return np.float32(self.known_quantization.scales[0])

    @property
    def zero_point(self) -> int:
        """Of a tensor that has one zero point."""
        return int(self.known_quantization.zero_points[0])

    @property
    def known_quantization(self) -> Quantization:
        """Of a tensor that has one."""
        if self.quantization is None:
            raise ValueError(f"tensor {self.name!r} is not quantized")
        return self.quantization

    @property
    def values(self) -> np.ndarray:
        """Of a constant whose values are known."""
        if self.data is None:
            raise ValueError(f"the values of tensor {self.name!r} are not known")
        return self.data

    @property
    def item_bytes(self) -> int:
        """Bytes of one value."""
        return self.bytes // max(1, self.elements)

    @property
    def is_parameter(self) -> bool:
        """A constant that was trained (weights, biases) rather than a shape, an axis or a list of
        indices: those are plain integers."""
        return self.is_constant and ("float" in self.dtype or self.quantization is not None)


A = TypeVar("A", bound=Attributes)


@dataclass(frozen=True)
class Operator:
    """One kernel, such as ``"CONV_2D"``; inputs and outputs are indices of tensors, -1 for an
    optional input left out.

    Results of one that ``rounds_once`` are rounded as ONNX's QuantizeLinear rounds them, others as
    LiteRT does, which rounds on the way too.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    attributes: Attributes = field(default=Attributes(), compare=False)
    rounds_once: bool = field(default=False, compare=False)

    def attributes_as(self, kind: type[A]) -> A:
        """The attributes; the defaults of the format where the file leaves them out."""
        return self.attributes if isinstance(self.attributes, kind) else kind()

    @property
    def data_input(self) -> int:
        """The tensor that flows through, beside the filter: the first input, except of a transposed
        convolution (the third)."""
        return self.inputs[2 if self.name == "TRANSPOSE_CONV" else 0]


@dataclass(frozen=True)
class Graph:
    """A whole network. Operators are in the order in which they run."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    schema_version: int


def macs(graph: Graph, operator: Operator) -> int:
    """Multiply-accumulates of one operator, padding included; zero for those that are not
    convolutions or products.

    - CONV_2D, filter (OC, KH, KW, IC / groups): output elements · KH · KW · IC / groups.
    - DEPTHWISE_CONV_2D, filter (1, KH, KW, OC): output elements · KH · KW.
    - FULLY_CONNECTED, filter (OC, IC): output elements · IC.
    - TRANSPOSE_CONV, filter (OC, KH, KW, IC): input elements · KH · KW · OC.
    - BATCH_MATMUL of (..., M, K) and (..., K, N): output elements · K.
    """
    if operator.name == "BATCH_MATMUL":
        first = graph.tensors[operator.inputs[0]].shape
        return (
            graph.tensors[operator.outputs[0]].elements
            * first[-2 if operator.attributes_as(BatchMatMul).adj_x else -1]
        )
    if operator.name not in FILTER_RANK:
        return 0
    filter_shape = graph.tensors[operator.inputs[1]].shape
    if operator.name == "TRANSPOSE_CONV":
        return graph.tensors[operator.data_input].elements * prod(filter_shape[:3])
    taps = filter_shape[1:3] if operator.name == "DEPTHWISE_CONV_2D" else filter_shape[1:]
    return graph.tensors[operator.outputs[0]].elements * prod(taps)


def lifetimes(graph: Graph) -> dict[int, tuple[int, int]]:
    """For each activation tensor, the first and the last operator (indices) that needs it in
    memory.

    The caller writes the network's inputs before the first operator, -1, and reads its outputs
    after the last one, ``len(graph.operators)``. A result that is never read lives while it is
    written.
    """
    spans = {tensor: (-1, -1) for tensor in graph.inputs}
    for index, operator in enumerate(graph.operators):
        for tensor in (*operator.inputs, *operator.outputs):
            if tensor >= 0 and not graph.tensors[tensor].is_constant:
                spans[tensor] = (spans.get(tensor, (index,))[0], index)
    for tensor in graph.outputs:
        if tensor in spans:
            spans[tensor] = (spans[tensor][0], len(graph.operators))
    return spans


def readers(graph: Graph) -> dict[int, list[int]]:
    """For each tensor the operators (indices) that read it."""
    found: dict[int, list[int]] = {}
    for index, operator in enumerate(graph.operators):
        for tensor in operator.inputs:
            found.setdefault(tensor, []).append(index)
    return found


def live_bytes(graph: Graph) -> list[int]:
    """For each operator, the sum of the activation tensors that are in memory while it runs."""
    change = [0] * (len(graph.operators) + 2)
    for tensor, (first, last) in lifetimes(graph).items():
        change[max(first, 0)] += graph.tensors[tensor].bytes
        change[last + 1] -= graph.tensors[tensor].bytes
    return list(accumulate(change))[: len(graph.operators)]


def layers(graph: Graph) -> list[dict[str, Any]]:
    """One row an operator: index, operator, output (name), output_shape, macs, parameters,
    weight_bytes, live_bytes.

    A weight that several operators share is counted at the first of them, so that the columns add
    up to the network's.
    """
    seen: set[int] = set()
    rows = []
    for index, (operator, live) in enumerate(zip(graph.operators, live_bytes(graph))):
        own = {t for t in operator.inputs if t >= 0 and graph.tensors[t].is_parameter} - seen
        seen |= own
        output = graph.tensors[operator.outputs[0]]
        rows.append(
            {
                "index": index,
                "operator": operator.name,
                "output": output.name,
                "output_shape": output.shape,
                "macs": macs(graph, operator),
                "parameters": sum(graph.tensors[t].elements for t in own),
                "weight_bytes": sum(graph.tensors[t].bytes for t in own),
                "live_bytes": live,
            }
        )
    return rows


def float_operators(graph: Graph) -> list[Operator]:
    """The convolutions and products that compute in floating point; a full-integer network has
    none."""
    return [
        op
        for op in graph.operators
        if op.name in FILTER_RANK and "float" in graph.tensors[op.data_input].dtype
    ]
