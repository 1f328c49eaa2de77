"""From a folded graph and the places of its tensors to C: constants, one structure a layer, and the
calls in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

import numpy as np

from ..graph import Graph, Operator, Tensor
from ..memory.buffers import Place

C_TYPES = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "float32": "float",
}

TYPES = ("int8", "uint8", "int32", "float32")
"""Of activations."""


class Unsupported(Exception):
    """Why one operator cannot become C."""


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
    """

    prefix: str
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    structs: list[tuple[str, str, dict]] = field(default_factory=list)
    steps: list[tuple[Operator, list[str]]] = field(default_factory=list)
    _known: dict[tuple, str] = field(default_factory=dict)

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
    """One operator on its way to C: where everything is, and where to put what is made of it."""

    graph: Graph
    operator: Operator
    index: int | str
    places: dict[int, Place]
    offsets: tuple[int, ...]
    scratch: tuple[int, int]
    program: Program
    calls: list[str]

    def input(self, number: int) -> Tensor:
        return self.graph.tensors[self.operator.inputs[number]]

    @property
    def output(self) -> Tensor:
        return self.graph.tensors[self.operator.outputs[0]]

    def step(self, tensor: int) -> int:
        """Values from one row of a tensor's last dimension to the next."""
        return (
            self.places[tensor].row_stride
            if tensor in self.places
            else columns(self.graph.tensors[tensor])
        )

    def offset(self, tensor: int) -> int:
        """Bytes from the beginning of the arena."""
        place = self.places[tensor]
        return self.offsets[place.buffer] + place.offset

    def address(self, tensor: int, values: int = 0) -> str:
        """A C expression for a tensor, moved by so many values."""
        made = self.graph.tensors[tensor]
        if tensor in self.places:
            item = made.bytes // max(1, made.elements)
            return at(C_TYPES[made.dtype], self.offset(tensor) + values * item)
        name = self.constant("values", made.data)
        return f"{name} + {values}" if values else name

    def constant(self, what: str, values: np.ndarray | None) -> str:
        need(
            values is not None and values.dtype.name in C_TYPES,
            "a constant of a type that C does not have, or that is not known",
        )
        return self.program.array(f"{what}_{self.index}", values)

    def struct(self, kind: str, fields: dict, suffix: str = "") -> str:
        """Declares a structure, and gives its address."""
        name = f"layer_{self.index}{suffix}"
        self.program.structs.append((kind, name, fields))
        return f"&{name}"

    def call(self, function: str, *arguments: str) -> None:
        self.calls.append(f"{function}({', '.join(arguments)});")


def at(c_type: str, offset: int) -> str:
    return f"AT({c_type}, {offset})"


def columns(tensor: Tensor) -> int:
    return tensor.shape[-1] if tensor.shape else 1


def rows(tensor: Tensor) -> int:
    return prod(tensor.shape[:-1])


def need(condition: bool, reason: str) -> None:
    """Refuses an operator that the kernels do not compute."""
    if not condition:
        raise Unsupported(reason)


def need_types(layer: Layer) -> None:
    """Refuses activations of other types than the kernels know."""
    tensors = [
        layer.graph.tensors[t] for t in (*layer.operator.inputs, *layer.operator.outputs) if t >= 0
    ]
    odd = sorted({tensor.dtype for tensor in tensors if not tensor.is_constant} - set(TYPES))
    need(not odd, f"on {', '.join(odd)}; {', '.join(TYPES)} are supported")


def image(layer: Layer, tensor: int) -> dict:
    """A ``pose_image``."""
    shape = layer.graph.tensors[tensor].shape
    need(len(shape) == 4 and shape[0] == 1, f"an image (1, H, W, C) is expected, it has {shape}")
    return {"height": shape[1], "width": shape[2], "channels": shape[3], "step": layer.step(tensor)}


def row_fields(layer: Layer, source: int, output: int) -> dict:
    """A ``pose_rows`` for an operator whose input and output have the same rows."""
    tensor = layer.graph.tensors[output]
    return {
        "rows": rows(tensor),
        "channels": columns(tensor),
        "in_step": layer.step(source),
        "out_step": layer.step(output),
    }
