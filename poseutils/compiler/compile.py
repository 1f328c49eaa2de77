"""From a graph to a program in C, stage by stage.

==============  ===========================================================================
read, validate  frontends/, rules/: a file becomes a :class:`~poseutils.compiler.graph.Graph`
                that keeps the rules of its format, with every shape known
passes          passes/: graphs to graphs with fewer operators and the same results
schedule        memory/: which operators run row by row, and in which order
assign, plan    memory/: tensors share buffers; each buffer gets an offset in one arena
prove           memory/check.py: every operator finds its operands where it reads them
lower           lowering/: an operator becomes constants, a structure, and a call of a kernel
emit            emit/: the program as C99 text, see
                :func:`poseutils.compiler.emit.network.network_files`
==============  ===========================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import PoseError
from .graph import Graph
from .lowering import Program, lower, scratch_bytes
from .lowering.layer import C_TYPES
from .memory.arena import Arena, prove
from .memory.budget import over_budget
from .memory.partition import MEMORY, layerwise_arena, least_arena
from .memory.planner import Plan
from .passes import run_passes
from .rows import row_count
from .rules.limits import check_limits
from .unsupported import cannot_become_c


def need_rows(graph: Graph, source: str) -> None:
    """Refuses a network whose input cannot come row by row."""
    if len(graph.inputs) != 1:
        raise PoseError(
            f"{source} has {len(graph.inputs)} inputs; rows are pushed to a network of one"
        )
    shape = graph.tensors[graph.inputs[0]].shape
    if row_count(graph.tensors[graph.inputs[0]]) == 1:
        raise PoseError(
            f"{source}: its input of shape {shape} has no rows to push; an image (1, H, W, C) is "
            "expected"
        )


@dataclass(frozen=True)
class Compiled:
    """A network that is ready to be written as C; ``layerwise`` is the arena that it would need one
    operator after the other."""

    graph: Graph
    arena: Arena
    layerwise: Arena
    program: Program

    @property
    def plan(self) -> Plan:
        """Offsets and size of the arena."""
        return self.arena.plan

    @property
    def is_pushed(self) -> bool:
        """Whether the caller pushes the input row by row."""
        return self.arena.timeline.access.pushed

    @property
    def flash_bytes(self) -> int:
        """The constants: weights, biases, multipliers, tables."""
        return sum(values.nbytes for values in self.program.arrays.values())


def compile_graph(
    graph: Graph,
    source: str,
    io: str,
    prefix: str,
    memory: str = "least",
    pushed: bool = False,
    budget_kib: float | None = None,
) -> Compiled:
    """Compiles a graph that was read and validated, up to what the emitter writes.

    Args:
        source: what errors call the model.
        io: ``quantized`` removes the QUANTIZE and DEQUANTIZE at the ends of the network, ``file``
            keeps inputs and outputs as the file has them.
        prefix: begins the names of constants.
        memory: ``least`` runs operators row by row where that needs a smaller arena, ``layerwise``
            one after the other.
        pushed: whether the caller writes the input row by row, as a camera gives it, so that not
            all of it needs to be in memory.
        budget_kib: the most that the arena may have.

    Raises:
        PoseError: if it is too large, or holds what the kernels do not compute; names all of it. If
            the budget is too small; names what needs most. If an input without rows is pushed.
    """
    check_limits(graph, source)
    graph = run_passes(graph, io)
    if not graph.operators:
        raise PoseError(
            f"{source}: its outputs are its inputs as they are; there is nothing to compute"
        )
    if memory not in MEMORY:
        raise PoseError(f"memory={memory!r}: expected one of {', '.join(MEMORY)}")
    if budget_kib is not None and not (isinstance(budget_kib, (int, float)) and budget_kib >= 0):
        raise PoseError(f"budget_kib={budget_kib!r}: expected a number, KiB of the arena")
    if pushed:
        need_rows(graph, source)
    scratch = scratch_bytes(graph)
    layerwise = arena = layerwise_arena(graph, scratch, pushed)
    if memory == "least":
        arena = least_arena(layerwise, scratch)
    if budget_kib is not None and arena.plan.size > budget_kib * 1024:
        raise PoseError(f"{source}: {over_budget(arena, budget_kib, memory)}")
    prove(arena)
    program, refused = lower(graph, arena, prefix)
    if refused:
        raise cannot_become_c(source, refused)
    for tensor in (graph.tensors[t] for t in (*graph.inputs, *graph.outputs)):
        if tensor.dtype not in C_TYPES:
            raise PoseError(
                f"{source} cannot become C: {tensor.name!r} is an input or output of "
                f"{tensor.dtype}; expected {', '.join(C_TYPES)}"
            )
    return Compiled(graph, arena, layerwise, program)
