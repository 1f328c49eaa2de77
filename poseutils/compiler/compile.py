"""From a graph to C: folding, memory, lowering, in one step; everything that is not supported is
named together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from ..errors import PoseError
from .graph import Graph, Operator, Tensor, layers, lifetimes
from .lowering.conv_pool_resize import scratch_bytes
from .lowering.layer import Program, lower
from .memory.buffers import Place, Storage, assign
from .memory.check import Region, check_plan, region_of
from .memory.kernel_traits import in_place_operators, strided_operators
from .memory.planner import Plan, grow, lower_bound, occupied, plan
from .passes.fusion import fold

LARGEST = 64 << 20
"""Bytes of one tensor: no board has more memory, and it keeps a damaged shape from making the
exporter run away."""

MOST = 4096
"""Operators, and tensors, of one network."""

MOST_TRIES = 64
"""Operators that are tried with results that share nothing; each is a plan of the whole network."""


@dataclass(frozen=True)
class Compiled:
    """A network that is ready to be written as C. The last ``scratch_buffers`` of the storage are
    what operators work in."""

    graph: Graph
    storage: Storage
    plan: Plan
    program: Program
    scratch_buffers: int

    @property
    def addresses(self) -> dict:
        """Of each activation tensor, its offset in the arena and its place."""
        return {
            t: (self.plan.offsets[p.buffer] + p.offset, p) for t, p in self.storage.places.items()
        }

    @property
    def flash_bytes(self) -> int:
        """The constants: weights, biases, multipliers, tables."""
        return sum(values.nbytes for values in self.program.arrays.values())


def compile_graph(graph: Graph, source: str, io: str, prefix: str) -> Compiled:
    """Folds a graph, gives each tensor its place, and lowers it.

    Args:
        source: what errors call the model.
        io: see :func:`poseutils.compiler.passes.fusion.fold`.
        prefix: begins the names of constants.

    Raises:
        PoseError: if it holds what the kernels do not compute; names all of it.
    """
    _check_sizes(graph, source)
    folded = fold(graph, io)
    if not folded.operators:
        raise PoseError(
            f"{source}: its outputs are its inputs as they are; there is nothing to compute"
        )
    scratch = {
        i: sizes for i, op in enumerate(folded.operators) if any(sizes := scratch_bytes(folded, op))
    }
    storage, placed = _smallest(folded, {index: least for index, (least, _) in scratch.items()})
    storage, placed = _with_more_scratch(
        storage, placed, [scratch[index][1] for index in sorted(scratch)]
    )
    program, refused = lower(
        folded, storage.places, placed.offsets, _scratch_of(storage, placed, len(scratch)), prefix
    )
    if refused:
        raise PoseError(
            f"{source} cannot become C; not supported are:\n"
            + "\n".join(f"- {line}" for line in refused)
        )
    compiled = Compiled(folded, storage, placed, program, len(scratch))
    check_plan(**plan_arguments(compiled))
    return compiled


def _with_more_scratch(storage: Storage, placed: Plan, most: list[int]) -> tuple[Storage, Plan]:
    """Grows the scratch, which the arena was planned with as little of as possible, into what is
    free."""
    first = len(storage.buffers) - len(most)
    buffers, grown = grow(
        storage.buffers, placed, {first + number: size for number, size in enumerate(most)}
    )
    return replace(storage, buffers=buffers), grown


def _scratch_of(storage: Storage, placed: Plan, count: int) -> dict[int, tuple[int, int]]:
    """Offset and bytes of the scratch of operators (indices)."""
    buffers = list(zip(storage.buffers, placed.offsets))
    return {b.first: (offset, b.size) for b, offset in buffers[len(buffers) - count :]}


def plan_arguments(compiled: Compiled) -> dict:
    """The memory plan as :func:`poseutils.compiler.memory.check.check_plan` takes it."""
    graph, buffers = compiled.graph, compiled.storage.buffers
    first = len(buffers) - compiled.scratch_buffers
    scratch = list(zip(buffers, compiled.plan.offsets))[first:]
    return {
        "graph": graph,
        "regions": {
            t: region_of(graph.tensors[t], offset, place.row_stride)
            for t, (offset, place) in compiled.addresses.items()
        },
        "arena_bytes": compiled.plan.size,
        "scratch": {b.first: Region(offset, 1, b.size, b.size) for b, offset in scratch},
        "in_place": in_place_operators(graph),
        "strided": strided_operators(graph),
    }


def _check_sizes(graph: Graph, source: str) -> None:
    """Refuses what no board has room for, and so many operators or tensors that the plan would take
    forever."""
    for what, count in (("operators", len(graph.operators)), ("tensors", len(graph.tensors))):
        if count > MOST:
            raise PoseError(f"{source} has {count} {what}; up to {MOST} are supported")
    for index, tensor in enumerate(graph.tensors):
        may_be_empty = tensor.is_constant and index not in graph.outputs
        if not (may_be_empty or 0 < tensor.bytes) or tensor.bytes > LARGEST:
            raise PoseError(
                f"{source}: tensor {tensor.name!r} of shape {tensor.shape} has {tensor.bytes} bytes; 1 to {LARGEST} are supported"
            )
        if not tensor.is_fixed:
            raise PoseError(
                f"{source} leaves the shape of {tensor.name!r} open. Convert the model with a fixed input size."
            )
    for tensor in (graph.tensors[t] for t in graph.inputs):
        if tensor.is_constant:
            raise PoseError(
                f"{source}: {tensor.name!r} is an input of the network and a constant; it cannot be both"
            )


def _smallest(graph: Graph, scratch: dict[int, int]) -> tuple[Storage, Plan]:
    """Shares what can be shared, except where the arena is smaller without: an operand that shares
    a buffer with more than it needs keeps all of it alive."""
    apart: frozenset[int] = frozenset()
    storage = assign(graph, apart, scratch)
    best = plan(storage.buffers)
    wasteful, tries = _wasteful(graph, storage, best), 0
    for index, operator in enumerate(graph.operators):
        if tries < MOST_TRIES and wasteful & _shared(storage, operator):
            tries += 1
            other = assign(graph, apart | {index}, scratch)
            tried = plan(other.buffers) if lower_bound(other.buffers) < best.size else best
            if tried.size < best.size:
                apart, storage, best = apart | {index}, other, tried
                wasteful = _wasteful(graph, storage, best)
    return storage, best


def _shared(storage: Storage, operator: Operator) -> set[int]:
    """The buffers that an operator's results share with its operands."""
    places = storage.places
    read = {places[t].buffer for t in operator.inputs if t in places}
    return read & {places[t].buffer for t in operator.outputs}


def _wasteful(graph: Graph, storage: Storage, placed: Plan) -> set[int]:
    """The buffers that are larger than their tensors that are alive where most is alive; all, where
    the plan has gaps."""
    if placed.size > placed.bound:
        return set(range(len(storage.buffers)))
    usage, spans = occupied(storage.buffers), lifetimes(graph)
    wasteful = set()
    for peak in (index for index, bytes_ in usage.items() if bytes_ == placed.bound):
        used = [0] * len(storage.buffers)
        for tensor, place in storage.places.items():
            first, last = spans[tensor]
            used[place.buffer] += graph.tensors[tensor].bytes if first <= peak <= last else 0
        alive_now = [i for i, b in enumerate(storage.buffers) if b.first <= peak <= b.last]
        wasteful |= {i for i in alive_now if used[i] < storage.buffers[i].size}
    return wasteful


def layer_rows(compiled: Compiled) -> list[dict]:
    """One row an operator of the folded network: as :func:`poseutils.compiler.graph.layers`, and
    input_shapes (of activations), offset (of its output in the arena), arena_bytes (in use while it
    runs) and scratch_bytes (of these, what it works in)."""
    rows, graph, buffers = layers(compiled.graph), compiled.graph, compiled.storage.buffers
    usage = occupied(buffers)
    own = {
        buffer.first: buffer.size for buffer in buffers[len(buffers) - compiled.scratch_buffers :]
    }
    for row, operator in zip(rows, graph.operators):
        row["input_shapes"] = [
            graph.tensors[t].shape
            for t in operator.inputs
            if t >= 0 and not graph.tensors[t].is_constant
        ]
        row["offset"] = compiled.addresses[operator.outputs[0]][0]
        row["arena_bytes"] = usage[row["index"]]
        row["scratch_bytes"] = own.get(row["index"], 0)
    return rows


def tensor_rows(compiled: Compiled) -> list[dict]:
    """One row an activation tensor, and one for the scratch of an operator.

    Of each: tensor (name), offset, bytes, first and last operator. Tensors that are side by side,
    column by column, are listed as if they followed each other.
    """
    spans, buffers, offsets = (
        lifetimes(compiled.graph),
        compiled.storage.buffers,
        compiled.plan.offsets,
    )
    rows = []
    for index, place in compiled.storage.places.items():
        tensor = compiled.graph.tensors[index]
        offset = offsets[place.buffer] + _listed_offset(tensor, place)
        row = {"tensor": tensor.name, "offset": offset, "bytes": tensor.bytes}
        rows.append(row | _operators(compiled, *spans[index]))
    for b, offset in list(zip(buffers, offsets))[len(buffers) - compiled.scratch_buffers :]:
        row = {"tensor": "scratch", "offset": offset, "bytes": b.size}
        rows.append(row | _operators(compiled, b.first, b.last))
    return rows


def _listed_offset(tensor: Tensor, place: Place) -> int:
    """In a buffer, with the columns of the base buffer one after the other."""
    item = tensor.bytes // max(1, tensor.elements)
    wide, own = place.row_stride * item, tensor.bytes // max(1, prod(tensor.shape[:-1]))
    if own == wide:
        return place.offset
    row, column = divmod(place.offset - place.base_offset, wide)
    return place.base_offset + column * (place.base_bytes // wide) + row * own


def _operators(compiled: Compiled, first: int, last: int) -> dict[str, int]:
    """A live range in operators: inputs live before the first, outputs after the last one."""
    end = len(compiled.graph.operators) - 1
    return {"first": max(first, 0), "last": min(max(last, 0), end)}


def buffer_rows(compiled: Compiled) -> list[dict]:
    """One row a buffer of the memory plan: offset, bytes, first and last operator, its tensors."""
    names: dict[int, list[str]] = {}
    for tensor, place in compiled.storage.places.items():
        names.setdefault(place.buffer, []).append(compiled.graph.tensors[tensor].name)
    rows = []
    for i, (b, offset) in enumerate(zip(compiled.storage.buffers, compiled.plan.offsets)):
        row = {"offset": offset, "bytes": b.size, **_operators(compiled, b.first, b.last)}
        rows.append(row | {"tensors": names.get(i, [])})
    return rows
