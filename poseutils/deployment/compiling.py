"""From a graph to C: folding, memory, lowering, in one step; everything that is not supported is named together."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import PoseError
from ..graph import Graph, layers
from .folding import fold
from .lower_windows import scratch_bytes
from .lowering import MALFORMED, Program, lower
from .planner import Plan, alive, plan
from .storage import Storage, assign

LARGEST = 64 << 20
"""Bytes of one tensor: no board has more memory, and it keeps a damaged shape from making the exporter run away."""

TYPES = ("int8", "uint8", "int32", "float32")
"""Of activations."""


@dataclass(frozen=True)
class Compiled:
    """A network that is ready to be written as C."""

    graph: Graph
    storage: Storage
    plan: Plan
    program: Program

    @property
    def addresses(self) -> dict:
        """Of each activation tensor, its offset in the arena and its place."""
        return {t: (self.plan.offsets[p.buffer] + p.offset, p) for t, p in self.storage.places.items()}

    @property
    def flash_bytes(self) -> int:
        """The constants: weights, biases, multipliers, tables."""
        return sum(values.nbytes for values in self.program.arrays.values())


def compile_graph(graph: Graph, source: str, io: str, prefix: str) -> Compiled:
    """Folds a graph, gives each tensor its place, and lowers it.

    Args:
        source: what errors call the model.
        io: see :func:`poseutils.deployment.folding.fold`.
        prefix: begins the names of constants.

    Raises:
        PoseError: if it holds what the kernels do not compute; names all of it.
    """
    _check_sizes(graph, source)
    try:
        folded = fold(graph, io)
        scratch = {i: size for i, op in enumerate(folded.operators) if (size := scratch_bytes(folded, op))}
        storage, placed = _smallest(folded, scratch)
    except MALFORMED as error:
        raise PoseError(f"{source}: an operator is not whole ({error!r}). Copy or convert the model again.") from error
    first = len(storage.buffers) - len(scratch)
    offsets = {index: placed.offsets[first + number] for number, index in enumerate(sorted(scratch))}
    program, refused = lower(folded, storage.places, placed.offsets, offsets, prefix)
    if refused:
        raise PoseError(f"{source} cannot become C; not supported are:\n" + "\n".join(f"- {line}" for line in refused))
    return Compiled(folded, storage, placed, program)


def _check_sizes(graph: Graph, source: str) -> None:
    for tensor in graph.tensors:
        if not 0 < tensor.bytes <= LARGEST:
            raise PoseError(
                f"{source}: tensor {tensor.name!r} of shape {tensor.shape} has {tensor.bytes} bytes; 1 to {LARGEST} are supported"
            )
        if tensor.dtype not in TYPES and not tensor.is_constant:
            raise PoseError(f"{source}: tensor {tensor.name!r} is of type {tensor.dtype}; {', '.join(TYPES)} are supported")


def _smallest(graph: Graph, scratch: dict[int, int]) -> tuple[Storage, Plan]:
    """Computing into place usually saves memory, but a place that is held early may cost some: whatever is better apart is left apart."""
    apart: frozenset[int] = frozenset()
    storage = assign(graph, apart, scratch)
    best = plan(storage.buffers)
    for index, operator in enumerate(graph.operators):
        if operator.name == "CONCATENATION" and _may_help(storage, best, operator.outputs[0]):
            other = assign(graph, apart | {index}, scratch)
            tried = plan(other.buffers)
            if tried.size < best.size:
                apart, storage, best = apart | {index}, other, tried
    return storage, best


def _may_help(storage: Storage, placed: Plan, tensor: int) -> bool:
    """Whether a smaller buffer for a tensor could make the arena smaller: not if it is absent where most is alive."""
    own = storage.buffers[storage.places[tensor].buffer]
    steps = range(own.first, own.last + 1)
    return placed.size > placed.bound or any(alive(storage.buffers, step) == placed.bound for step in steps)


def layer_rows(compiled: Compiled) -> list[dict]:
    """One row an operator of the folded network: as :func:`poseutils.graph.layers`, and the offset of its output in the arena."""
    rows = layers(compiled.graph)
    for row, operator in zip(rows, compiled.graph.operators):
        row["offset"] = compiled.addresses[operator.outputs[0]][0]
    return rows


def buffer_rows(compiled: Compiled) -> list[dict]:
    """One row a buffer of the memory plan: offset, bytes, first and last operator, and the tensors that share it."""
    names: dict[int, list[str]] = {}
    for tensor, place in compiled.storage.places.items():
        names.setdefault(place.buffer, []).append(compiled.graph.tensors[tensor].name)
    return [
        {"offset": offset, "bytes": b.size, "first": b.first, "last": b.last, "tensors": names.get(i, [])}
        for i, (b, offset) in enumerate(zip(compiled.storage.buffers, compiled.plan.offsets))
    ]
