"""Which tensors share memory: views of one, several side by side, results that replace an operand.

A base buffer is a matrix of values with one row stride. Every tensor is a sub-view of one: what an
operator computes is materialized in a base buffer of its own, a slice is a sub-view of its source.
CONCATENATION joins the base buffers of its inputs, so that each is computed where the result needs
it. An operator that works in place joins its operand's base buffer with its result's.

Of tensors that are written and read in one segment of the schedule, a base buffer holds a ring of
rows: as few as their readers allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from ..graph import RESHAPES, TABLE, Operator
from ..rows import row_count
from .kernel_traits import in_place_operators, strided_operators
from .planner import Buffer
from .timeline import LiveRange, Timeline, ring_height, union
from .views import SubView, inputs_side_by_side, matrix, parts_of_input

Slots = list[tuple[int, SubView]]
"""The inputs of a CONCATENATION, and where in its output each is."""


@dataclass(frozen=True)
class Place:
    """Where a tensor is: ``offset`` bytes into a buffer, its rows ``row_stride`` values apart.

    ``base_offset`` and ``base_bytes`` say where in the buffer its base buffer is. Of a tensor that
    is kept in a ring, ``ring`` is how many rows that has: row y is where row y % ring is.
    """

    buffer: int
    offset: int
    row_stride: int
    base_offset: int
    base_bytes: int
    ring: int | None = None


@dataclass(frozen=True)
class Storage:
    """The buffers that the planner places, the place of each activation tensor, and the buffer in
    which an operator (index) has its scratch."""

    buffers: tuple[Buffer, ...]
    places: dict[int, Place]
    scratch: dict[int, int]


@dataclass(eq=False)
class _Base:
    """A base buffer.

    Attributes:
        item: bytes of a value.
        views: the sub-view that each tensor is; rows and columns count from anywhere.
        materialized: the sub-views that operators write; they never overlap.
        host: a tensor of another base buffer; this one uses its bytes before it is computed.
    """

    item: int
    views: dict[int, SubView]
    materialized: list[SubView]
    host: int | None = None

    @cached_property
    def extent(self) -> SubView:
        views = self.views.values()
        row, column = min(v.row for v in views), min(v.column for v in views)
        bottom, right = max(v.row + v.rows for v in views), max(v.column + v.columns for v in views)
        return SubView(row, column, bottom - row, right - column)

    @property
    def bytes(self) -> int:
        return self.extent.rows * self.extent.columns * self.item

    def moved(self, rows: int, columns: int) -> _Base:
        views = {tensor: view.moved(rows, columns) for tensor, view in self.views.items()}
        return _Base(self.item, views, [view.moved(rows, columns) for view in self.materialized])

    def with_view(self, tensor: int, view: SubView) -> _Base:
        return _Base(self.item, {**self.views, tensor: view}, self.materialized)


def assign(timeline: Timeline, apart: frozenset[int], scratch: Mapping[int, int]) -> Storage:
    """Shares memory between tensors.

    Args:
        apart: operators (indices) whose results share nothing with their operands.
        scratch: bytes that operators (indices) need while they run; those of one segment, which
            take turns, share them.
    """
    return _Assignment(timeline, apart).storage(scratch)


class _Assignment:
    def __init__(self, timeline: Timeline, apart: frozenset[int]):
        self.timeline, self.graph, graph = timeline, timeline.graph, timeline.graph
        self.base: dict[int, _Base] = {}
        self.contiguous = self._must_be_contiguous()
        for tensor in graph.inputs:
            self._materialize(tensor)
        for index, operator in enumerate(graph.operators):
            if index in apart or not self._as_views(operator):
                for tensor in operator.outputs:
                    self._materialize(tensor)
        in_place = in_place_operators(graph)
        for index, operator in enumerate(graph.operators):
            if index not in apart and (index in in_place or operator.name in RESHAPES):
                self._reuse_operand(index, operator)

    def _must_be_contiguous(self) -> set[int]:
        contiguous = {*self.graph.inputs, *self.graph.outputs}
        strided = strided_operators(self.graph)
        for index, operator in enumerate(self.graph.operators):
            if index not in strided:
                contiguous.update(operator.inputs, operator.outputs)
        return contiguous

    # ------------------------------------------------------------ views

    def _materialize(self, tensor: int) -> None:
        """Assigns a tensor a base buffer of its own."""
        whole = matrix(self.graph.tensors[tensor])
        self.base[tensor] = _Base(self.graph.tensors[tensor].item_bytes, {tensor: whole}, [whole])

    def _as_views(self, operator: Operator) -> bool:
        """Makes the outputs views of the operands; False if none can be."""
        return self._as_sub_views(operator) or self._side_by_side(operator)

    def _as_sub_views(self, operator: Operator) -> bool:
        """Makes outputs sub-views of the data input, those that can be; False if it has no
        parts."""
        source = operator.inputs[1 if operator.name == "SPLIT" else 0] if operator.inputs else -1
        parts = parts_of_input(self.graph, operator) if source in self.base else None
        if parts is None:
            return False
        for tensor, part in zip(operator.outputs, parts):
            whole = self.base[source].views[source]
            view = part.moved(whole.row, whole.column)
            if not self._commit(self.base[source].with_view(tensor, view)):
                self._materialize(tensor)
        return True

    def _side_by_side(self, operator: Operator) -> bool:
        """Joins the base buffers of the inputs in that of the output; False if that cannot be.

        Inputs that cannot be joined are copied to their slots.
        """
        slots = inputs_side_by_side(self.graph, operator)
        if slots is None:
            return False
        output = operator.outputs[0]
        whole = matrix(self.graph.tensors[output])
        base = _Base(self.graph.tensors[output].item_bytes, {output: whole}, [])
        wanted = list(zip(operator.inputs, slots))
        for tensor, slot in wanted:
            if tensor in self.base and tensor not in base.views:
                base = self._joined(base, tensor, slot, whole, wanted) or base
        copies = [slot for tensor, slot in wanted if base.views.get(tensor) != slot]
        written = base.materialized + copies + _margins(whole, slots)
        return self._commit(_Base(base.item, base.views, written))

    def _joined(
        self, base: _Base, tensor: int, slot: SubView, whole: SubView, wanted: Slots
    ) -> _Base | None:
        """A base buffer with that of a tensor, moved so that the tensor is at its slot.

        None if something would be in the way, or would not be contiguous any more.
        """
        own = self.base[tensor].views[tensor]
        mover = self.base[tensor].moved(slot.row - own.row, slot.column - own.column)
        if mover.views[tensor] != slot or mover.item != base.item:
            return None
        # What is written inside the output must be the inputs themselves, each in its slot.
        filled = [slot for other, slot in wanted if mover.views.get(other) == slot]
        inside = [view.intersection(whole) for view in mover.materialized if view.overlaps(whole)]
        if not all(_covered(view, filled) for view in inside):
            return None
        if any(a.overlaps(b) for a in mover.materialized for b in base.materialized):
            return None
        written = base.materialized + mover.materialized
        joined = _Base(base.item, {**base.views, **mover.views}, written)
        return joined if self._holds(joined) else None

    def _holds(self, base: _Base) -> bool:
        """Whether a base buffer can be one: contiguous where it must be, and a ring of one segment,
        or of none."""
        return self._keeps_contiguity(base) and self._keeps_rows(base)

    def _keeps_rows(self, base: _Base) -> bool:
        rings = {self.timeline.ring_of.get(tensor) for tensor in base.views}
        return rings == {None} or (len(rings) == 1 and self._rows_of(base) > 1)

    def _rows_of(self, base: _Base) -> int:
        """The rows that the tensors of a base buffer have side by side; 1 if they are not that."""
        rows = {row_count(self.graph.tensors[tensor]) for tensor in base.views}
        extent = {(view.row, view.rows) for view in base.views.values()}
        return rows.pop() if len(rows) == len(extent) == 1 else 1

    def _keeps_contiguity(self, base: _Base) -> bool:
        views = [view for tensor, view in base.views.items() if tensor in self.contiguous]
        return all(view.rows == 1 or view.columns == base.extent.columns for view in views)

    def _commit(self, base: _Base) -> bool:
        """Makes a base buffer that of its tensors; False if it cannot be."""
        if not self._holds(base):
            return False
        self.base.update(dict.fromkeys(base.views, base))
        return True

    # ------------------------------------------------------------ in place

    def _reuse_operand(self, index: int, operator: Operator) -> None:
        """Assigns the output the bytes of an operand that is dead afterwards."""
        for tensor in operator.inputs:
            if self._is_free_after(index, operator, tensor) and self._take_bytes(operator, tensor):
                return

    def _is_free_after(self, index: int, operator: Operator, tensor: int) -> bool:
        """Whether an operand is as large as the result, alone in its base buffer, and read last."""
        output = operator.outputs[0]
        if tensor not in self.base or self.base[tensor] is self.base[output]:
            return False
        base = self.base[tensor]
        same_size = self.graph.tensors[tensor].bytes == self.graph.tensors[output].bytes
        dying = all(self.timeline.dies_in(other, index) for other in base.views)
        alone = all(base.views[tensor].contains(view) for view in base.materialized)
        # Another part of it, which repeats along the result, would be read after it is written.
        parts = [base.views[t] for t in operator.inputs if t in base.views]
        return same_size and dying and alone and all(part == base.views[tensor] for part in parts)

    def _take_bytes(self, operator: Operator, tensor: int) -> bool:
        """Assigns an operand's bytes to the output; False if they do not fit."""
        output = operator.outputs[0]
        a, b = (matrix(self.graph.tensors[t]) for t in (tensor, output))
        if a == b:
            return self._overlay(tensor, output)
        rings = self.timeline.ring_of
        if operator.name not in (TABLE, *RESHAPES) or tensor in rings or output in rings:
            return False
        self.base[tensor].host = output
        return True

    def _overlay(self, tensor: int, output: int) -> bool:
        """Joins the operand's base buffer with the output's, both in the same sub-view."""
        base = self.base[output]
        own, place = self.base[tensor].views[tensor], base.views[output]
        mover = self.base[tensor].moved(place.row - own.row, place.column - own.column)
        if mover.item != base.item:
            return False
        return self._commit(_Base(base.item, {**base.views, **mover.views}, base.materialized))

    # ------------------------------------------------------------ buffers

    def storage(self, scratch: Mapping[int, int]) -> Storage:
        roots: dict[_Base, list[int]] = {}
        for tensor in self.timeline.live:
            roots.setdefault(self._root(self.base[tensor]), []).append(tensor)
        made = {root: self._buffer(root, tensors) for root, tensors in roots.items()}
        order = sorted(roots, key=lambda root: (made[root][0].first, made[root][0].last))
        number = {root: index for index, root in enumerate(order)}
        places = {
            tensor: self._place(tensor, number, made[self._root(self.base[tensor])][1])
            for tensor in self.timeline.live
        }
        buffers = [made[root][0] for root in order]
        groups = self._taking_turns(scratch)
        own = {index: len(buffers) + i for i, group in enumerate(groups) for index in group}
        buffers += [self._scratch(group, scratch) for group in groups]
        return Storage(tuple(buffers), places, own)

    def _root(self, base: _Base) -> _Base:
        while base.host is not None:
            base = self.base[base.host]
        return base

    def _buffer(self, root: _Base, tensors: list[int]) -> tuple[Buffer, int | None]:
        """The buffer of a base buffer, and the rows of its ring if it is one."""
        live = [self.timeline.live[tensor] for tensor in tensors]
        if self._rows_of(root) == 1 or set(tensors) != set(root.views):
            first, last = zip(*(each.span for each in live))
            return Buffer(root.bytes, min(first), max(last)), None
        return buffer_of(root.bytes, union(live), self.timeline, tensors[0])

    def _place(self, tensor: int, number: Mapping[_Base, int], ring: int | None) -> Place:
        base = self.base[tensor]
        start = 0 if base.host is None else self._place(base.host, number, ring).offset
        view, extent = base.views[tensor], base.extent
        values = (view.row - extent.row) * extent.columns + view.column - extent.column
        offset, buffer = start + values * base.item, number[self._root(base)]
        bytes_ = base.bytes if ring is None else base.bytes // self._rows_of(base) * ring
        return Place(buffer, offset, extent.columns, start, bytes_, ring)

    # ------------------------------------------------------------ scratch

    def _taking_turns(self, operators: Iterable[int]) -> list[list[int]]:
        """Operators by segment; each of the others alone."""
        segments = self.timeline.schedule.segment_of
        groups: dict[tuple[int, int], list[int]] = {}
        for index in sorted(operators):
            segment = segments.get(index)
            key = (0, segment) if segment is not None else (1, index)
            groups.setdefault(key, []).append(index)
        return sorted(groups.values())

    def _scratch(self, group: list[int], scratch: Mapping[int, int]) -> Buffer:
        return Buffer(max(scratch[index] for index in group), *self.timeline.span_of(group))


def buffer_of(
    bytes_: int, live: LiveRange, timeline: Timeline, tensor: int
) -> tuple[Buffer, int | None]:
    """The buffer of tensors that are alive together like this, one of them named, and the rows of
    its ring if it is one."""
    if tensor in timeline.ring_of:
        ring = ring_height(live.first, live.last)
        return Buffer(bytes_ // len(live.first) * ring, *live.span), ring
    spans = zip(live.first.tolist(), live.last.tolist())
    return Buffer(bytes_, *live.span, tuple(spans) if timeline.schedule.segments else ()), None


def _margins(whole: SubView, slots: list[SubView]) -> list[SubView]:
    """The columns before and after a single slot, which a PAD fills."""
    if len(slots) != 1:
        return []
    before, after = slots[0].column, slots[0].column + slots[0].columns
    ends = [(0, before), (after, whole.columns)]
    return [SubView(0, start, whole.rows, end - start) for start, end in ends if start < end]


def _covered(view: SubView, slots: list[SubView]) -> bool:
    """Whether each value of a sub-view is in one of the slots, which do not overlap."""
    return view.size == sum(view.intersection(slot).size for slot in slots if view.overlaps(slot))
