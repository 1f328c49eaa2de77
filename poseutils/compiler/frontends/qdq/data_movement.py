"""ONNX operators that move values without computing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from ...attributes import Concatenation
from ...unsupported import a, known, need
from .builder import Builder
from .onnx_operator import Converter, OnnxOperator
from .values import (
    Constant,
    Deferred,
    FloatTensor,
    Lookup,
    Quantized,
    Stored,
    Value,
    Wanted,
    Weights,
)

Move = Callable[[Stored], Stored]

_NOT_QUANTIZED = "its input is not quantized after the operator before it"


def moved(builder: Builder, value: Value, move: Move, increasing: bool = False) -> Value:
    """Applies a move to a value of any form.

    Args:
        increasing: True if the move compares values, as a maximum does; it then commutes only with
            functions that never decrease.
    """
    if isinstance(value, Quantized):
        return Quantized(f"{value.name}/moved", value.quantization, move(builder.stored(value)))
    if isinstance(value, FloatTensor):
        return FloatTensor(move(value.stored))
    if isinstance(value, Deferred):
        need(not increasing, _NOT_QUANTIZED)
        then = value.floats and partial(_moved_floats, value, move)
        return replace(
            value, quantized=partial(_moved_quantized, builder, value, move), floats=then
        )
    value = a(Lookup, value, "of a constant")
    if value.quantized is not None:
        return a(Quantized, moved(builder, value.quantized, move), "of a constant").dequantized()
    if value.values.ndim > 1 and value.floats is not None:
        return moved(builder, value.floats(), move, increasing)
    need(value.values.ndim == 1 and not increasing, _NOT_QUANTIZED)
    return Lookup(move(value.source), value.values)


def _moved_quantized(builder: Builder, value: Deferred, move: Move, wanted: Wanted) -> Quantized:
    before = value.quantized(replace(wanted, name=f"{wanted.name}/before"))
    return wanted.quantized(move(builder.stored(before)))


def _moved_floats(value: Deferred, move: Move) -> FloatTensor:
    return FloatTensor(move(known(value.floats, "it computes in floating point")().stored))


# ---------------------------------------------------------------- the order of values stays


def _reshape(op: OnnxOperator) -> Value:
    value, shape = op.value(), op.shape
    if isinstance(value, Constant):
        return _changed_constant(value, lambda array: array.reshape(shape))
    return moved(op.builder, value, lambda stored: op.builder.reshaped(stored, shape))


def _transpose(op: OnnxOperator) -> Value:
    value, rank = op.value(), len(op.shape)
    axes = [int(axis) for axis in op.options.get("perm", range(rank)[::-1])]
    need(sorted(axes) == list(range(rank)), f"the order {axes} of {rank} dimensions")
    if isinstance(value, Constant):
        return _changed_constant(value, lambda array: array.transpose(axes), axes)

    def move(stored: Stored) -> Stored:
        return Stored(stored.tensor, tuple(axes.index(d) for d in stored.order))

    return moved(op.builder, value, move)


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
    """A slice of a tensor: its first indices and its shape, in the file's order of dimensions."""
    if shape == builder.shape(stored):
        return stored
    begin = np.array([starts[d] for d in stored.order], np.int32)
    sizes = np.array([shape[d] for d in stored.order], np.int32)
    limits = [begin, begin + sizes, np.ones_like(begin)]
    inputs = [stored.tensor, *(builder.constant("slice", limit) for limit in limits)]
    output = builder.like(stored, f"{builder.name(stored)}/part", tuple(sizes.tolist()))
    return Stored(builder.emit("STRIDED_SLICE", inputs, output), stored.order)


def _part(op: OnnxOperator, starts: list[int], shape: tuple[int, ...]) -> Value:
    return moved(op.builder, op.value(), partial(part_of, op.builder, starts=starts, shape=shape))


def _split(op: OnnxOperator) -> list[Value]:
    rank, start, parts = len(op.input_shape), 0, []
    axis = int(op.options.get("axis", 0)) % rank
    for output in op.node.outputs:
        need(output >= 0, "a part that is left out")
        shape = op.graph.tensors[output].shape
        parts.append(_part(op, [start if d == axis else 0 for d in range(rank)], shape))
        start += shape[axis]
    return parts


def _slice(op: OnnxOperator) -> Value:
    begins, axes, steps = (
        op.numbers(n, name) for n, name in ((1, "starts"), (3, "axes"), (4, "steps"))
    )
    begins, whole = known(begins, "a beginning that is not constant"), op.input_shape
    if steps is not None:
        need(bool((steps == 1).all()), f"steps of {steps.tolist()}; steps of 1 are supported")
    starts = [0] * len(whole)
    for axis, begin in zip(range(begins.size) if axes is None else axes.tolist(), begins.tolist()):
        starts[axis] = int(np.clip(begin + whole[axis] if begin < 0 else begin, 0, whole[axis]))
    return _part(op, starts, op.shape)


def _gather(op: OnnxOperator) -> Value:
    """By one index, or by consecutive indices."""
    value, whole, builder = op.value(), op.input_shape, op.builder
    axis, flat = int(op.options.get("axis", 0)) % len(whole), np.asarray(op.numbers(1)).reshape(-1)
    flat = np.where(flat < 0, flat + whole[axis], flat)
    follow = flat.size > 0 and bool((np.diff(flat) == 1).all())
    need(follow, "indices that do not follow each other")
    starts = [int(flat[0]) if d == axis else 0 for d in range(len(whole))]
    sizes = tuple(flat.size if d == axis else n for d, n in enumerate(whole))

    def move(stored: Stored) -> Stored:
        return builder.reshaped(part_of(builder, stored, starts, sizes), op.shape)

    return moved(builder, value, move)


# ---------------------------------------------------------------- together


def _concatenate(op: OnnxOperator) -> Value:
    values = op.given()
    floats = partial(_joined_floats, op, values)
    return Deferred(partial(_joined_quantized, op, values), floats, fuses=False)


def _joined_quantized(op: OnnxOperator, values: list[Value], wanted: Wanted) -> Quantized:
    name = f"{wanted.name}/part"
    parts = [op.builder.eight_bit(value, wanted.quantization, name) for value in values]
    return wanted.quantized(_joined(op, parts, wanted.name))


def _joined_floats(op: OnnxOperator, values: list[Value]) -> FloatTensor:
    parts = [op.builder.floats(value, f"{op.name}/part").stored for value in values]
    return FloatTensor(_joined(op, parts, op.name))


def _joined(op: OnnxOperator, parts: list[Stored], name: str) -> Stored:
    builder, shape = op.builder, op.shape

    def size(part: Stored) -> tuple[bool, int]:
        tensor = builder.tensors[part.tensor]
        return not tensor.is_constant, tensor.elements

    largest = max(parts, key=size)
    order = largest.order
    axis = order.index(int(op.options["axis"]) % len(shape))
    output = builder.like(largest, name, tuple(shape[d] for d in order))
    inputs = [builder.arranged(part, order).tensor for part in parts]
    return Stored(builder.emit("CONCATENATION", inputs, output, Concatenation(axis=axis)), order)


# ---------------------------------------------------------------- margins


def _pad(op: OnnxOperator) -> Value:
    value, mode = op.value(), op.options.get("mode", "constant")
    need(mode == "constant", f"of the mode {mode}")
    margins, filling = op.numbers(1, "pads"), op.numbers(2, "value")
    need(not op.has(3), "of some axes")
    reason = "margins that are not constant, or negative"
    margins = known(margins, reason)
    need(margins.size == 2 * len(op.shape) and bool((margins >= 0).all()), reason)
    zeros = filling is None or filling.size == 0 or float(filling.reshape(-1)[0]) == 0
    need(zeros, "with another value than 0")
    need(not isinstance(value, FloatTensor), "of floats")
    need(not isinstance(value, Lookup) or value.quantized is not None, _NOT_QUANTIZED)
    before_after = margins.reshape(2, -1).T.astype(np.int32)
    return moved(op.builder, value, partial(_padded, op.builder, margins=before_after))


def _padded(builder: Builder, stored: Stored, margins: np.ndarray) -> Stored:
    own = margins[list(stored.order)]
    shape = tuple(int(n + pads.sum()) for n, pads in zip(builder.tensors[stored.tensor].shape, own))
    output = builder.like(stored, f"{builder.name(stored)}/padded", shape)
    inputs = [stored.tensor, builder.constant("margins", own)]
    return Stored(builder.emit("PAD", inputs, output), stored.order)


MOVES: dict[str, Converter] = {
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), _reshape),
    "Transpose": _transpose,
    "Split": _split,
    "Slice": _slice,
    "Gather": _gather,
    "Concat": _concatenate,
    "Pad": _pad,
}
