"""Products of matrices, reductions, and what works along one dimension."""

from __future__ import annotations

from ..attributes import BatchMatMul, FullyConnected, Reduce
from .case import Case, Rule, Shapes, broadcast
from .conv_pool_resize import check_bias, check_filter


def _dense(case: Case) -> Shapes:
    data, weights, output = case.input(0), case.input(1), case.outputs[0]
    made = case.operator.attributes_as(FullyConnected)
    case.expect_rank(weights, 2)
    if not made.shuffled:  # shuffled weights of uint8 give int16
        case.expect_same_type(data, output)
    channels, depth = weights.shape
    case.expect(
        data.elements % depth == 0,
        f"weights of shape {weights.shape} on data of shape {data.shape}",
    )
    check_filter(case, weights, data, channels, 0)
    check_bias(case, 2, channels, data)
    rows = data.elements // depth
    if case.settles:
        wide = made.keep_dims and data.shape[-1] == depth
        return [(*(data.shape[:-1] if wide else (rows,)), channels)]
    case.expect(
        output.elements == rows * channels and output.shape[-1:] == (channels,),
        f"{output.name!r} has the shape {output.shape}; {rows} rows of {channels} follow from its "
        "inputs",
    )
    return None


def _matrices(case: Case) -> Shapes:
    a, b = case.input(0), case.input(1)
    case.expect(
        min(len(a.shape), len(b.shape)) >= 2,
        f"{a.shape} times {b.shape}; two matrices are expected",
    )
    made = case.operator.attributes_as(BatchMatMul)
    rows, depth = a.shape[-2:][::-1] if made.adj_x else a.shape[-2:]
    also, columns = b.shape[-2:][::-1] if made.adj_y else b.shape[-2:]
    case.expect(depth == also, f"{a.shape} times {b.shape}: sums of {depth} and of {also} products")
    return [(*broadcast(case, a.shape[:-2], b.shape[:-2]), rows, columns)]


def _reduction(case: Case) -> Shapes:
    data, axes = case.input(0), case.integers(1, "the dimensions")
    if axes is None:
        return None
    reduced = {case.axis(int(axis), len(data.shape)) for axis in axes}
    if case.operator.attributes_as(Reduce).keep_dims:
        return [[1 if d in reduced else n for d, n in enumerate(data.shape)]]
    return [[n for d, n in enumerate(data.shape) if d not in reduced]]


def _extreme_index(case: Case) -> Shapes:
    data, axes = case.input(0), case.integers(1, "the dimension")
    case.expect(
        case.outputs[0].dtype in ("int32", "int64"),
        f"{case.outputs[0].name!r} of {case.outputs[0].dtype}; indices are expected",
    )
    if axes is None:
        return None
    case.expect(len(axes) == 1, f"{len(axes)} dimensions; one is expected")
    axis = case.axis(int(axes[0]), len(data.shape))
    return [[n for d, n in enumerate(data.shape) if d != axis]]


def _along_last(case: Case) -> Shapes:
    data = case.input(0)
    case.expect(len(data.shape) >= 1, f"{data.name!r} is a single number; a row is expected")
    return [data.shape]


PRODUCTS = {
    "FULLY_CONNECTED": Rule(_dense, (2, 3), typed=None),
    "BATCH_MATMUL": Rule(_matrices, (2, 2), typed=None),
    **dict.fromkeys(
        ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"), Rule(_reduction, (2, 2))
    ),
    **dict.fromkeys(("ARG_MAX", "ARG_MIN"), Rule(_extreme_index, (2, 2), scaled=False, typed=None)),
    **dict.fromkeys(("SOFTMAX", "LOG_SOFTMAX"), Rule(_along_last, (1, 1), typed=None)),
}
