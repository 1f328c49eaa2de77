"""Operators that move values without computing."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from ..attributes import Blocks, Concatenation, Gather, Pack, Squeeze, StridedSlice, Unpack
from ..graph import Tensor
from ..slices import strided_shape
from .case import ALL, MANY, Case, Rule, Shapes


def _reshape(case: Case) -> Shapes:
    """By a tensor of sizes if there is one, else by the option; one of -1 is what is left."""
    data, output = case.input(0), case.outputs[0]
    sizes = None
    if (given := case.optional(1)) is not None and len(given.shape) == 1:
        sizes = case.integers(1, "the shape")
    if case.settles:
        return None if sizes is None else [_filled_up(case, data, sizes.tolist())]
    case.expect(
        data.elements == output.elements,
        f"{output.name!r} of shape {output.shape} has {output.elements} elements, {data.name!r} "
        f"of shape {data.shape} has {data.elements}",
    )
    if sizes is None:
        return None
    case.expect(
        int((sizes < 0).sum()) <= 1 and int(sizes.min(initial=1)) >= -1,
        f"the shape {sizes.tolist()}",
    )
    fits = len(sizes) == len(output.shape) and all(
        n in (-1, m) for n, m in zip(sizes.tolist(), output.shape)
    )
    case.expect(fits, f"{output.name!r} has the shape {output.shape}; {sizes.tolist()} is expected")
    return None


def _filled_up(case: Case, data: Tensor, sizes: list[int]) -> list[int]:
    """The sizes, with what is left of the data in place of one of -1."""
    rest = prod(n for n in sizes if n != -1)
    left = data.elements // rest if rest > 0 else 0
    made = [left if n == -1 else n for n in sizes]
    fits = sizes.count(-1) <= 1 and min(made, default=1) >= 1 and prod(made) == data.elements
    case.expect(fits, f"the shape {sizes} for {data.name!r} of shape {data.shape}")
    return made


def _ones(case: Case) -> Shapes:
    """SQUEEZE and EXPAND_DIMS: dimensions of one go or come."""
    data, output = case.input(0), case.outputs[0]
    if case.settles:
        if case.operator.name == "EXPAND_DIMS":
            return _with_ones(case, data)
        return _without_ones(case, data)
    sizes = [[n for n in tensor.shape if n != 1] for tensor in (data, output)]
    case.expect(sizes[0] == sizes[1], f"{output.name!r} of shape {output.shape} from {data.shape}")
    return None


def _with_ones(case: Case, data: Tensor) -> Shapes:
    axes = case.integers(1, "the dimension")
    if axes is None:
        return None
    case.expect(len(axes) == 1, f"{len(axes)} dimensions; one is expected")
    axis = case.axis(int(axes[0]), len(data.shape) + 1)
    return [(*data.shape[:axis], 1, *data.shape[axis:])]


def _without_ones(case: Case, data: Tensor) -> Shapes:
    rank = len(data.shape)
    named = {case.axis(int(axis), rank) for axis in case.operator.attributes_as(Squeeze).dims}
    gone = named or {d for d, n in enumerate(data.shape) if n == 1}
    case.expect(
        all(data.shape[d] == 1 for d in gone), f"the dimensions {sorted(gone)} of {data.shape}"
    )
    return [[n for d, n in enumerate(data.shape) if d not in gone]]


def _concatenation(case: Case) -> Shapes:
    given = case.tensors()
    shape = given[0].shape
    axis = case.axis(case.operator.attributes_as(Concatenation).axis, len(shape))
    for tensor in given:
        same = len(tensor.shape) == len(shape) and all(
            n == m for d, (n, m) in enumerate(zip(tensor.shape, shape)) if d != axis
        )
        case.expect(
            same, f"{tensor.name!r} of shape {tensor.shape} beside {shape} along dimension {axis}"
        )
    return [[sum(t.shape[axis] for t in given) if d == axis else n for d, n in enumerate(shape)]]


def _split(case: Case) -> Shapes:
    axes, data, count = case.integers(0, "the dimension"), case.input(1), len(case.outputs)
    if axes is None:
        return None
    case.expect(len(axes) == 1, f"{len(axes)} dimensions; one is expected")
    axis = case.axis(int(axes[0]), len(data.shape))
    case.expect(
        data.shape[axis] % count == 0, f"{count} parts of {data.shape} along dimension {axis}"
    )
    return [[n // count if d == axis else n for d, n in enumerate(data.shape)]] * count


def _split_by_sizes(case: Case) -> Shapes:
    data = case.input(0)
    sizes = case.integers(1, "the sizes")
    axes = case.integers(2, "the dimension")
    if sizes is None or axes is None:
        return None
    case.expect(
        len(axes) == 1 and len(sizes) == len(case.outputs),
        f"{len(sizes)} sizes for {len(case.outputs)} parts",
    )
    axis, parts = case.axis(int(axes[0]), len(data.shape)), [int(n) for n in sizes]
    parts = [data.shape[axis] - sum(m for m in parts if m != -1) if n == -1 else n for n in parts]
    case.expect(
        min(parts) >= 0 and sum(parts) == data.shape[axis],
        f"parts of {sizes.tolist()} of {data.shape} along dimension {axis}",
    )
    return [[part if d == axis else n for d, n in enumerate(data.shape)] for part in parts]


def _slice(case: Case) -> Shapes:
    data = case.input(0)
    begin, size = case.integers(1, "the beginning"), case.integers(2, "the size")
    if begin is None or size is None:
        return None
    case.expect(
        len(begin) == len(size) == len(data.shape),
        f"{len(begin)} beginnings and {len(size)} sizes for {data.shape}",
    )
    made = [n - b if s == -1 else s for n, b, s in zip(data.shape, begin.tolist(), size.tolist())]
    inside = all(
        b >= 0 and s >= 1 and b + s <= n for n, b, s in zip(data.shape, begin.tolist(), made)
    )
    case.expect(inside, f"a slice from {begin.tolist()} of {size.tolist()} of {data.shape}")
    return [made]


def _strided_slice(case: Case) -> Shapes:
    given = [
        case.integers(i, what)
        for i, what in ((1, "the beginning"), (2, "the end"), (3, "the steps"))
    ]
    known = [values for values in given if values is not None]
    if len(known) < len(given):
        return None
    case.expect(
        len({len(values) for values in known}) == 1 and len(known[0]) <= 8,
        f"{', '.join(str(len(v)) for v in known)} numbers",
    )
    case.expect(bool((known[2] != 0).all()), f"steps of {known[2].tolist()}")
    made = strided_shape(case.graph, case.operator) if case.settles else None
    return None if made is None else [made]


def _pack(case: Case) -> Shapes:
    given = case.tensors()
    shape = given[0].shape
    case.expect(
        all(tensor.shape == shape for tensor in given),
        f"tensors of shapes {', '.join(str(t.shape) for t in given)}",
    )
    made = case.operator.attributes_as(Pack)
    case.expect(made.count == len(given), f"values_count {made.count}")
    axis = case.axis(made.axis, len(shape) + 1)
    return [(*shape[:axis], len(given), *shape[axis:])]


def _unpack(case: Case) -> Shapes:
    data = case.input(0)
    made, count = case.operator.attributes_as(Unpack), len(case.outputs)
    axis = case.axis(made.axis, len(data.shape))
    case.expect(
        data.shape[axis] == count == made.count,
        f"{count} parts of {data.shape} along dimension {axis}",
    )
    return [(*data.shape[:axis], *data.shape[axis + 1 :])] * count


def _transpose(case: Case) -> Shapes:
    data, order = case.input(0), case.integers(1, "the order")
    if order is None:
        return None
    rank = len(data.shape)
    turned = [int(d) + rank if d < 0 else int(d) for d in order]
    case.expect(
        sorted(turned) == list(range(rank)), f"the order {order.tolist()} of {rank} dimensions"
    )
    return [[data.shape[d] for d in turned]]


def _pad(case: Case) -> Shapes:
    data, pads = case.input(0), case.integers(1, "the margins")
    value = case.optional(2)
    if value is not None:
        case.expect_same_type(data, value)
        case.expect(value.elements == 1, f"{value.elements} values to pad with; one is expected")
    if pads is None:
        return None
    case.expect(
        case.input(1).shape == (len(data.shape), 2),
        f"margins of shape {case.input(1).shape} for {data.shape}",
    )
    case.expect(int(pads.min(initial=0)) >= 0, f"margins of {pads.tolist()}")
    return [
        [
            n + int(before) + int(after)
            for n, (before, after) in zip(data.shape, pads.reshape(-1, 2))
        ]
    ]


def _tile(case: Case) -> Shapes:
    data, times = case.input(0), case.integers(1, "the numbers")
    if times is None:
        return None
    case.expect(
        len(times) == len(data.shape) and int(times.min(initial=1)) >= 1,
        f"{times.tolist()} times {data.shape}",
    )
    return [[n * int(t) for n, t in zip(data.shape, times)]]


def _broadcast_to(case: Case) -> Shapes:
    data, shape = case.input(0), case.integers(1, "the shape")
    if shape is None:
        return None
    own = (1,) * (len(shape) - len(data.shape)) + data.shape
    case.expect(
        len(own) == len(shape) and all(n in (1, m) for n, m in zip(own, shape.tolist())),
        f"{data.shape} to {shape.tolist()}",
    )
    return [shape.tolist()]


def _blocks(case: Case) -> Shapes:
    """DEPTH_TO_SPACE and SPACE_TO_DEPTH."""
    data = case.input(0)
    block = case.number("block_size", case.operator.attributes_as(Blocks).size)
    case.expect_rank(data, 4)
    batch, height, width, channels = data.shape
    if case.operator.name == "DEPTH_TO_SPACE":
        fits, square = channels % (block * block) == 0, block * block
        case.expect(fits, f"{channels} channels in blocks of {block} x {block}")
        return [(batch, height * block, width * block, channels // square)]
    fits = height % block == 0 and width % block == 0
    case.expect(fits, f"{height} x {width} in blocks of {block} x {block}")
    return [(batch, height // block, width // block, channels * block * block)]


def _gather(case: Case) -> Shapes:
    data, indices = case.input(0), case.input(1)
    made, chosen = case.operator.attributes_as(Gather), case.integers(1, "the indices")
    axis = case.axis(made.axis, len(data.shape))
    batch = made.batch_dims + (len(indices.shape) if made.batch_dims < 0 else 0)
    case.expect(
        0 <= batch <= min(axis, len(indices.shape)),
        f"{batch} dimensions of a batch, along dimension {axis}",
    )
    case.expect(
        data.shape[:batch] == indices.shape[:batch],
        f"indices of shape {indices.shape} into {data.shape}",
    )
    case.expect(indices.elements > 0, f"{indices.name!r} of shape {indices.shape} is empty")
    if chosen is not None:
        case.expect(
            0 <= int(chosen.min()) <= int(chosen.max()) < data.shape[axis],
            f"an index out of range for {data.shape} along dimension {axis}",
        )
    return [(*data.shape[:axis], *indices.shape[batch:], *data.shape[axis + 1 :])]


def _gather_nd(case: Case) -> Shapes:
    data, indices = case.input(0), case.input(1)
    chosen = case.integers(1, "the indices")
    depth = indices.shape[-1] if indices.shape and indices.elements else 0
    case.expect(
        1 <= depth <= len(data.shape), f"indices of shape {indices.shape} into {data.shape}"
    )
    if chosen is not None:
        each = chosen.reshape(-1, depth)
        inside = (each >= 0).all() and (each < data.shape[:depth]).all()
        case.expect(bool(inside), f"an index out of range for {data.shape}")
    return [(*indices.shape[:-1], *data.shape[depth:])]


def _fill(case: Case) -> Shapes:
    sizes, value = case.integers(0, "the shape"), case.input(1)
    case.expect(value.elements == 1, f"{value.elements} values to fill with; one is expected")
    return None if sizes is None else [sizes.tolist()]


def _shape(case: Case) -> Shapes:
    output = case.outputs[0]
    case.expect(
        output.dtype in ("int32", "int64"),
        f"{output.name!r} of {output.dtype}; integers are expected",
    )
    return [(len(case.input(0).shape),)]


_RULES = {
    "RESHAPE": Rule(_reshape, (1, 2)),
    "SQUEEZE": Rule(_ones, (1, 1)),
    "EXPAND_DIMS": Rule(_ones, (2, 2)),
    "CONCATENATION": Rule(_concatenation, (1, MANY), 1, Concatenation, typed=ALL),
    "SPLIT": Rule(_split, (2, 2), None, typed=(1, 2)),
    "SPLIT_V": Rule(_split_by_sizes, (3, 3), None),
    "SLICE": Rule(_slice, (3, 3)),
    "STRIDED_SLICE": Rule(_strided_slice, (4, 4), 1, StridedSlice),
    "PACK": Rule(_pack, (1, MANY), 1, Pack, typed=ALL),
    "UNPACK": Rule(_unpack, (1, 1), None, Unpack),
    "TRANSPOSE": Rule(_transpose, (2, 2)),
    "PAD": Rule(_pad, (2, 2)),
    "PADV2": Rule(_pad, (3, 3)),
    "TILE": Rule(_tile, (2, 2)),
    "BROADCAST_TO": Rule(_broadcast_to, (2, 2)),
    "DEPTH_TO_SPACE": Rule(_blocks, (1, 1), 1, Blocks),
    "SPACE_TO_DEPTH": Rule(_blocks, (1, 1), 1, Blocks),
    "GATHER": Rule(_gather, (2, 2)),
    "GATHER_ND": Rule(_gather_nd, (2, 2)),
    "FILL": Rule(_fill, (2, 2), typed=(1, 2)),
    "SHAPE": Rule(_shape, (1, 1), typed=None),
}

MOVES = {name: replace(rule, scaled=False) for name, rule in _RULES.items()}
"""Values move as they are, scaled or not."""
