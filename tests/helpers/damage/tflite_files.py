"""Damages networks by their structure: what a graph says of its tensors, operators and constants,
one or two things at a time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from poseutils.compiler.attributes import Attributes
from poseutils.compiler.graph import Graph, Operator, Quantization, Tensor

TYPES = {"int8": 1, "uint8": 1, "int16": 2, "int32": 4, "int64": 8, "float32": 4, "bool": 1}
NUMBERS = (-(2**31), -129, -2, -1, 0, 1, 2, 3, 5, 7, 16, 17, 127, 255, 256, 65535, 2**31 - 1)
SCALES = (0.0, -1.0, 1e-45, 1e-9, 0.5, 3.0, 1e9, float("inf"), float("nan"))
OTHER_NAMES = (
    "ADD",
    "CONV_2D",
    "CONCATENATION",
    "QUANTIZE",
    "RESHAPE",
    "MEAN",
    "GATHER",
    "SOFTMAX",
    "SIN",
    "PAD",
    "TRANSPOSE",
    "SPLIT",
)


def damaged(graph: Graph, dice: random.Random) -> Graph:
    """The graph with one to three things changed."""
    for _ in range(dice.choice((1, 1, 2, 3))):
        graph = dice.choice(_CHANGES)(graph, dice)
    return graph


def _with_tensor(graph: Graph, dice: random.Random, change: Callable[[Tensor], Tensor]) -> Graph:
    at = dice.randrange(len(graph.tensors))
    tensors = list(graph.tensors)
    tensors[at] = change(tensors[at])
    return replace(graph, tensors=tuple(tensors))


def _with_operator(
    graph: Graph, dice: random.Random, change: Callable[[Operator], Operator]
) -> Graph:
    if not graph.operators:
        return graph
    at = dice.randrange(len(graph.operators))
    operators = list(graph.operators)
    operators[at] = change(operators[at])
    return replace(graph, operators=tuple(operators))


def _sized(tensor: Tensor, shape: tuple[int, ...], dtype: str) -> Tensor:
    """A tensor of another shape or type; a constant has values of them, as the reader makes
    them."""
    size = int(np.prod(shape, dtype=object)) * TYPES[dtype]
    if tensor.data is None:
        return replace(tensor, shape=shape, dtype=dtype, bytes=size)
    if size > 1 << 20:
        return tensor
    kind = np.bool_ if dtype == "bool" else np.dtype(dtype)
    data = np.frombuffer(
        np.resize(np.frombuffer(tensor.data.tobytes(), np.uint8), size).tobytes(), kind
    ).reshape(shape)
    return replace(tensor, shape=shape, dtype=dtype, bytes=size, data=data)


def _shape(graph: Graph, dice: random.Random) -> Graph:
    def change(tensor: Tensor) -> Tensor:
        shape = list(tensor.shape)
        what = dice.choice(("size", "size", "more", "less", "swap", "other"))
        if what == "size" and shape:
            shape[dice.randrange(len(shape))] = dice.choice((0, 1, 2, 3, 8, 17))
        elif what == "more":
            shape.insert(dice.randrange(len(shape) + 1), dice.choice((1, 1, 2)))
        elif what == "less" and shape:
            shape.pop(dice.randrange(len(shape)))
        elif what == "swap":
            dice.shuffle(shape)
        elif what == "other":
            shape = list(dice.choice(graph.tensors).shape)
        return _sized(tensor, tuple(shape), tensor.dtype) if tensor.dtype in TYPES else tensor

    return _with_tensor(graph, dice, change)


def _type(graph: Graph, dice: random.Random) -> Graph:
    return _with_tensor(
        graph, dice, lambda tensor: _sized(tensor, tensor.shape, dice.choice(list(TYPES)))
    )


def _scales(graph: Graph, dice: random.Random) -> Graph:
    def change(tensor: Tensor) -> Tensor:
        count = dice.choice((1, 1, 2, tensor.shape[-1] if tensor.shape else 1))
        scales = np.array([dice.choice(SCALES) for _ in range(count)], np.float32)
        zeros = np.array([dice.choice(NUMBERS) for _ in range(count)], np.int64)
        made = dice.choice(
            (
                None,
                Quantization(scales, np.zeros(count, np.int64), dice.choice((0, 3, -1, 9))),
                Quantization(np.abs(scales), zeros, 0),
            )
        )
        return replace(tensor, quantization=made)

    return _with_tensor(graph, dice, change)


def _values(graph: Graph, dice: random.Random) -> Graph:
    def change(tensor: Tensor) -> Tensor:
        if tensor.data is None or tensor.data.size == 0 or tensor.data.dtype.kind not in "iuf":
            return tensor
        data = tensor.data.copy().reshape(-1)
        data[dice.randrange(data.size)] = np.array(dice.choice(NUMBERS)).astype(data.dtype)
        return replace(tensor, data=data.reshape(tensor.shape))

    return _with_tensor(graph, dice, change)


def _kind(graph: Graph, dice: random.Random) -> Graph:
    """A constant becomes an activation, or the other way."""

    def change(tensor: Tensor) -> Tensor:
        if tensor.is_constant:
            return replace(tensor, is_constant=False, data=None)
        if tensor.dtype not in TYPES or tensor.bytes > 1 << 20:
            return tensor
        data = np.zeros(tensor.shape, np.bool_ if tensor.dtype == "bool" else tensor.dtype)
        return replace(tensor, is_constant=True, data=data)

    return _with_tensor(graph, dice, change)


def _wires(graph: Graph, dice: random.Random) -> Graph:
    index = dice.choice(
        (
            -1,
            -2,
            len(graph.tensors),
            dice.randrange(len(graph.tensors)),
            dice.randrange(len(graph.tensors)),
        )
    )

    def rewired(tensors: tuple[int, ...]) -> tuple[int, ...]:
        tensors = list(tensors)
        what = dice.choice(("other", "other", "less", "more"))
        if what == "other" and tensors:
            tensors[dice.randrange(len(tensors))] = index
        elif what == "less" and tensors:
            tensors.pop(dice.randrange(len(tensors)))
        else:
            tensors.insert(dice.randrange(len(tensors) + 1), index)
        return tuple(tensors)

    what = dice.choice(("reads", "reads", "writes", "ends"))
    if what == "ends":
        which = dice.choice(("inputs", "outputs"))
        return replace(graph, **{which: rewired(getattr(graph, which))})
    if what == "reads":
        return _with_operator(
            graph, dice, lambda operator: replace(operator, inputs=rewired(operator.inputs))
        )
    return _with_operator(
        graph, dice, lambda operator: replace(operator, outputs=rewired(operator.outputs))
    )


def _damaged(name: str, value: object, dice: random.Random) -> object:
    """Another value of an attribute, of the type that it has."""
    if isinstance(value, str):
        activations = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH")
        return dice.choice(("SAME", "VALID") if name == "padding" else activations)
    if isinstance(value, tuple):
        return tuple(dice.choice(NUMBERS) if dice.random() < 0.5 else n for n in value)
    if isinstance(value, float):
        return dice.choice(SCALES)
    return value if value is None else dice.choice(NUMBERS)


def _options(graph: Graph, dice: random.Random) -> Graph:
    def change(operator: Operator) -> Operator:
        given = vars(operator.attributes)
        if not given or dice.random() < 0.2:
            other = dice.choice(graph.operators).attributes
            return replace(operator, attributes=other if dice.random() < 0.5 else Attributes())
        name = dice.choice(list(given))
        changed = {name: _damaged(name, given[name], dice)}
        return replace(operator, attributes=replace(operator.attributes, **changed))

    return _with_operator(graph, dice, change)


def _open(graph: Graph, dice: random.Random) -> Graph:
    return _with_tensor(
        graph, dice, lambda tensor: replace(tensor, is_open=True, is_fixed=dice.random() < 0.5)
    )


def _name(graph: Graph, dice: random.Random) -> Graph:
    return _with_operator(
        graph, dice, lambda operator: replace(operator, name=dice.choice(OTHER_NAMES))
    )


def _order(graph: Graph, dice: random.Random) -> Graph:
    operators = list(graph.operators)
    what = dice.choice(("shuffle", "less", "twice"))
    if what == "shuffle":
        dice.shuffle(operators)
    elif what == "less":
        operators.pop(dice.randrange(len(operators)))
    else:
        operators.append(dice.choice(operators))
    return replace(graph, operators=tuple(operators)) if operators else graph


_CHANGES = (
    _shape,
    _shape,
    _type,
    _scales,
    _scales,
    _values,
    _values,
    _kind,
    _wires,
    _wires,
    _options,
    _options,
    _open,
    _name,
    _order,
)
