"""One operator on its way to C, and the program that all of them make."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, TypeVar

import numpy as np

from ..attributes import Attributes
from ..graph import Graph, Operator, Tensor
from ..memory.buffers import Place
from ..reference.elementwise import activation, per_tensor
from ..rows import WINDOWED, one_row, row_axis, row_count
from ..slices import Slice, slices_of
from ..unsupported import Unsupported, known, need

C_TYPES = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "float32": "float",
}

TYPES = ("int8", "uint8", "int32", "float32")
"""Of activations."""


ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
"""That the kernels compute together with an operator."""

A = TypeVar("A", bound=Attributes)
Fields = dict[str, Any]
"""Of a C structure: a text, a number, a list, or the fields of another structure."""


@dataclass
class Program:
    """What the C source is made of.

    Attributes:
        prefix: of the names of constants.
        arrays: constants by their names.
        structs: (type, name, fields) of the layers, in order; a field is text, a number, or a
            nested dictionary.
        steps: (operator, calls) for each operator of the folded graph; no call where there is
            nothing to do.
        orders: for each segment the name of a constant: in which order its operators, counted from
            the first one, compute their next row.
    """

    prefix: str
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    structs: list[tuple[str, str, Fields]] = field(default_factory=list)
    steps: list[tuple[Operator, list[str]]] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    _known: dict[tuple[str, bytes], str] = field(default_factory=dict)

    def array(self, name: str, values: np.ndarray) -> str:
        """The name of a constant; the same values are stored once."""
        values = np.ascontiguousarray(values)
        key = (values.dtype.str, values.tobytes())
        if key not in self._known:
            self._known[key] = f"{self.prefix}_{name}"
            self.arrays[self._known[key]] = values
        return self._known[key]


@dataclass(frozen=True)
class Layer:
    """An operator, where its tensors are, and the program that it becomes a part of.

    One that runs row by row moves over the rows of the tensors in ``moving``: their addresses are
    those of row ``y``. If its kernel knows nothing of rows, they have one row in ``graph``.
    """

    graph: Graph
    operator: Operator
    index: int | str
    places: dict[int, Place]
    offsets: tuple[int, ...]
    scratch: tuple[int, int]
    program: Program
    calls: list[str]
    moving: dict[int, Tensor] = field(default_factory=dict)

    def input(self, number: int) -> Tensor:
        return self.graph.tensors[self.operator.inputs[number]]

    @property
    def output(self) -> Tensor:
        return self.graph.tensors[self.operator.outputs[0]]

    def attributes(self, kind: type[A]) -> A:
        return self.operator.attributes_as(kind)

    def values(self, number: int, reason: str) -> np.ndarray:
        """The values of an input; refuses the operator if they are not known."""
        return known(self.input(number).data, reason)

    def step(self, tensor: int) -> int:
        """Values from one row of a tensor's last dimension to the next."""
        if tensor in self.places:
            return self.places[tensor].row_stride
        return columns(self.graph.tensors[tensor])

    def offset(self, tensor: int) -> int:
        """Bytes from the beginning of the arena."""
        place = self.places[tensor]
        return self.offsets[place.buffer] + place.offset

    def address(self, tensor: int, values: int = 0) -> str:
        """A C expression for a tensor's address, plus an offset of ``values`` elements."""
        made = self.graph.tensors[tensor]
        if tensor in self.places:
            offset = self.offset(tensor) + values * made.item_bytes
            return at(C_TYPES[made.dtype], f"{offset}{self._row(tensor, made.item_bytes)}")
        first = f" + {values}" if values else ""
        return f"{self.constant('values', made.data)}{first}{self._row(tensor, 1)}"

    def _row(self, tensor: int, item_bytes: int) -> str:
        """What is added to the address of a tensor for row ``y``."""
        if tensor not in self.moving:
            return ""
        whole = self.moving[tensor]
        step = rows(whole) // row_count(whole) * self.step(tensor) * item_bytes
        return row_offset(self.places[tensor].ring if tensor in self.places else None, step)

    def slices(self) -> list[Slice] | None:
        """The slice that each output is, of one row if the tensors move over rows."""
        whole = list(self.graph.tensors)
        for tensor, made in self.moving.items():
            whole[tensor] = made
        slices = slices_of(replace(self.graph, tensors=tuple(whole)), self.operator)
        axis = row_axis(next(iter(self.moving.values()))) if self.moving else None
        if slices is None or axis is None:
            return slices
        return [replace(s, sizes=[*s.sizes[:axis], 1, *s.sizes[axis + 1 :]]) for s in slices]

    def constant(self, what: str, values: np.ndarray | None) -> str:
        if values is None or values.dtype.name not in C_TYPES:
            raise Unsupported("a constant of a type that C does not have, or that is not known")
        return self.program.array(f"{what}_{self.index}", values)

    def struct(self, kind: str, fields: Fields, suffix: str = "") -> str:
        """Declares a structure and returns its address."""
        name = f"layer_{self.index}{suffix}"
        self.program.structs.append((kind, name, fields))
        return f"&{name}"

    def call(self, function: str, *arguments: str) -> None:
        self.calls.append(f"{function}({', '.join(arguments)});")

    def call_on_tensors(self, function: str, *first: str) -> None:
        """Calls a kernel with the addresses of all inputs and outputs after other arguments."""
        tensors = (*self.operator.inputs, *self.operator.outputs)
        self.call(function, *first, *(self.address(t) for t in tensors))

    def call_on_image(self, function: str, struct: str, *scratch: str) -> None:
        """Calls a kernel, or its form for row ``y``, with the image it reads and the result."""
        ends = [self.address(t) for t in (self.operator.data_input, self.operator.outputs[0])]
        if self.moving:
            self.call(f"{function}_row", struct, "y", *ends, *scratch)
        else:
            self.call(function, struct, *ends, *scratch)

    def call_on_data(self, function: str, *first: str) -> None:
        """The same with the first input and the output alone."""
        source, output = self.operator.inputs[0], self.operator.outputs[0]
        self.call(function, *first, self.address(source), self.address(output))

    def strides(self, tensor: int) -> list[int]:
        """Values from one index to the next along each dimension."""
        shape, step = self.graph.tensors[tensor].shape, self.step(tensor)
        last = len(shape) - 1
        return [1 if d == last else step * prod(shape[d + 1 : -1]) for d in range(len(shape))]

    def strides_of_many(self, tensor: int) -> list[int]:
        """The same along the dimensions of more than one index."""
        shape = self.graph.tensors[tensor].shape
        return [stride for n, stride in zip(shape, self.strides(tensor)) if n != 1]


def in_rows(layer: Layer) -> Layer:
    """A layer that computes row ``y`` of its results."""
    operator, tensors = layer.operator, layer.graph.tensors
    rows_made = row_count(tensors[operator.outputs[0]])
    if operator.name in WINDOWED:
        return replace(layer, moving={t: tensors[t] for t in operator.outputs})
    taken = {t for t in (*operator.inputs, *operator.outputs) if t >= 0}
    moving = {t: tensors[t] for t in taken if row_count(tensors[t]) == rows_made}
    one = [one_row(tensor) if t in moving else tensor for t, tensor in enumerate(tensors)]
    return replace(layer, moving=moving, graph=replace(layer.graph, tensors=tuple(one)))


def row_offset(ring: int | None, step: int) -> str:
    """What is added to an address for row ``y``: of all rows, or of a ring; ``step`` is from one
    row to the next."""
    if ring == 1:
        return ""
    return f" + y * {step}" if ring is None else f" + y % {ring} * {step}"


def at(c_type: str, offset: int | str) -> str:
    return f"AT({c_type}, {offset})"


def columns(tensor: Tensor) -> int:
    return tensor.shape[-1] if tensor.shape else 1


def rows(tensor: Tensor) -> int:
    return prod(tensor.shape[:-1])


def need_int8(*tensors: Tensor) -> None:
    for tensor in tensors:
        need(
            tensor.dtype == "int8" and per_tensor(tensor),
            f"on {_described(tensor)} {tensor.name!r}; int8 with one scale and zero point is "
            "supported",
        )


def _described(tensor: Tensor) -> str:
    """The type of a tensor, and what else its quantization lacks."""
    if tensor.dtype != "int8":
        return tensor.dtype
    return (
        f"int8 with {0 if tensor.quantization is None else len(tensor.quantization.scales)} scales"
    )


def need_activation(operator: Operator) -> None:
    known = activation(operator) in ACTIVATIONS
    need(known, f"the activation {activation(operator)} is not known")


def four(values: list[int], fill: int) -> list[int]:
    """Filled up in front to four dimensions, as the kernels take them."""
    need(len(values) <= 4, "more than four dimensions that are not one")
    return [fill] * (4 - len(values)) + values


def need_types(layer: Layer) -> None:
    """Refuses activations of other types than the kernels know."""
    tensors = [
        layer.graph.tensors[t] for t in (*layer.operator.inputs, *layer.operator.outputs) if t >= 0
    ]
    odd = sorted({tensor.dtype for tensor in tensors if not tensor.is_constant} - set(TYPES))
    need(not odd, f"on {', '.join(odd)}; {', '.join(TYPES)} are supported")


def image(layer: Layer, tensor: int) -> Fields:
    """A ``pose_image``."""
    shape = layer.graph.tensors[tensor].shape
    need(len(shape) == 4 and shape[0] == 1, f"an image (1, H, W, C) is expected, it has {shape}")
    ring = layer.places[tensor].ring if tensor in layer.places else None
    return {
        "height": shape[1],
        "width": shape[2],
        "channels": shape[3],
        "step": layer.step(tensor),
        "ring": ring or shape[1],
    }


def images(layer: Layer, number: int = 0) -> Fields:
    """A ``pose_image`` each of an input and of the output."""
    return {
        "in": image(layer, layer.operator.inputs[number]),
        "out": image(layer, layer.operator.outputs[0]),
    }


def row_fields(layer: Layer) -> Fields:
    """A ``pose_rows`` for an operator whose first input and output have the same rows."""
    (source, *_), (output, *_) = layer.operator.inputs, layer.operator.outputs
    tensor = layer.output
    return {
        "rows": rows(tensor),
        "channels": columns(tensor),
        "in_step": layer.step(source),
        "out_step": layer.step(output),
    }


def grid_fields(layer: Layer) -> Fields:
    """A ``pose_grid`` of two operands and the result, with as few dimensions as possible."""
    a, b, output = *layer.operator.inputs[:2], layer.operator.outputs[0]
    shape = layer.graph.tensors[output].shape or (1,)
    strides = [_broadcast_strides(layer, t, shape) for t in (a, b, output)]
    size, merged = [1], [[0], [0], [0]]
    for d, length in enumerate(shape):
        if length == 1:
            continue
        if all(kept[-1] == own[d] * length for kept, own in zip(merged, strides)) and size[-1] != 1:
            size[-1] *= length
            for kept, own in zip(merged, strides):
                kept[-1] = own[d]
        else:
            size.append(length)
            for kept, own in zip(merged, strides):
                kept.append(own[d])
    need(len(size) <= 5, f"operands of shapes that repeat in too many ways: {shape}")
    strides_by_name = zip(("a", "b", "out"), merged)
    return {
        "size": four(size[1:], 1),
        **{name: four(kept[1:], 0) for name, kept in strides_by_name},
    }


def _broadcast_strides(layer: Layer, tensor: int, shape: tuple[int, ...]) -> list[int]:
    """Values from one index to the next along each dimension of ``shape``; 0 where the tensor
    repeats."""
    own = layer.graph.tensors[tensor].shape
    strides = [0 if n == 1 else stride for n, stride in zip(own, layer.strides(tensor))]
    return [0] * (len(shape) - len(own)) + strides
