"""Which operators of a QDQ network ONNX Runtime computes on 8-bit integers, and which in floats.

Its default session on an x86-64 processor turns int8 tensors into uint8, but not those that several operators read, and then puts an
operator and the pairs around it together where all types are the same; of a convolution, uint8. All others are computed in floats between
DequantizeLinear and QuantizeLinear. Sums of floats have roundings of their own, so that an exact copy of a network has to know which is
which. (On an Arm processor convolutions of int8 are computed on integers too, and round less.)
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from ...graph import Graph, Operator

_MOVES = ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "MaxPool", "Slice")
"""Through which ONNX Runtime moves QuantizeLinear up and DequantizeLinear down."""


class Fusions:
    """Who makes and who reads each tensor of a file, and what follows from that."""

    def __init__(self, graph: Graph):
        self._graph = graph
        self._makers = {tensor: operator for operator in graph.operators for tensor in operator.outputs}
        self._readers: dict[int, list[Operator]] = defaultdict(list)
        for operator in graph.operators:
            for tensor in operator.inputs:
                self._readers[tensor].append(operator)

    def convolution(self, operator: Operator) -> bool:
        """Whether a Conv is computed on integers: its input and its output are uint8."""
        return self._given(operator.inputs[0]) == self._made(operator.outputs[0]) == "uint8"

    def integers(self, operator: Operator) -> str | None:
        """The type of all operands and of the result of another operator that is computed on integers, None of others."""
        kinds = {self._made(operator.outputs[0]), *(self._given(tensor) for tensor in operator.inputs)}
        return kinds.pop() if len(kinds) == 1 else None

    # ------------------------------------------------------------ types of 8-bit tensors

    def _given(self, tensor: int) -> str | None:
        """The type that the DequantizeLinear before an operator reads."""
        maker = self._makers.get(tensor)
        if maker is not None and maker.name in _MOVES:
            return "uint8" if self._given(maker.inputs[0]) else None
        return self._kind(maker.inputs[0]) if maker is not None and maker.name == "DequantizeLinear" else None

    def _made(self, tensor: int) -> str | None:
        """The type that the QuantizeLinear after an operator gives, if there is one and it is the only reader."""
        reader = self._only_reader(tensor)
        if reader is None:
            return None
        if reader.name == "QuantizeLinear":
            return self._kind(reader.outputs[0])
        if reader.name in _MOVES:
            return "uint8" if self._made(reader.outputs[0]) else None
        return self._made(reader.outputs[0]) if reader.name in ("Relu", "Clip") and self._changes_nothing(reader) else None

    def _kind(self, tensor: int) -> str | None:
        """uint8 or int8, as ONNX Runtime has an 8-bit tensor."""
        made, maker = self._graph.tensors[tensor], self._makers.get(tensor)
        alone = maker is not None and maker.name == "QuantizeLinear" and self._uses(tensor) == 1 and not self._is_input(maker)
        return "uint8" if made.dtype == "uint8" or (made.dtype == "int8" and alone) else "int8" if made.dtype == "int8" else None

    def _is_input(self, quantize: Operator) -> bool:
        """Whether a QuantizeLinear only undoes the DequantizeLinear of an 8-bit input of the network, which is then read as it is."""
        before = self._makers.get(quantize.inputs[0])
        undone = before is not None and before.name == "DequantizeLinear" and before.inputs[0] in self._graph.inputs
        return undone and all(self._number(before, n, 0) == self._number(quantize, n, 0) for n in (1, 2))

    def _uses(self, tensor: int) -> int:
        """How many operators read the real values of an 8-bit tensor; the network's own outputs count as well."""
        readers = self._readers[tensor]
        real = [reader.outputs[0] for reader in readers if reader.name == "DequantizeLinear"]
        others = len(readers) - len(real) + (tensor in self._graph.outputs)
        return others + sum(len(self._readers[t]) + (t in self._graph.outputs) for t in real)

    def _only_reader(self, tensor: int) -> Operator | None:
        readers = self._readers[tensor]
        return readers[0] if len(readers) == 1 and tensor not in self._graph.outputs else None

    # ------------------------------------------------------------ limits that the quantization has anyway

    def _changes_nothing(self, limit: Operator) -> bool:
        """Whether all that a Relu or Clip holds back is out of the range of the QuantizeLinear after it."""
        reader = self._only_reader(limit.outputs[0])
        if reader is None or reader.name != "QuantizeLinear":
            return False
        low, high = self._range(reader)
        least, most = self._limits(limit)
        slack = np.finfo(np.float32).eps
        return bool(least <= low + slack and most >= high - slack)

    def _range(self, quantize: Operator) -> tuple[float, float]:
        made = self._graph.tensors[quantize.outputs[0]]
        scale, zero = self._number(quantize, 1, 1.0), self._number(quantize, 2, 0.0)
        least, most = (-128, 127) if made.dtype == "int8" else (0, 255)
        return (least - zero) * scale, (most - zero) * scale

    def _limits(self, limit: Operator) -> tuple[float, float]:
        if limit.name == "Relu":
            return 0.0, np.inf
        options = limit.options
        return self._number(limit, 1, options.get("min", -np.inf)), self._number(limit, 2, options.get("max", np.inf))

    def _number(self, operator: Operator, number: int, default: float) -> float:
        """A constant input, as a number."""
        if len(operator.inputs) <= number or operator.inputs[number] < 0:
            return float(default)
        data = self._graph.tensors[operator.inputs[number]].data
        return float(default) if data is None or data.size != 1 else float(data.reshape(-1)[0])
