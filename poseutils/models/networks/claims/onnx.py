"""What an .onnx claims. ONNX Runtime computes constants while it opens a file, follows loops
wherever they lead, and reads weights that lie beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from ....compiler.frontends.onnx_file import (
    Damaged,
    by_onnx,
    check_weights_beside,
    damage_reported,
    onnx_library,
    parse_proto,
)
from ....errors import PoseError
from ..metadata import read_metadata
from . import OF_ONE_VALUE, check_cost, check_input

MOST_ARENA = 4 << 30
"""Bytes of all tensors of ONNX Runtime together."""
_SMALL = 1 << 12
"""Bytes of a constant from which shapes may follow."""
_BYTES = 4
"""Of a value, more or less."""

Shape = tuple[int, ...]


def check_onnx(path: Path, size: tuple[int, int] | None) -> None:
    """Refuses a file with loops, branches or functions of its own, with weights outside of its
    folder, or that claims more than any pose network.

    Args:
        size: height and width of an image where the file leaves them open.

    Raises:
        PoseError: the message says what it claims; if it is no .onnx.
    """
    with damage_reported(str(path)):
        proto = parse_proto(path.read_bytes())
    _refuse_control_flow(proto, path)
    check_weights_beside(proto, str(path), path.parent)
    given = read_metadata(path, {each.key: each.value for each in proto.metadata_props})
    _settle_inputs(proto.graph, given.image_size or size)
    shapes = _shapes(proto)
    constants = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value.name for value in proto.graph.input if value.name not in constants]
    if not inputs:
        raise PoseError(f"{path} has no input that is not a constant. Export the model again.")
    for name in inputs:
        check_input(shapes.get(name, ()), path)
    largest = max(map(prod, shapes.values()), default=0)
    check_cost(_BYTES * largest, sum(_work(node, shapes) for node in proto.graph.node), path)


@lru_cache(maxsize=1)
def limit_memory() -> None:
    """Gives all sessions of ONNX Runtime one arena of limited size, for what does not follow from
    the input."""
    import onnxruntime as ort

    kind, where = ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, ort.OrtMemType.DEFAULT
    limit = ort.OrtArenaCfg({"max_mem": MOST_ARENA})
    ort.create_and_register_allocator(ort.OrtMemoryInfo("Cpu", kind, 0, where), limit)


def _refuse_control_flow(proto: Any, path: Path) -> None:
    """A node that runs another graph may do so without end; so may functions that call others."""
    kinds = onnx_library().AttributeProto
    names = {
        node.op_type
        for node in proto.graph.node
        for attribute in node.attribute
        if attribute.type in (kinds.GRAPH, kinds.GRAPHS) or attribute.HasField("g")
    }
    names |= {function.name for function in proto.functions}
    if names:
        raise PoseError(
            f"{path}: refused, as it contains loops, branches or functions of its own "
            f"({', '.join(sorted(names))}), which may run without end. Expected a network without "
            "them: export it again for a fixed input size, and inline its functions."
        )


def _settle_inputs(graph: Any, size: tuple[int, int] | None) -> None:
    """One image of that size; what the file says of other shapes is forgotten."""
    for value in graph.input:
        dims, sizes = value.type.tensor_type.shape.dim, iter(size or ())
        for axis, dim in enumerate(dims):
            if not dim.HasField("dim_value"):
                dim.dim_value = next(sizes, 1) if axis else 1
    del graph.value_info[:]
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")
    for tensor in graph.initializer:
        if tensor.ByteSize() > _SMALL:
            tensor.ClearField("raw_data")


def _shapes(proto: Any) -> dict[str, Shape]:
    """Of the tensors whose shapes follow from the input."""
    infer = partial(onnx_library().shape_inference.infer_shapes, data_prop=True)
    try:
        proto = by_onnx(infer, proto)
    except Damaged:  # reported by ONNX Runtime, which knows its own operators
        pass
    graph = proto.graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(dim.HasField("dim_value") for dim in kind.shape.dim):
            shapes[value.name] = tuple(dim.dim_value for dim in kind.shape.dim)
    return shapes


# ---------------------------------------------------------------- multiply-accumulates


class _Costs(NamedTuple):
    """What is known of a node: shapes of its inputs, those unknown ``()``; values of its outputs;
    and its attributes."""

    inputs: list[Shape]
    written: int
    attributes: Mapping[str, Any]

    def last(self, number: int, place: int = -1) -> int:
        """A size of an input; 1 if it is unknown."""
        shape = self.inputs[number] if number < len(self.inputs) else ()
        return shape[place] if len(shape) >= abs(place) else 1


def _work(node: Any, shapes: Mapping[str, Shape]) -> int:
    inputs = [shapes.get(name, ()) for name in node.input]
    written = sum(prod(shapes[name]) for name in node.output if name in shapes)
    values = max(written, *map(prod, inputs), 1)
    made = _Costs(inputs, written, {each.name: each for each in node.attribute})
    own = _WORK.get(node.op_type)
    return (own(made) if own else 0) + values * OF_ONE_VALUE


def _convolution(made: _Costs, weights: int = 1) -> int:
    return made.written * prod(made.inputs[weights][1:]) if len(made.inputs) > weights else 0


def _transposed(made: _Costs) -> int:
    return prod(made.inputs[0]) * prod(made.inputs[1][1:]) if len(made.inputs) > 1 else 0


def _product(made: _Costs) -> int:
    transposed = "transA" in made.attributes and made.attributes["transA"].i
    return made.written * made.last(0, -2 if transposed else -1)


def _pool(made: _Costs) -> int:
    kernel = made.attributes.get("kernel_shape")
    return made.written * prod(kernel.ints) if kernel else 0


def _recurrent(made: _Costs) -> int:
    """Both matrices at every step of every image."""
    return prod(made.inputs[0][:2]) * sum(map(prod, made.inputs[1:3])) if made.inputs else 0


def _einsum(made: _Costs) -> int:
    """Every combination of the dimensions that the equation names."""
    terms = made.attributes["equation"].s.decode(errors="replace") if made.attributes else ""
    pairs = zip(terms.partition("->")[0].replace(" ", "").split(","), made.inputs)
    return prod({label: n for term, shape in pairs for label, n in zip(term, shape)}.values())


def _suppression(made: _Costs) -> int:
    """Every box with every other, for each class."""
    boxes = made.last(0, -2)
    return boxes * boxes * made.last(1, -2)


_WORK: dict[str, Callable[[_Costs], int]] = {
    **dict.fromkeys(("Conv", "ConvInteger", "DeformConv"), _convolution),
    "QLinearConv": partial(_convolution, weights=3),
    "ConvTranspose": _transposed,
    **dict.fromkeys(("MatMul", "MatMulInteger", "QLinearMatMul", "Gemm"), _product),
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), _pool),
    **dict.fromkeys(("RNN", "GRU", "LSTM"), _recurrent),
    "Einsum": _einsum,
    "NonMaxSuppression": _suppression,
}
"""By operator, where it is more than reading and writing."""
