"""Damages what a .tflite file says of its tensors and operators, one to three things at a time; the
file itself stays a legal flatbuffer."""

from __future__ import annotations

import random

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

NUMBERS = (-(2**31), -129, -2, -1, 0, 1, 2, 3, 5, 7, 16, 17, 127, 255, 256, 65535, 2**20, 2**31 - 1)
SCALES = (0.0, -1.0, 1e-45, 1e-30, 1e-9, 0.5, 3.0, 1e9, 1e38, float("inf"), float("nan"))
TYPES = range(18)
OPERATORS = (0, 1, 2, 3, 4, 6, 9, 14, 17, 18, 22, 23, 25, 34, 36, 39, 40, 41, 45, 49, 53, 61, 65)
OPERATORS += (67, 70, 74, 82, 83, 88, 95, 97, 98, 99, 103, 114, 126, 130)


def damaged_file(data: bytes, dice: random.Random) -> bytes:
    """The bytes of a .tflite of the same kind with one to three things changed."""
    while True:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
        for _ in range(dice.choice((1, 1, 2, 3))):
            dice.choice(_CHANGES)(model, model.subgraphs[0], dice)
        builder = flatbuffers.Builder(len(data) + 1024)
        try:
            builder.Finish(model.Pack(builder), b"TFL3")
            return bytes(builder.Output())
        except TypeError:  # a number that the format has no room for
            continue


def _list(values) -> list:
    return [] if values is None else list(values)


def _other(values, dice: random.Random, choices) -> list:
    """The list with one entry changed, left out or added."""
    values, what = _list(values), dice.choice(("other", "other", "other", "less", "more"))
    place = dice.randrange(len(values) + (what == "more")) if values or what == "more" else None
    if place is None:
        return values
    if what == "other":
        values[place] = dice.choice(choices)
    elif what == "less":
        values.pop(place)
    else:
        values.insert(place, dice.choice(choices))
    return values


def _integers(values) -> np.ndarray:
    return np.array(values, np.int64).astype(np.int32)


def _shape(model, graph, dice) -> None:
    tensor = dice.choice(graph.tensors)
    name = dice.choice(("shape", "shape", "shape", "shapeSignature"))
    setattr(tensor, name, _integers(_other(getattr(tensor, name), dice, NUMBERS)))


def _type(model, graph, dice) -> None:
    dice.choice(graph.tensors).type = dice.choice(TYPES)


def _quantization(model, graph, dice) -> None:
    tensor = dice.choice([t for t in graph.tensors if t.quantization] or [None])
    if tensor is None:
        return
    made = tensor.quantization
    what = dice.choice(("scale", "scale", "zero", "zero", "axis", "none"))
    if what == "scale":
        made.scale = np.array(_other(made.scale, dice, SCALES), np.float32)
    elif what == "zero":
        made.zeroPoint = np.array(_other(made.zeroPoint, dice, (*NUMBERS, 2**40)), np.int64)
    elif what == "axis":
        made.quantizedDimension = dice.choice(NUMBERS)
    else:
        tensor.quantization = None


def _wires(model, graph, dice) -> None:
    indices = (-1, -1, -2, len(graph.tensors), 2**31 - 1, *range(len(graph.tensors)))
    where = dice.choice((*graph.operators, graph)) if graph.operators else graph
    name = dice.choice(("inputs", "inputs", "outputs"))
    setattr(where, name, _integers(_other(getattr(where, name), dice, indices)))


def _options(model, graph, dice) -> None:
    operator = dice.choice(graph.operators or [None])
    if operator is None:
        return
    made = operator.builtinOptions
    if made is None or dice.random() < 0.15:
        other = dice.choice(graph.operators)
        operator.builtinOptions, operator.builtinOptionsType = dice.choice(
            ((None, 0), (other.builtinOptions, other.builtinOptionsType))
        )
        return
    name = dice.choice(list(vars(made)) or [""])
    value = getattr(made, name, None)
    if isinstance(value, bool):
        setattr(made, name, not value)
    elif isinstance(value, int):
        low, high = (-128, 127) if abs(value) < 8 and dice.random() < 0.3 else (-(2**31), 2**31 - 1)
        setattr(made, name, dice.choice([n for n in NUMBERS if low <= n <= high]))
    elif isinstance(value, float):
        setattr(made, name, dice.choice(SCALES))


def _values(model, graph, dice) -> None:
    """Another value of a constant: an axis, a size, a weight; or fewer bytes."""
    known = range(len(model.buffers))
    used = [model.buffers[t.buffer] for t in graph.tensors if t.buffer in known]
    used = [buffer for buffer in used if buffer.data is not None and len(buffer.data)]
    if not used:
        return
    buffer = dice.choice(used)
    data = np.array(buffer.data, np.uint8)
    if dice.random() < 0.2 or len(data) < 4:
        buffer.data = data[: dice.randrange(len(data) + 1)]
        return
    values = data[: len(data) // 4 * 4].view(np.int32).copy()
    values[dice.randrange(len(values))] = dice.choice(NUMBERS)
    buffer.data = np.concatenate([values.view(np.uint8), data[len(data) // 4 * 4 :]])


def _buffer(model, graph, dice) -> None:
    dice.choice(graph.tensors).buffer = dice.choice(
        (0, 0, dice.randrange(len(model.buffers)), 2**31)
    )


def _operators(model, graph, dice) -> None:
    if not graph.operators:
        return
    what = dice.choice(("kind", "kind", "version", "drop", "twice", "order"))
    code = dice.choice(model.operatorCodes)
    if what == "kind":
        code.builtinCode = dice.choice(OPERATORS)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    elif what == "version":
        code.version = dice.choice((0, 1, 2, 5, 100))
    elif what == "drop":
        graph.operators.pop(dice.randrange(len(graph.operators)))
    elif what == "twice":
        graph.operators.append(dice.choice(graph.operators))
    else:
        dice.shuffle(graph.operators)


def _variable(model, graph, dice) -> None:
    dice.choice(graph.tensors).isVariable = True


_CHANGES = (
    *(_shape, _shape, _type, _quantization, _quantization, _wires, _wires, _options, _options),
    *(_values, _values, _buffer, _operators, _variable),
)
