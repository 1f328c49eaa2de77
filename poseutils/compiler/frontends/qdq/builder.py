"""Builds the integer network, and converts values from one form to another."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from ...attributes import Attributes
from ...graph import TABLE, Operator, Quantization, Tensor
from ...unsupported import a, known, need
from .prelu import prelu_of
from .values import (
    BYTES,
    UNLIMITED,
    Constant,
    Deferred,
    FloatTensor,
    Lookup,
    Quantized,
    Stored,
    Value,
    Wanted,
    quantize_linear,
    same_scale,
)

_ACTIVATIONS = {(0.0, np.inf): "RELU", (0.0, 6.0): "RELU6", (-1.0, 1.0): "RELU_N1_TO_1"}
_IN_FLOATS = "it computes in floating point"


@dataclass
class Builder:
    """The tensors and operators of the integer network, in execution order."""

    tensors: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)
    _arranged: dict[tuple[Stored, tuple[int, ...]], Stored] = field(default_factory=dict)

    def constant(self, name: str, data: np.ndarray, scaled: Quantization | None = None) -> int:
        data = np.ascontiguousarray(data)
        return self._add(Tensor(name, data.shape, data.dtype.name, data.nbytes, scaled, True, data))

    def stored_constant(
        self, name: str, data: np.ndarray, scaled: Quantization | None = None
    ) -> Stored:
        """A constant in the file's order of dimensions."""
        return Stored(self.constant(name, data, scaled), tuple(range(data.ndim)))

    def activation(
        self, name: str, shape: tuple[int, ...], dtype: str, scaled: Quantization | None = None
    ) -> int:
        size = prod(shape) * np.dtype(dtype).itemsize
        return self._add(Tensor(self._unique(name), tuple(shape), dtype, size, scaled, False))

    def _add(self, tensor: Tensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def _unique(self, name: str) -> str:
        number, unique = 1, name
        while unique in self._names:
            number, unique = number + 1, f"{name}/{number}"
        self._names.add(unique)
        return unique

    def emit(
        self, operator: str, inputs: list[int], output: int, attributes: Attributes = Attributes()
    ) -> int:
        """Appends an operator and gives its output. No rounding but that to the output's 8 bits is
        in the file, so there is none here."""
        self.operators.append(
            Operator(operator, tuple(inputs), (output,), attributes, rounds_once=True)
        )
        return output

    def result(
        self,
        operator: str,
        inputs: list[int],
        wanted: Wanted,
        shape: tuple[int, ...],
        order: tuple[int, ...],
        attributes: Attributes = Attributes(),
    ) -> Stored:
        """Appends an operator whose result has a shape of the file, stored in another order."""
        stored = tuple(shape[d] for d in order)
        output = self.activation(wanted.name, stored, "int8", wanted.quantization)
        return Stored(self.emit(operator, inputs, output, attributes), order)

    def shape(self, stored: Stored) -> tuple[int, ...]:
        """The file's shape of a tensor."""
        return tuple(
            size for _, size in sorted(zip(stored.order, self.tensors[stored.tensor].shape))
        )

    def like(self, stored: Stored, name: str, shape: tuple[int, ...]) -> int:
        """A tensor of the same type and scale as another."""
        tensor = self.tensors[stored.tensor]
        return self.activation(name, shape, tensor.dtype, tensor.quantization)

    def name(self, stored: Stored) -> str:
        return self.tensors[stored.tensor].name

    # ------------------------------------------------------------ order of dimensions

    def arranged(self, stored: Stored, order: tuple[int, ...]) -> Stored:
        """The same values in another order of dimensions."""
        need(
            len(order) == len(stored.order),
            f"{len(stored.order)} dimensions where {len(order)} are expected",
        )
        if stored.order == order:
            return stored
        if (stored, order) not in self._arranged:
            self._arranged[stored, order] = self._rearranged(stored, order)
        return self._arranged[stored, order]

    def _rearranged(self, stored: Stored, order: tuple[int, ...]) -> Stored:
        shape, tensor = self.shape(stored), self.tensors[stored.tensor]
        places = [stored.order.index(d) for d in order]
        if tensor.is_constant:
            values = tensor.values.transpose(places)
            return Stored(self.constant(tensor.name, values, tensor.quantization), order)
        output = self.like(stored, f"{tensor.name}/arranged", tuple(shape[d] for d in order))
        if [d for d in stored.order if shape[d] != 1] == [d for d in order if shape[d] != 1]:
            self.emit("RESHAPE", [stored.tensor], output)
        else:
            permutation = self.constant("order", np.array(places, np.int32))
            self.emit("TRANSPOSE", [stored.tensor, permutation], output)
        return Stored(output, order)

    def as_filed(self, stored: Stored) -> Stored:
        """In the file's own order."""
        return self.arranged(stored, tuple(range(len(stored.order))))

    def reshaped(self, stored: Stored, shape: tuple[int, ...]) -> Stored:
        """The tensor in another shape of the file; no values move if dimensions are only split or
        merged."""
        before = self.shape(stored)
        need(prod(shape) == prod(before), f"{before} cannot be reshaped to {shape}")
        order = _order_after(stored.order, before, shape)
        if order is None:
            stored, order = self.as_filed(stored), tuple(range(len(shape)))
        output = self.like(stored, f"{self.name(stored)}/reshaped", tuple(shape[d] for d in order))
        return Stored(self.emit("RESHAPE", [stored.tensor], output), order)

    # ------------------------------------------------------------ from one form to another

    def stored(self, value: Quantized) -> Stored:
        """The tensor of 8-bit values; emits the lookup table if that is still pending."""
        if value.table is not None:
            shape = self.tensors[value.source.tensor].shape
            output = self.activation(value.name, shape, "int8", value.quantization)
            self._look_up(value, value.table, output)
            value.source = Stored(output, value.source.order)
            value.table = value.product = None
        return value.source

    def _look_up(self, value: Quantized, table: np.ndarray, output: int) -> None:
        """A table, or one PRELU instead of a table a channel."""
        if table.ndim == 2 and (table == table[0]).all():
            table = table[0]
        source = value.source.tensor
        prelu = prelu_of(value.product, table, self.tensors[source], value.quantization)
        if prelu is None:
            self.emit(TABLE, [source, self.constant("table", table)], output)
        else:
            slopes = [self.constant("slopes", *each) for each in prelu]
            self.emit("PRELU", [source, *slopes], output)

    def quantized(self, value: Value, to: Quantization, name: str) -> Quantized:
        """QuantizeLinear."""
        if isinstance(value, Lookup):
            return self._quantized_table(value, to, name)
        if isinstance(value, Deferred):
            return self._quantized_result(value, to, name)
        stored = a(FloatTensor, value, "a constant is quantized while the network runs").stored
        output = self.activation(name, self.tensors[stored.tensor].shape, "int8", to)
        return Quantized(
            name, to, Stored(self.emit("QUANTIZE", [stored.tensor], output), stored.order)
        )

    def _quantized_table(self, value: Lookup, to: Quantization, name: str) -> Quantized:
        source = self.tensors[value.source.tensor]
        table = quantize_linear(value.values, to)
        product = None
        scaled = source.quantization if source.dtype == "int8" else None
        unchanged = scaled is not None and same_scale(scaled, to)
        if value.product is not None:
            product = replace(value.product, rounded=value.product.rounded or to)
        if unchanged and np.array_equal(table, BYTES.view(np.int8)):
            return Quantized(name, to, value.source, None, product)
        return Quantized(name, to, value.source, table, product)

    def _quantized_result(self, value: Deferred, to: Quantization, name: str) -> Quantized:
        if value.limits == UNLIMITED:
            return value.quantized(Wanted(to, name))
        if value.fuses and value.limits in _ACTIVATIONS:
            return value.quantized(Wanted(to, name, _ACTIVATIONS[value.limits]))
        real = value.quantized(Wanted(to, name)).dequantized()
        clipped = Lookup(real.source, real.values.clip(*value.limits).astype(np.float32))
        return self.quantized(clipped, to, name)

    def eight_bit(self, value: Value, to: Quantization, name: str) -> Stored:
        """The tensor of the 8-bit values of a quantization."""
        if isinstance(value, Constant):
            return self.stored_constant("part", quantize_linear(value.values, to), to)
        return self.stored(self.quantized(value, to, name))

    def floats(self, value: Value, name: str) -> FloatTensor:
        """The values as a float tensor."""
        if isinstance(value, FloatTensor):
            return value
        if isinstance(value, Lookup):
            return self._float_table(value, name)
        if isinstance(value, Constant):
            return FloatTensor(self.stored_constant(name, value.values.astype(np.float32)))
        reason = f"{_IN_FLOATS}: its result is not quantized"
        pending = a(Deferred, value, reason)
        need(pending.limits == UNLIMITED, reason)
        return known(pending.floats, reason)()

    def _float_table(self, value: Lookup, name: str) -> FloatTensor:
        shape, source = self.tensors[value.source.tensor].shape, value.source
        if value.quantized is not None:
            operator, inputs = "DEQUANTIZE", [self.stored(value.quantized).tensor]
        elif value.values.ndim > 1:
            return known(value.floats, "a function of each channel that stays in floating point")()
        else:
            operator, inputs = TABLE, [source.tensor, self.constant("table", value.values)]
        output = self.activation(name, shape, "float32")
        return FloatTensor(Stored(self.emit(operator, inputs, output), source.order))

    def operand(self, value: Value) -> tuple[Stored, Quantization]:
        """The 8-bit operand of an operator."""
        need(not isinstance(value, Constant), "a constant where a result is expected")
        real = a(Lookup, value, f"{_IN_FLOATS}: its input is not quantized")
        quantized = known(real.quantized, "its input is not quantized after the operator before it")
        return self.stored(quantized), quantized.quantization


def _order_after(
    order: tuple[int, ...], shape: tuple[int, ...], made: tuple[int, ...]
) -> tuple[int, ...] | None:
    """The order of the dimensions of ``made`` in which reshaping moves no value; None if there is
    none."""
    stored = [d for d in order if shape[d] != 1]
    after: list[int] = []
    groups = {before[0]: (before, then) for before, then in _groups(shape, made)}
    while stored:
        before, then = groups.get(stored[0], ([], []))
        if not before or stored[: len(before)] != before:
            return None
        stored, after = stored[len(before) :], after + then
    return tuple([d for d, size in enumerate(made) if size == 1] + after)


def _groups(shape: tuple[int, ...], made: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """Which dimensions become which: the shortest runs of both of the same product; dimensions of
    one aside."""
    first, second = ([d for d, size in enumerate(s) if size != 1] for s in (shape, made))
    groups = []
    while first and second:
        before, then = [first.pop(0)], [second.pop(0)]
        while (a := prod(shape[d] for d in before)) != (b := prod(made[d] for d in then)):
            (before if a < b else then).append((first if a < b else second).pop(0))
        groups.append((before, then))
    return groups
