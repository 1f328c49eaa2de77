"""What part of a tensor SPLIT, SPLIT_V, SLICE and STRIDED_SLICE take, in graphs that keep the
rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .attributes import StridedSlice
from .graph import Graph, Operator


@dataclass(frozen=True)
class Slice:
    """Along each dimension of the source: the first index, how many, and from one to the next,
    which may be negative."""

    starts: list[int]
    sizes: list[int]
    steps: list[int]


def slices_of(graph: Graph, operator: Operator) -> list[Slice] | None:
    """The slice that each output is; None for other operators, or where it depends on what the
    network computes."""
    if operator.name in ("SPLIT", "SPLIT_V"):
        return _split(graph, operator)
    found = None
    if operator.name in ("STRIDED_SLICE", "SLICE"):
        found = (_slice if operator.name == "SLICE" else _strided_slice)(graph, operator)
    return None if found is None or not _fills(graph, operator.outputs[0], found) else [found]


def _fills(graph: Graph, output: int, found: Slice) -> bool:
    """Whether the output has the sizes of the slice, dimensions of one aside, which may vanish or
    appear."""
    return [n for n in found.sizes if n != 1] == [n for n in graph.tensors[output].shape if n != 1]


def _split(graph: Graph, operator: Operator) -> list[Slice] | None:
    source, axis = (1, 0) if operator.name == "SPLIT" else (0, 2)
    shape = graph.tensors[operator.inputs[source]].shape
    axes = graph.tensors[operator.inputs[axis]].data
    if axes is None:
        return None
    along, start, found = int(axes.flat[0]) % len(shape), 0, []
    for output in operator.outputs:
        sizes = list(graph.tensors[output].shape)
        starts = [start if d == along else 0 for d in range(len(shape))]
        found.append(Slice(starts, sizes, [1] * len(shape)))
        start += sizes[along]
    return found


def _slice(graph: Graph, operator: Operator) -> Slice | None:
    shape = graph.tensors[operator.inputs[0]].shape
    begin, size = (graph.tensors[t].data for t in operator.inputs[1:3])
    if begin is None or size is None:
        return None
    starts, sizes = begin.reshape(-1).tolist(), size.reshape(-1).tolist()
    sizes = [n - start if m == -1 else m for m, start, n in zip(sizes, starts, shape)]
    return Slice(starts, sizes, [1] * len(shape))


def _strided_slice(graph: Graph, operator: Operator) -> Slice | None:
    """By the rules of Python's slices; each bit of a mask is about one entry of begin, end and
    strides."""
    shape = graph.tensors[operator.inputs[0]].shape
    begin, end, strides = (graph.tensors[t].data for t in operator.inputs[1:4])
    masks = operator.attributes_as(StridedSlice)
    if begin is None or end is None or strides is None or masks.offset:
        return None
    spec = _dimensions(len(shape), begin.size, masks)
    if spec is None:
        return None
    parts = [
        range(length) if entry is None else _entry(entry, length, begin, end, strides, masks)
        for entry, length in zip(spec, shape)
    ]
    if any(len(part) == 0 for part in parts):
        return None
    return Slice(
        [part.start for part in parts], [len(part) for part in parts], [part.step for part in parts]
    )


def strided_shape(graph: Graph, operator: Operator) -> tuple[int, ...] | None:
    """The shape of what a STRIDED_SLICE takes; None where it depends on what the network computes,
    or is empty, or where dimensions are added."""
    found, masks = _strided_slice(graph, operator), operator.attributes_as(StridedSlice)
    if found is None or masks.new_axis_mask or masks.ellipsis_mask:
        return None
    return tuple(n for d, n in enumerate(found.sizes) if not masks.shrink_axis_mask >> d & 1)


def _dimensions(rank: int, entries: int, masks: StridedSlice) -> list[int | None] | None:
    """For each dimension the entry that is about it, None for none; in all None if there are too
    many entries."""
    named = [e for e in range(entries) if not (masks.new_axis_mask | masks.ellipsis_mask) >> e & 1]
    ellipsis = next((e for e in range(entries) if masks.ellipsis_mask >> e & 1), entries)
    before = [e for e in named if e < ellipsis]
    after = [e for e in named if e > ellipsis]
    free = rank - len(named)
    return [*before, *[None] * free, *after] if free >= 0 else None


def _entry(
    entry: int,
    length: int,
    begin: np.ndarray,
    end: np.ndarray,
    strides: np.ndarray,
    masks: StridedSlice,
) -> range:
    """The indices that an entry chooses; none where it is damaged."""
    first, last, step = int(begin.flat[entry]), int(end.flat[entry]), int(strides.flat[entry])
    if masks.shrink_axis_mask >> entry & 1:
        at = first + length if first < 0 else first
        return range(at, at + 1) if 0 <= at < length else range(0)
    if step == 0:
        return range(0)
    start = None if masks.begin_mask >> entry & 1 else first
    stop = None if masks.end_mask >> entry & 1 else last
    return range(*slice(start, stop, step).indices(length))
