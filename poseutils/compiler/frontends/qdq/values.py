"""What a value of an .onnx network is in the network that is built of it, and how it is brought
from one form to another.

DequantizeLinear, an operator and QuantizeLinear become one operator on 8-bit tensors. So the float
values between them are held back until it is known what they are quantized to:

- :class:`Steps`: 8-bit values with a scale. They may still be a table away from the tensor that
  they come from.
- :class:`Real`: float values that are a function of one 8-bit tensor, value by value or channel by
  channel.
- :class:`Pending`: float results of an operator that is written when its result is quantized.
- :class:`Floats`: float values that the network really has, such as its input.
- :class:`Constant`: weights, and other numbers of the file.

Shapes are the file's. A tensor may store its dimensions in another order, because images of H×W×C
suit the kernels better than C×H×W: its ``order`` says which dimension of the file each of its own
is, and a Transpose mostly changes that alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from ...attributes import Attributes
from ...graph import TABLE, Operator, Quantization, Tensor
from ...unsupported import a, known, need
from .prelu import Product, prelu_of

IMAGE = (0, 2, 3, 1)
"""The order in which images of N×C×H×W are stored: N×H×W×C."""

_BYTES = np.arange(256).astype(np.uint8)


def quantization(scale: float, zero_point: int) -> Quantization:
    return Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64), 0)


def in_steps(values: np.ndarray, to: Quantization) -> np.ndarray:
    """QuantizeLinear to int8, as ONNX Runtime computes it: divided in 32-bit floats, halves to
    even."""
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.rint(np.nan_to_num(values.astype(np.float32) / to.scales[0])) + np.float32(
            to.zero_points[0]
        )
    return steps.clip(-128, 127).astype(np.int8)


@dataclass(frozen=True)
class Stored:
    """A tensor of the network that is built; its dimension d is the file's dimension
    ``order[d]``."""

    tensor: int
    order: tuple[int, ...]


@dataclass
class Steps:
    """8-bit values: ``table`` of the bytes of ``source``, or those themselves where it is None;
    (256,) int8, or (C, 256) by channel.

    ``product`` is what they are computed of besides, if there is one; likewise of :class:`Real`.
    """

    name: str
    quantization: Quantization
    source: Stored
    table: np.ndarray | None = None
    product: Product | None = None

    def real(self) -> Real:
        steps = _BYTES.view(np.int8) if self.table is None else self.table
        values = (steps.astype(np.int32) - int(self.quantization.zero_points[0])).astype(
            np.float32
        ) * self.quantization.scales[0]
        return Real(self.source, values, self, self.product)


@dataclass(frozen=True)
class Real:
    """Float values by the bytes of ``source``, (256,) or, by its last dimension, (C, 256);
    ``steps`` if they stand for those.

    ``floats`` writes what computes them, where no table does.
    """

    source: Stored
    values: np.ndarray
    steps: Steps | None = None
    product: Product | None = None
    floats: Callable[[], Floats] | None = None


@dataclass(frozen=True)
class Floats:
    """A float32 tensor."""

    stored: Stored


@dataclass(frozen=True)
class Pending:
    """The result of an operator.

    Attributes:
        quantized: writes the operator so that it gives 8-bit values of a quantization; takes that,
            a name, and a fused activation.
        floats: writes it on floats; None if the kernels cannot.
        fuses: whether that can have an activation.
        limits: the least and the greatest value that are let through.
    """

    quantized: Callable[[Quantization, str, str], Steps]
    floats: Callable[[], Floats] | None = None
    fuses: bool = True
    limits: tuple[float, float] = (-np.inf, np.inf)


@dataclass(frozen=True)
class Weights:
    """Integers of the file, and by what they are scaled."""

    integers: np.ndarray
    quantization: Quantization


@dataclass(frozen=True)
class Constant:
    """Numbers of the file, float or integer; of quantized ones what they were computed from."""

    values: np.ndarray
    weights: Weights | None = None


Value = Steps | Real | Floats | Pending | Constant

_ALL = (-np.inf, np.inf)
_ACTIVATIONS = {
    (0.0, np.inf): "RELU",
    (0.0, 6.0): "RELU6",
    (-1.0, 1.0): "RELU_N1_TO_1",
    _ALL: "NONE",
}


@dataclass
class Builder:
    """Tensors and operators of the network that is built, in the order in which they run."""

    tensors: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)
    _arranged: dict[tuple[Stored, tuple[int, ...]], Stored] = field(default_factory=dict)

    def constant(self, name: str, data: np.ndarray, scaled: Quantization | None = None) -> int:
        data = np.ascontiguousarray(data)
        return self._add(Tensor(name, data.shape, data.dtype.name, data.nbytes, scaled, True, data))

    def constant_steps(self, values: np.ndarray, to: Quantization) -> Stored:
        """Numbers of the file, quantized."""
        return Stored(self.constant("part", in_steps(values, to), to), tuple(range(values.ndim)))

    def activation(
        self, name: str, shape: tuple[int, ...], dtype: str, scaled: Quantization | None = None
    ) -> int:
        return self._add(
            Tensor(
                self._unique(name),
                tuple(shape),
                dtype,
                prod(shape) * np.dtype(dtype).itemsize,
                scaled,
                False,
            )
        )

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
        if tensor.is_constant:
            return Stored(
                self.constant(
                    tensor.name,
                    tensor.values.transpose(self._places(stored, order)),
                    tensor.quantization,
                ),
                order,
            )
        output = self.like(stored, f"{self.name(stored)}/arranged", tuple(shape[d] for d in order))
        if [d for d in stored.order if shape[d] != 1] == [d for d in order if shape[d] != 1]:
            self.emit("RESHAPE", [stored.tensor], output)
        else:
            places = np.array(self._places(stored, order), np.int32)
            self.emit("TRANSPOSE", [stored.tensor, self.constant("order", places)], output)
        return Stored(output, order)

    def _places(self, stored: Stored, order: tuple[int, ...]) -> list[int]:
        return [stored.order.index(d) for d in order]

    def as_filed(self, stored: Stored) -> Stored:
        """In the file's own order."""
        return self.arranged(stored, tuple(range(len(stored.order))))

    def reshaped(self, stored: Stored, shape: tuple[int, ...]) -> Stored:
        """The same values in another shape of the file; without moving any where dimensions are
        only split or joined."""
        need(
            prod(shape) == prod(self.shape(stored)),
            f"{self.shape(stored)} cannot be reshaped to {shape}",
        )
        order = _order_after(stored.order, self.shape(stored), shape)
        if order is None:
            stored, order = self.as_filed(stored), tuple(range(len(shape)))
        output = self.like(stored, f"{self.name(stored)}/reshaped", tuple(shape[d] for d in order))
        return Stored(self.emit("RESHAPE", [stored.tensor], output), order)

    # ------------------------------------------------------------ from one form to another

    def stored(self, steps: Steps) -> Stored:
        """The tensor of 8-bit values; a table is written where it has not been."""
        if steps.table is not None:
            shape = self.tensors[steps.source.tensor].shape
            output = self.activation(steps.name, shape, "int8", steps.quantization)
            self._look_up(steps, steps.table, output)
            steps.source, steps.table, steps.product = (
                Stored(output, steps.source.order),
                None,
                None,
            )
        return steps.source

    def _look_up(self, steps: Steps, table: np.ndarray, output: int) -> None:
        """A table, or one PRELU instead of a table a channel."""
        table, source = _merged(table), steps.source.tensor
        prelu = prelu_of(steps.product, table, self.tensors[source], steps.quantization)
        if prelu is None:
            self.emit(TABLE, [source, self.constant("table", table)], output)
        else:
            self.emit(
                "PRELU",
                [source, *(self.constant("slopes", *each) for each in prelu.constants())],
                output,
            )

    def quantized(self, value: Value, to: Quantization, name: str) -> Steps:
        """QuantizeLinear."""
        if isinstance(value, Real):
            table = in_steps(value.values, to)
            source = self.tensors[value.source.tensor]
            same = (
                source.quantization is not None
                and source.dtype == "int8"
                and _same(source.quantization, to)
            )
            made = value.product
            made = replace(made, rounded=to) if made is not None and made.rounded is None else made
            return Steps(
                name,
                to,
                value.source,
                None if same and np.array_equal(table, _BYTES.view(np.int8)) else table,
                made,
            )
        if isinstance(value, Pending):
            activation = (
                _ACTIVATIONS.get(value.limits, "") if value.fuses or value.limits == _ALL else ""
            )
            steps = value.quantized(to, name, activation or "NONE")
            return (
                steps
                if activation
                else self.quantized(_clipped(steps.real(), value.limits), to, name)
            )
        stored = a(Floats, value, "a constant is quantized while the network runs").stored
        output = self.activation(name, self.tensors[stored.tensor].shape, "int8", to)
        return Steps(name, to, Stored(self.emit("QUANTIZE", [stored.tensor], output), stored.order))

    def floats(self, value: Value, name: str) -> Floats:
        """The values as a float tensor."""
        if isinstance(value, Floats):
            return value
        if isinstance(value, Real):
            return self._float_table(value, name)
        if isinstance(value, Constant):
            return Floats(
                Stored(
                    self.constant(name, value.values.astype(np.float32)),
                    tuple(range(value.values.ndim)),
                )
            )
        reason = "it computes in floating point: its result is not quantized"
        pending = a(Pending, value, reason)
        need(pending.limits == _ALL, reason)
        return known(pending.floats, reason)()

    def _float_table(self, value: Real, name: str) -> Floats:
        shape = self.tensors[value.source.tensor].shape
        if value.steps is not None:
            source = self.stored(value.steps)
            output = self.activation(name, shape, "float32")
            return Floats(Stored(self.emit("DEQUANTIZE", [source.tensor], output), source.order))
        if value.values.ndim > 1:
            return known(value.floats, "a function of each channel that stays in floating point")()
        table = self.constant("table", value.values)
        return Floats(
            Stored(
                self.emit(
                    TABLE, [value.source.tensor, table], self.activation(name, shape, "float32")
                ),
                value.source.order,
            )
        )

    def operand(self, value: Value) -> tuple[Stored, Quantization]:
        """8-bit values that an operator reads."""
        need(not isinstance(value, Constant), "a constant where a result is expected")
        real = a(Real, value, "it computes in floating point: its input is not quantized")
        steps = known(real.steps, "its input is not quantized after the operator before it")
        return self.stored(steps), steps.quantization


def _same(a: Quantization, b: Quantization) -> bool:
    return bool(a.scales[0] == b.scales[0] and a.zero_points[0] == b.zero_points[0])


def _clipped(value: Real, limits: tuple[float, float]) -> Real:
    return Real(value.source, value.values.clip(*limits).astype(np.float32))


def _merged(table: np.ndarray) -> np.ndarray:
    """One table where all channels have the same."""
    return table[0] if table.ndim == 2 and (table == table[0]).all() else table


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
