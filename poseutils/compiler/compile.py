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
from .memory.partition import plan_memory
from .memory.planner import Plan
from .passes import run_passes
from .rules.limits import check_limits


@dataclass(frozen=True)
class Compiled:
    """A network that is ready to be written as C."""

    graph: Graph
    arena: Arena
    program: Program

    @property
    def plan(self) -> Plan:
        """Offsets and size of the arena."""
        return self.arena.plan

    @property
    def flash_bytes(self) -> int:
        """The constants: weights, biases, multipliers, tables."""
        return sum(values.nbytes for values in self.program.arrays.values())


def compile_graph(
    graph: Graph, source: str, io: str, prefix: str, memory: str = "least"
) -> Compiled:
    """Compiles a graph that was read and validated, up to what the emitter writes.

    Args:
        source: what errors call the model.
        io: ``quantized`` removes the QUANTIZE and DEQUANTIZE at the ends of the network, ``file``
            keeps inputs and outputs as the file has them.
        prefix: begins the names of constants.
        memory: ``least`` runs operators row by row where that needs a smaller arena, ``layerwise``
            one after the other.

    Raises:
        PoseError: if it is too large, or holds what the kernels do not compute; names all of it.
    """
    check_limits(graph, source)
    graph = run_passes(graph, io)
    if not graph.operators:
        raise PoseError(
            f"{source}: its outputs are its inputs as they are; there is nothing to compute"
        )
    arena = plan_memory(graph, scratch_bytes(graph), memory)
    prove(arena)
    program, refused = lower(graph, arena, prefix)
    if refused:
        raise PoseError(
            f"{source} cannot become C; not supported are:\n"
            + "\n".join(f"- {line}" for line in refused)
        )
    for tensor in (graph.tensors[t] for t in (*graph.inputs, *graph.outputs)):
        if tensor.dtype not in C_TYPES:
            raise PoseError(
                f"{source} cannot become C: {tensor.name!r} is an input or output of "
                f"{tensor.dtype}; expected {', '.join(C_TYPES)}"
            )
    return Compiled(graph, arena, program)
