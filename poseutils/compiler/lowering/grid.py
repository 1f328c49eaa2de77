"""Two operands and a result that repeat along dimensions, as the kernels walk over them."""

from __future__ import annotations

from ..unsupported import need
from .layer import Fields, Layer, four


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
    need(
        len(own) <= len(shape) and all(n in (1, m) for n, m in zip(own[::-1], shape[::-1])),
        f"{own} does not broadcast to {shape}",
    )
    strides = [0 if n == 1 else stride for n, stride in zip(own, layer.strides(tensor))]
    return [0] * (len(shape) - len(own)) + strides
