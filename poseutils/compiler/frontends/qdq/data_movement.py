"""ONNX operators that move values without computing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from ...attributes import Concatenation
from ...graph import Quantization
from ...unsupported import a, known, need
from ..onnx import Node
from .conversion import Conversion
from .values import Builder, Constant, Floats, Pending, Real, Steps, Stored, Value, Weights

Move = Callable[[Stored], Stored]


def moved(builder: Builder, value: Value, move: Move, increasing: bool = False) -> Value:
    """What a move makes of a value, whatever its form.

    Args:
        increasing: that the move chooses values by their size, so that of a function it needs one
            that never falls.
    """
    if isinstance(value, Steps):
        return Steps(f"{value.name}/moved", value.quantization, move(builder.stored(value)))
    if isinstance(value, Floats):
        return Floats(move(value.stored))
    if isinstance(value, Pending):
        need(not increasing, "its input is not quantized after the operator before it")
        then = value.floats and partial(_moved_floats, value, move)
        return replace(value, quantized=partial(_moved_steps, builder, value, move), floats=then)
    value = a(Real, value, "of a constant")
    if value.steps is not None:
        return a(Steps, moved(builder, value.steps, move), "of a constant").real()
    if value.values.ndim > 1 and value.floats is not None:
        return moved(builder, value.floats(), move, increasing)
    need(
        value.values.ndim == 1 and not increasing,
        "its input is not quantized after the operator before it",
    )
    return Real(move(value.source), value.values)


def _moved_steps(
    builder: Builder, value: Pending, move: Move, to: Quantization, name: str, activation: str
) -> Steps:
    steps = value.quantized(to, f"{name}/before", activation)
    return Steps(name, to, move(builder.stored(steps)))


def _moved_floats(value: Pending, move: Move) -> Floats:
    return Floats(move(known(value.floats, "it computes in floating point")().stored))


# ---------------------------------------------------------------- the order of values stays


def _reshape(conversion: Conversion, node: Node) -> list[Value]:
    value, shape = conversion.value(node, 0), conversion.output(node).shape
    if isinstance(value, Constant):
        return [_changed_constant(value, lambda array: array.reshape(shape))]
    return [
        moved(conversion.builder, value, lambda stored: conversion.builder.reshaped(stored, shape))
    ]


def _transpose(conversion: Conversion, node: Node) -> list[Value]:
    value, rank = conversion.value(node, 0), len(conversion.output(node).shape)
    axes = [int(axis) for axis in node.options.get("perm", range(rank)[::-1])]
    need(sorted(axes) == list(range(rank)), f"the order {axes} of {rank} dimensions")
    if isinstance(value, Constant):
        return [_changed_constant(value, lambda array: array.transpose(axes), axes)]
    return [
        moved(
            conversion.builder,
            value,
            lambda stored: Stored(stored.tensor, tuple(axes.index(d) for d in stored.order)),
        )
    ]


def _changed_constant(
    value: Constant, change: Callable[[np.ndarray], np.ndarray], axes: list[int] | None = None
) -> Constant:
    if value.weights is None:
        return Constant(change(value.values))
    scaled = value.weights.quantization
    if scaled.scales.size > 1:
        order = known(axes, "weights with a scale a channel that are reshaped")
        scaled = replace(scaled, axis=order.index(scaled.axis))
    return Constant(change(value.values), Weights(change(value.weights.integers), scaled))


# ---------------------------------------------------------------- parts


def part_of(builder: Builder, stored: Stored, starts: list[int], shape: tuple[int, ...]) -> Stored:
    """From ``starts`` so many along each dimension of the file."""
    if shape == builder.shape(stored):
        return stored
    begin = np.array([starts[d] for d in stored.order], np.int32)
    sizes = np.array([shape[d] for d in stored.order], np.int32)
    limits = [begin, begin + sizes, np.ones_like(begin)]
    inputs = [stored.tensor, *(builder.constant("slice", limit) for limit in limits)]
    output = builder.like(stored, f"{builder.name(stored)}/part", tuple(sizes.tolist()))
    return Stored(builder.emit("STRIDED_SLICE", inputs, output), stored.order)


def _split(conversion: Conversion, node: Node) -> list[Value]:
    value, rank = (
        conversion.value(node, 0),
        len(conversion.graph.tensors[node.inputs[0]].shape),
    )
    axis, start, parts = int(node.options.get("axis", 0)) % rank, 0, []
    for output in node.outputs:
        need(output >= 0, "a part that is left out")
        shape = conversion.graph.tensors[output].shape
        starts = [start if d == axis else 0 for d in range(rank)]
        parts.append(
            moved(
                conversion.builder,
                value,
                partial(part_of, conversion.builder, starts=starts, shape=shape),
            )
        )
        start += shape[axis]
    return parts


def _slice(conversion: Conversion, node: Node) -> list[Value]:
    value, whole = conversion.value(node, 0), conversion.graph.tensors[node.inputs[0]].shape
    begins, axes, steps = (
        conversion.numbers(node, n, name) for n, name in ((1, "starts"), (3, "axes"), (4, "steps"))
    )
    begins = known(begins, "a beginning that is not constant")
    need(
        steps is None or bool((steps == 1).all()),
        f"steps of {None if steps is None else steps.tolist()}; steps of 1 are supported",
    )
    starts = [0] * len(whole)
    for axis, begin in zip(range(begins.size) if axes is None else axes.tolist(), begins.tolist()):
        starts[axis] = int(np.clip(begin + whole[axis] if begin < 0 else begin, 0, whole[axis]))
    shape = conversion.output(node).shape
    return [
        moved(
            conversion.builder,
            value,
            partial(part_of, conversion.builder, starts=starts, shape=shape),
        )
    ]


def _gather(conversion: Conversion, node: Node) -> list[Value]:
    """Of one index, or of indices that follow each other."""
    value, indices = conversion.value(node, 0), conversion.numbers(node, 1)
    whole, builder = conversion.graph.tensors[node.inputs[0]].shape, conversion.builder
    axis = int(node.options.get("axis", 0)) % len(whole)
    flat = np.asarray(indices).reshape(-1)
    flat = np.where(flat < 0, flat + whole[axis], flat)
    need(
        flat.size > 0 and bool((np.diff(flat) == 1).all()), "indices that do not follow each other"
    )
    starts = [int(flat[0]) if d == axis else 0 for d in range(len(whole))]
    sizes = tuple(flat.size if d == axis else n for d, n in enumerate(whole))
    shape = conversion.output(node).shape
    return [
        moved(
            builder,
            value,
            lambda stored: builder.reshaped(part_of(builder, stored, starts, sizes), shape),
        )
    ]


# ---------------------------------------------------------------- together


def _concatenate(conversion: Conversion, node: Node) -> list[Value]:
    values = conversion.given(node)
    steps = partial(_joined_steps, conversion, node, values)
    return [Pending(steps, partial(_joined_floats, conversion, node, values), fuses=False)]


def _joined_steps(
    conversion: Conversion,
    node: Node,
    values: list[Value],
    to: Quantization,
    name: str,
    activation: str,
) -> Steps:
    builder = conversion.builder
    parts = []
    for value in values:
        if isinstance(value, Constant):
            parts.append(builder.constant_steps(value.values, to))
        else:
            parts.append(builder.stored(builder.quantized(value, to, f"{name}/part")))
    return Steps(name, to, _joined(conversion, node, parts, name))


def _joined_floats(conversion: Conversion, node: Node, values: list[Value]) -> Floats:
    name = conversion.output(node).name
    parts = [conversion.builder.floats(value, f"{name}/part").stored for value in values]
    return Floats(_joined(conversion, node, parts, name))


def _joined(conversion: Conversion, node: Node, parts: list[Stored], name: str) -> Stored:
    builder, shape = conversion.builder, conversion.output(node).shape
    largest = max(
        parts,
        key=lambda s: (
            not builder.tensors[s.tensor].is_constant,
            builder.tensors[s.tensor].elements,
        ),
    )
    order = largest.order
    axis = order.index(int(node.options["axis"]) % len(shape))
    output = builder.like(largest, name, tuple(shape[d] for d in order))
    inputs = [builder.arranged(part, order).tensor for part in parts]
    return Stored(builder.emit("CONCATENATION", inputs, output, Concatenation(axis=axis)), order)


# ---------------------------------------------------------------- margins


def _pad(conversion: Conversion, node: Node) -> list[Value]:
    value, shape = conversion.value(node, 0), conversion.output(node).shape
    need(
        node.options.get("mode", "constant") == "constant",
        f"of the mode {node.options.get('mode')}",
    )
    margins, filling = (
        conversion.numbers(node, 1, "pads"),
        conversion.numbers(node, 2, "value"),
    )
    need(not conversion.has(node, 3), "of some axes")
    reason = "margins that are not constant, or negative"
    margins = known(margins, reason)
    need(margins.size == 2 * len(shape) and bool((margins >= 0).all()), reason)
    need(
        filling is None or filling.size == 0 or float(filling.reshape(-1)[0]) == 0,
        "with another value than 0",
    )
    before_after = margins.reshape(2, -1).T.astype(np.int32)
    need(not isinstance(value, Floats), "of floats")
    need(
        not isinstance(value, Real) or value.steps is not None,
        "its input is not quantized after the operator before it",
    )
    return [
        moved(conversion.builder, value, partial(_padded, conversion.builder, margins=before_after))
    ]


def _padded(builder: Builder, stored: Stored, margins: np.ndarray) -> Stored:
    own = margins[list(stored.order)]
    shape = tuple(int(n + pads.sum()) for n, pads in zip(builder.tensors[stored.tensor].shape, own))
    output = builder.like(stored, f"{builder.name(stored)}/padded", shape)
    return Stored(
        builder.emit("PAD", [stored.tensor, builder.constant("margins", own)], output), stored.order
    )


MOVES = {
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), _reshape),
    "Transpose": _transpose,
    "Split": _split,
    "Slice": _slice,
    "Gather": _gather,
    "Concat": _concatenate,
    "Pad": _pad,
}
