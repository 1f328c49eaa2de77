"""Operators as C: constants, one structure a layer, and the calls of kernels in order."""

from __future__ import annotations

from collections.abc import Callable

from ..graph import RESHAPES, TABLE, Graph
from ..memory.arena import Arena
from ..unsupported import Unsupported, need
from . import data_movement as moves
from . import elementwise, reduce
from .conv import conv_scratch, lower_conv
from .dense import lower_batch_matmul, lower_fully_connected
from .depthwise import lower_depthwise
from .layer import Layer, Program, in_rows, need_types
from .pooling import lower_pooling
from .prelu import lower_prelu
from .resize import lower_resize
from .softmax import lower_log_softmax, lower_softmax
from .transpose_conv import lower_transpose_conv

__all__ = ["LOWERING", "TABLES_ONLY", "Program", "lower", "scratch_bytes"]

TABLES_ONLY = (
    *("ABS", "ELU", "EXP", "GELU", "HARD_SWISH", "LEAKY_RELU", "LOG", "LOGISTIC", "NEG"),
    *("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "RSQRT", "SQRT", "TANH"),
)
"""Operators that :func:`~poseutils.compiler.passes.fold_tables.fold_tables` replaces by a TABLE."""

LOWERING: dict[str, Callable[[Layer], None]] = {
    "CONV_2D": lower_conv,
    "DEPTHWISE_CONV_2D": lower_depthwise,
    "TRANSPOSE_CONV": lower_transpose_conv,
    "MAX_POOL_2D": lower_pooling,
    "AVERAGE_POOL_2D": lower_pooling,
    "RESIZE_BILINEAR": lower_resize,
    "RESIZE_NEAREST_NEIGHBOR": lower_resize,
    "FULLY_CONNECTED": lower_fully_connected,
    "BATCH_MATMUL": lower_batch_matmul,
    "SOFTMAX": lower_softmax,
    "LOG_SOFTMAX": lower_log_softmax,
    "PRELU": lower_prelu,
    # elementwise
    TABLE: elementwise.lower_table,
    "QUANTIZE": elementwise.lower_quantize,
    "DEQUANTIZE": elementwise.lower_dequantize,
    "CAST": elementwise.lower_cast,
    "ADD": elementwise.lower_sum,
    "SUB": elementwise.lower_sum,
    "MUL": elementwise.lower_product,
    "DIV": elementwise.lower_divide,
    "FLOOR_DIV": elementwise.lower_divide,
    "SQUARED_DIFFERENCE": elementwise.lower_squared_difference,
    "MAXIMUM": elementwise.lower_extreme,
    "MINIMUM": elementwise.lower_extreme,
    **dict.fromkeys(TABLES_ONLY, elementwise.refuse_other_than_table),
    # reductions
    "MEAN": reduce.lower_mean,
    "SUM": reduce.refuse_sum,
    "REDUCE_MAX": reduce.lower_reduce,
    "REDUCE_MIN": reduce.lower_reduce,
    "ARG_MAX": reduce.lower_arg_max,
    # data movement
    **dict.fromkeys(RESHAPES, moves.lower_reshape),
    "SPLIT": moves.lower_slice,
    "SPLIT_V": moves.lower_slice,
    "SLICE": moves.lower_slice,
    "STRIDED_SLICE": moves.lower_slice,
    "CONCATENATION": moves.lower_concatenate,
    "PACK": moves.lower_pack,
    "UNPACK": moves.lower_pack,
    "TRANSPOSE": moves.lower_transpose,
    "PAD": moves.lower_pad,
    "PADV2": moves.lower_pad,
    "TILE": moves.lower_repeat,
    "BROADCAST_TO": moves.lower_repeat,
    "DEPTH_TO_SPACE": moves.lower_blocks,
    "SPACE_TO_DEPTH": moves.lower_blocks,
    "GATHER": moves.lower_gather,
    "GATHER_ND": moves.lower_gather_nd,
}
"""What writes each operator."""


def scratch_bytes(graph: Graph) -> dict[int, tuple[int, int]]:
    """The operators (indices) that need scratch, and how many bytes at least and at most."""
    return {
        index: conv_scratch(graph, operator)
        for index, operator in enumerate(graph.operators)
        if operator.name == "CONV_2D"
    }


def lower(graph: Graph, arena: Arena, prefix: str) -> tuple[Program, list[str]]:
    """The program, and what is not supported: one line an operator.

    Args:
        prefix: begins the names of constants.
    """
    program = Program(prefix)
    refused: list[str] = []
    places, offsets, scratch = arena.storage.places, arena.plan.offsets, arena.scratch
    for index, operator in enumerate(graph.operators):
        layer = Layer(
            graph, operator, index, places, offsets, scratch.get(index, (0, 0)), program, []
        )
        if index in arena.timeline.schedule.segment_of:
            layer = in_rows(layer)
        try:
            need(operator.name in LOWERING, "the operator is not known")
            need_types(layer)
            LOWERING[operator.name](layer)
        except Unsupported as reason:
            refused.append(
                f"{operator.name} of {graph.tensors[operator.outputs[0]].name!r}: {reason}"
            )
        program.steps.append((operator, layer.calls))
    for number, order in enumerate(arena.timeline.schedule.orders):
        program.orders.append(program.array(f"order_{number}", order))
    return program, refused
