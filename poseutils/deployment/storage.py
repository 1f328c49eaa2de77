"""Which tensors share memory: parts of one tensor, tensors that are put side by side, and results that replace their operand.

Every tensor is a block of some group, a matrix whose step (columns) all its tensors share. What is computed into a block of its own is an
atom; what only rearranges is made of pieces of atoms. CONCATENATION brings the groups of its inputs together, so that each is computed
straight into its place; an elementwise operator may write over its operand when nobody reads that any more.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from ..graph import Graph, Operator, lifetimes
from .folding import TABLE
from .planner import Buffer
from .views import RESHAPES, Block, inputs_side_by_side, matrix, parts_of_input

IN_PLACE = (TABLE, "ADD", "SUB", "MUL", "DIV", "PRELU", "MAXIMUM", "MINIMUM")
"""Operators that read each value of an operand of the result's size before they write the same place."""

STRIDED = (
    *IN_PLACE,
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "MAX_POOL_2D",
    "AVERAGE_POOL_2D",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "CONCATENATION",
    "PAD",
    "SPLIT",
    "SPLIT_V",
    "SLICE",
    "STRIDED_SLICE",
    "TRANSPOSE_CONV",
    "SUM",
    "REDUCE_MAX",
    "REDUCE_MIN",
    "TRANSPOSE",
    "PACK",
    "UNPACK",
    "MEAN",
    "SOFTMAX",
    "QUANTIZE",
    "DEQUANTIZE",
    *RESHAPES,
)
"""Operators whose tensors may be columns of a wider matrix; the tensors of others lie in one piece."""


@dataclass(frozen=True)
class Place:
    """Where a tensor lies: at ``offset`` bytes of a buffer; ``step`` values from one row of its last dimension to the next."""

    buffer: int
    offset: int
    step: int


@dataclass(frozen=True)
class Storage:
    """The buffers that the planner places, and the place of each activation tensor."""

    buffers: tuple[Buffer, ...]
    places: dict[int, Place]


@dataclass(frozen=True)
class Piece:
    """A block of an atom, ``source``, that lies at (row, column) of a tensor."""

    atom: Hashable
    source: Block
    row: int
    column: int


@dataclass(frozen=True)
class _Frame:
    """Stands for the whole of a tensor whose pieces are put side by side; it overlaps nothing."""

    tensor: int


class _Groups:
    """Atoms and the group that each lies in. A group is a dictionary of blocks by atom."""

    def __init__(self):
        self.of: dict[Hashable, dict[Hashable, Block]] = {}

    def add(self, atom: Hashable, block: Block) -> None:
        self.of[atom] = {atom: block}

    def block(self, atom: Hashable) -> Block:
        return self.of[atom][atom]

    def step(self, atom: Hashable) -> int:
        low, high = _columns(self.of[atom].values())
        return high - low

    def join(self, mover: Hashable, target: Hashable, rows: int, columns: int, dense: set, may_overlap: bool = False) -> bool:
        """Puts the group of one atom into that of another, moved by so many rows and columns. False, and nothing changes, if atoms
        would overlap, or a tensor that must lie in one piece would not."""
        moving, staying = self.of[mover], self.of[target]
        if moving is staying:
            return (rows, columns) == (0, 0)
        moved = {atom: block.moved(rows, columns) for atom, block in moving.items()}
        if not may_overlap and any(a.overlaps(b) for a in _atoms(moved) for b in _atoms(staying)):
            return False
        low, high = _columns([*moved.values(), *staying.values()])
        if any(b.rows > 1 and b.columns != high - low for atom, b in [*moved.items(), *staying.items()] if atom in dense):
            return False
        staying.update(moved)
        self.of.update(dict.fromkeys(moved, staying))
        return True


def _atoms(group: dict[Hashable, Block]) -> list[Block]:
    return [block for atom, block in group.items() if not isinstance(atom, _Frame)]


def _columns(blocks) -> tuple[int, int]:
    blocks = list(blocks)
    return min(b.column for b in blocks), max(b.column + b.columns for b in blocks)


def assign(graph: Graph, apart: frozenset[int] = frozenset(), scratch: dict[int, int] | None = None) -> Storage:
    """Shares memory between tensors.

    Args:
        apart: operators (indices) that put tensors side by side by copying, though they could be computed into place.
        scratch: bytes that operators (indices) need while they run.
    """
    return _Assignment(graph, apart).storage(scratch or {})


class _Assignment:
    def __init__(self, graph: Graph, apart: frozenset[int]):
        self.graph, self.groups, self.apart = graph, _Groups(), apart
        self.spans = lifetimes(graph)
        self.pieces: dict[int, list[Piece]] = {}
        self.dense = self._must_be_dense()
        for tensor in graph.inputs:
            self._own(tensor)
        for index, operator in enumerate(graph.operators):
            self._follow(index, operator)
        self.group_spans = self._group_spans()
        self.same: list[tuple[Hashable, Hashable]] = []
        for index, operator in enumerate(graph.operators):
            if operator.name in IN_PLACE:
                self._replace_operand(index, operator)
            elif self._reshapes_rows(operator):
                self._reshape_in_place(index, operator)

    def _must_be_dense(self) -> set[Hashable]:
        dense = {*self.graph.inputs, *self.graph.outputs}
        for operator in self.graph.operators:
            if operator.name not in STRIDED or self._reshapes_rows(operator):
                dense.update(operator.inputs, operator.outputs)
        return dense

    def _reshapes_rows(self, operator: Operator) -> bool:
        tensors = self.graph.tensors
        return operator.name in RESHAPES and matrix(tensors[operator.inputs[0]]) != matrix(tensors[operator.outputs[0]])

    def _own(self, tensor: int) -> None:
        block = matrix(self.graph.tensors[tensor])
        self.groups.add(tensor, block)
        self.pieces[tensor] = [Piece(tensor, block, 0, 0)]

    def _follow(self, index: int, operator: Operator) -> None:
        source = operator.inputs[1 if operator.name == "SPLIT" else 0] if operator.inputs else -1
        parts = parts_of_input(self.graph, operator) if source in self.pieces else None
        if parts is not None and all(self._can_be_part(t, source, p) for t, p in zip(operator.outputs, parts)):
            for tensor, part in zip(operator.outputs, parts):
                self.pieces[tensor] = _crop(self.pieces[source], part)
            return
        blocks = None if index in self.apart else inputs_side_by_side(self.graph, operator)
        if blocks is not None:
            self._side_by_side(index, operator, blocks)
            return
        for tensor in operator.outputs:
            self._own(tensor)

    def _can_be_part(self, tensor: int, source: int, part: Block) -> bool:
        """A tensor in one piece may be part of a wider one only if it has all its columns, and then that must stay in one piece."""
        if tensor not in self.dense or part.rows == 1:
            return True
        pieces = _crop(self.pieces[source], part)
        whole = len(pieces) == 1 and pieces[0].source.columns == self.groups.step(pieces[0].atom)
        if whole:
            self.dense.add(pieces[0].atom)
        return whole

    def _side_by_side(self, index: int, operator: Operator, blocks: list[Block]) -> None:
        """The output's group is that of all inputs that can be brought there; the others, and what pads, get a place to be copied to."""
        output = operator.outputs[0]
        frame = _Frame(output)
        whole = matrix(self.graph.tensors[output])
        self.groups.add(frame, whole)
        pieces: list[Piece] = []
        if output in self.dense:
            self.dense.add(frame)
        for number, (tensor, block) in enumerate(zip(operator.inputs, blocks)):
            if not self._attach(tensor, frame, block):
                copy = ("copy", output, number)
                self.groups.add(copy, Block(0, 0, block.rows, block.columns))
                self.groups.join(copy, frame, block.row, block.column, set())
                pieces.append(Piece(copy, Block(0, 0, block.rows, block.columns), block.row, block.column))
            else:
                pieces += [Piece(p.atom, p.source, p.row + block.row, p.column + block.column) for p in self.pieces[tensor]]
        if operator.name == "PAD":
            pieces += self._margins(frame, whole, blocks[0])
        self.pieces[output] = pieces

    def _margins(self, frame: Hashable, whole: Block, inner: Block) -> list[Piece]:
        pieces = []
        after = inner.column + inner.columns
        for number, (column, columns) in enumerate([(0, inner.column), (after, whole.columns - after)]):
            if columns:
                margin = ("margin", frame, number)
                self.groups.add(margin, Block(0, 0, whole.rows, columns))
                self.groups.join(margin, frame, 0, column, set())
                pieces.append(Piece(margin, Block(0, 0, whole.rows, columns), 0, column))
        return pieces

    def _attach(self, tensor: int, frame: Hashable, block: Block) -> bool:
        """Brings all atoms of a tensor to where they must lie for it to be at ``block`` of the frame."""
        if tensor not in self.pieces:
            return False
        for number, piece in enumerate(self.pieces[tensor]):
            origin, own = self.groups.block(frame), self.groups.block(piece.atom)
            rows = origin.row + block.row + piece.row - own.row - piece.source.row
            columns = origin.column + block.column + piece.column - own.column - piece.source.column
            if not self.groups.join(piece.atom, frame, rows, columns, self.dense):
                if number:
                    raise AssertionError("pieces of one tensor lie in one group")
                return False
        return True

    def _anchor(self, tensor: int) -> tuple[Hashable, Block]:
        """An atom of the tensor's group, and the tensor's block in that group."""
        piece, whole = self.pieces[tensor][0], matrix(self.graph.tensors[tensor])
        own = self.groups.block(piece.atom)
        return piece.atom, whole.moved(own.row + piece.source.row - piece.row, own.column + piece.source.column - piece.column)

    def _group_spans(self) -> dict[int, tuple[int, int]]:
        """From the first writing to the last reading, by the identity of the group."""
        spans: dict[int, tuple[int, int]] = {}
        for tensor, (first, last) in self.spans.items():
            key = id(self.groups.of[self.pieces[tensor][0].atom])
            known = spans.get(key, (first, last))
            spans[key] = min(first, known[0]), max(last, known[1])
        return spans

    def _replace_operand(self, index: int, operator: Operator) -> None:
        output = operator.outputs[0]
        for tensor in operator.inputs:
            if self._dies_here(index, tensor, output) and self._overlay(tensor, output):
                return

    def _reshape_in_place(self, index: int, operator: Operator) -> None:
        source, output = operator.inputs[0], operator.outputs[0]
        if self._alone_and_dying(index, source) and self._alone_and_dying(len(self.graph.operators), output):
            self.same.append((self._anchor(source)[0], self._anchor(output)[0]))

    def _dies_here(self, index: int, tensor: int, output: int) -> bool:
        """True for an operand as large as the result, alone in its group, that nobody reads after this operator."""
        a, b = self.graph.tensors[tensor], self.graph.tensors[output]
        return a.bytes == b.bytes and matrix(a) == matrix(b) and self._alone_and_dying(index, tensor)

    def _alone_and_dying(self, index: int, tensor: int) -> bool:
        if tensor not in self.pieces:
            return False
        atom, block = self._anchor(tensor)
        group = self.groups.of[atom]
        alone = all(block.contains(other) for other in _atoms(group))
        return alone and self.group_spans[id(group)][1] <= index

    def _overlay(self, tensor: int, output: int) -> bool:
        (mover, block), (target, place) = self._anchor(tensor), self._anchor(output)
        old, new = id(self.groups.of[mover]), id(self.groups.of[target])
        if not self.groups.join(mover, target, place.row - block.row, place.column - block.column, self.dense, may_overlap=True):
            return False
        if old != new:
            (a, b), (c, d) = self.group_spans.pop(old), self.group_spans[new]
            self.group_spans[new] = min(a, c), max(b, d)
        return old != new

    def storage(self, scratch: dict[int, int]) -> Storage:
        groups = {id(group): group for group in self.groups.of.values()}
        item = {id(self.groups.of[self.pieces[t][0].atom]): _item(self.graph, t) for t in self.spans}
        shared = self._shared()
        order = sorted(set(shared.values()), key=lambda key: self.group_spans[key])
        members = {key: [k for k in self.group_spans if shared[k] == key] for key in order}
        spans = {key: [self.group_spans[k] for k in members[key]] for key in order}
        buffers = [
            Buffer(
                max(_extent(groups[k]) * item[k] for k in members[key]),
                min(first for first, _ in spans[key]),
                max(last for _, last in spans[key]),
            )
            for key in order
        ]
        places = {}
        for tensor in self.spans:
            atom, block = self._anchor(tensor)
            group = self.groups.of[atom]
            row, (column, _), step = min(b.row for b in group.values()), _columns(group.values()), self.groups.step(atom)
            start = (block.row - row) * step + block.column - column
            places[tensor] = Place(order.index(shared[id(group)]), start * item[id(group)], step)
        buffers += [Buffer(size, index, index) for index, size in sorted(scratch.items())]
        return Storage(tuple(buffers), places)

    def _shared(self) -> dict[int, int]:
        """For each group the one whose buffer it has: its own, or that of what was reshaped into it."""
        shared = {key: key for key in self.group_spans}
        for a, b in self.same:
            keep, give = shared[id(self.groups.of[a])], shared[id(self.groups.of[b])]
            shared = {key: keep if value == give else value for key, value in shared.items()}
        return shared


def _item(graph: Graph, tensor: int) -> int:
    return graph.tensors[tensor].bytes // max(1, graph.tensors[tensor].elements)


def _extent(group: dict[Hashable, Block]) -> int:
    """The values of a group: from its first to its last row, all its columns."""
    low, high = _columns(group.values())
    rows = max(b.row + b.rows for b in group.values()) - min(b.row for b in group.values())
    return rows * (high - low)


def _crop(pieces: list[Piece], part: Block) -> list[Piece]:
    """The pieces of a block of a tensor."""
    cropped = []
    for piece in pieces:
        own = Block(piece.row, piece.column, piece.source.rows, piece.source.columns)
        top, left = max(own.row, part.row), max(own.column, part.column)
        bottom = min(own.row + own.rows, part.row + part.rows)
        right = min(own.column + own.columns, part.column + part.columns)
        if top < bottom and left < right:
            source = Block(piece.source.row + top - own.row, piece.source.column + left - own.column, bottom - top, right - left)
            cropped.append(Piece(piece.atom, source, top - part.row, left - part.column))
    return cropped
