"""Validation: the rules of the format, which every graph keeps before any other stage.

:func:`validate` checks tensors and operators once, in order, and names what is broken: which
tensor, what it has, what is expected. They are the rules of the format, those that LiteRT itself
relies on, not those of one exporter: what passes is legal, whether or not it can become C. So what
raises after it is a fault of the code, not of the file.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..attributes import Split, Unpack
from ..graph import FILTER_RANK, Graph, Tensor
from .case import Broken, Case, Rule, Shape
from .conv_pool_resize import WINDOWS
from .data_movement import MOVES
from .dense import PRODUCTS
from .elementwise import ELEMENTWISE
from .settling import MOST_BYTES, Settling

__all__ = ["RULES", "Broken", "many", "validate"]

RULES: dict[str, Rule] = {**WINDOWS, **PRODUCTS, **ELEMENTWISE, **MOVES}
"""By the operator's name. Operators that are not here are held to what holds for all of them."""

_RANGES = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-(2**15), 2**15 - 1)}
"""The values of the types that activations are quantized to."""

_LEAST_SCALE, _MOST_SCALE = 2.0**-40, 2.0**40
"""Of activations: with these no ratio of scales leaves the range of floats, which ends LiteRT at
once."""


def validate(graph: Graph) -> Graph:
    """Checks every tensor and operator, and settles shapes.

    Returns:
        The graph with the shapes that a run would find: where the file leaves sizes to the runtime,
            the shapes it stores are placeholders, and the real ones follow from the inputs of
            operators, in order.

    Raises:
        Broken: with the first rule that is not kept.
    """
    _check_ends(graph)
    for tensor in graph.tensors:
        _check_tensor(tensor)
    _check_order(graph)
    open_shapes: set[int] = set()
    settling = Settling(graph)
    for index, operator in enumerate(graph.operators):
        case = Case(settling.graph, index, operator, settling.is_resized(operator))
        rule = RULES.get(operator.name)
        shapes = _check_operator(case, rule, open_shapes) if rule else None
        settling.settle(case, shapes)
        open_shapes.update(t for t in operator.outputs if not settling.graph.tensors[t].is_fixed)
    return settling.result()


def _check_ends(graph: Graph) -> None:
    if not (graph.operators and graph.inputs and graph.outputs):
        raise Broken("a network needs operators, inputs and outputs")
    count = len(graph.tensors)
    for what, tensors in (("inputs", graph.inputs), ("outputs", graph.outputs)):
        if not all(0 <= t < count for t in tensors):
            raise Broken(f"network {what} {tensors} of {count} tensors")
    if len(set(graph.inputs)) < len(graph.inputs):
        raise Broken(f"network inputs {graph.inputs}: one is named twice")
    for tensor in (graph.tensors[t] for t in graph.inputs):
        if 0 in tensor.shape:
            raise Broken(f"the input {tensor.name!r} of shape {tensor.shape} is empty")
        if tensor.is_constant:
            raise Broken(
                f"{tensor.name!r} is an input of the network and a constant; it cannot be both"
            )


def _check_tensor(tensor: Tensor) -> None:
    if tensor.bytes > MOST_BYTES:
        raise Broken(
            f"tensor {tensor.name!r} of shape {tensor.shape} has {tensor.bytes} bytes; up to "
            f"{MOST_BYTES} are read"
        )
    quantization = tensor.quantization
    if quantization is None:
        return
    scales, zeros = quantization.scales, quantization.zero_points
    if len(zeros) != len(scales):
        raise Broken(
            f"tensor {tensor.name!r} has {len(scales)} scales and {len(zeros)} zero points"
        )
    # Weights of a channel that is zero have any scale
    least = 0.0 if tensor.is_constant else _LEAST_SCALE
    for scale in scales.tolist():
        if not least <= scale <= _MOST_SCALE:
            raise Broken(
                f"tensor {tensor.name!r} has the scale {scale!r}; a number from {least:.1g} to "
                f"{_MOST_SCALE:.1g} is expected"
            )
    low, high = _RANGES.get(tensor.dtype, (-(2**63), 2**63 - 1))
    if len(zeros) and not low <= int(zeros.min()) <= int(zeros.max()) <= high:
        odd = next(int(z) for z in zeros if not low <= z <= high)
        raise Broken(
            f"tensor {tensor.name!r} of {tensor.dtype} has the zero point {odd}; {low} to {high} "
            "are expected"
        )


def _check_order(graph: Graph) -> None:
    """Every index is of a tensor; what is read was written before; nothing is written twice."""
    count = len(graph.tensors)
    known = {t for t, tensor in enumerate(graph.tensors) if tensor.is_constant} | set(graph.inputs)
    for index, operator in enumerate(graph.operators):
        label = f"operator {index} ({operator.name})"
        if not operator.outputs or not all(0 <= t < count for t in operator.outputs):
            raise Broken(f"{label} writes {operator.outputs} of {count} tensors")
        if not all(-1 <= t < count for t in operator.inputs):
            raise Broken(f"{label} reads {operator.inputs} of {count} tensors")
        for t in operator.inputs:
            if t >= 0 and t not in known:
                raise Broken(
                    f"{label} reads {graph.tensors[t].name!r}, which no operator before it writes"
                )
        for t in operator.outputs:
            made = graph.tensors[t]
            if t in known and 0 in made.shape:
                raise Broken(f"{label}: {made.name!r} of shape {made.shape} is empty")
            if t in known:
                raise Broken(f"{label} writes {made.name!r}, which is written or given already")
            known.add(t)
    for t in graph.outputs:
        if t not in known:
            raise Broken(f"the output {graph.tensors[t].name!r} is not written by any operator")


def _check_operator(case: Case, rule: Rule, open_shapes: set[int]) -> Sequence[Shape] | None:
    """Gives the shapes of the outputs where they follow from the inputs."""
    low, high = rule.inputs
    reads, writes = case.operator.inputs, case.operator.outputs
    case.expect(low <= len(reads) <= high, f"{len(reads)} inputs; {many(low, high)} expected")
    case.expect(
        all(t >= 0 for t in reads[:low]), f"inputs {reads}: the first {low} cannot be left out"
    )
    biased = case.operator.name in FILTER_RANK
    case.expect(biased or min(reads) >= 0, f"inputs {reads}: none of them can be left out")
    case.expect(
        rule.outputs is None or len(writes) == rule.outputs,
        f"{len(writes)} outputs; {rule.outputs} expected",
    )
    attributes = case.operator.attributes
    case.expect(
        isinstance(attributes, rule.attributes),
        f"no options, or those of another operator; {rule.attributes.__name__} is expected",
    )
    if isinstance(attributes, (Split, Unpack)):  # LiteRT writes this number, present or not
        case.expect(
            attributes.count in (0, len(writes)),
            f"{attributes.count} parts; it has {len(writes)} outputs",
        )
    for name, value in vars(attributes).items():
        case.expect(
            not isinstance(value, float) or abs(value) <= _MOST_SCALE,
            f"{name} is {value}; a number up to {_MOST_SCALE:.1g} is expected",
        )
    if rule.scaled:
        _check_scales(case)
    if open_shapes.intersection((*reads, *writes)):
        return None  # the file leaves these shapes to the runtime
    for tensor in (*case.tensors(), *case.outputs):
        # Sizes or axes, which a single number does not have
        named = tensor.is_constant and tensor.quantization is None
        case.expect(
            named or 0 not in tensor.shape, f"{tensor.name!r} of shape {tensor.shape} is empty"
        )
    if rule.typed is not None:
        case.expect_same_type(*case.tensors()[slice(*rule.typed)], *case.outputs)
    shapes = rule.check(case)
    for tensor, shape in zip(case.outputs, shapes or ()):
        case.expect(
            case.settles or tensor.shape == tuple(shape),
            f"{tensor.name!r} has the shape {tensor.shape}; {tuple(shape)} follows from its inputs",
        )
    return shapes


def _check_scales(case: Case) -> None:
    """8-bit operands have scales, and what is not weights has none of zero, by which others are
    divided."""
    weights = case.input(1) if case.operator.name in FILTER_RANK else None
    for tensor in (*case.tensors(), *case.outputs):
        if tensor.dtype in ("int8", "uint8") and tensor is not weights:
            scales = () if tensor.quantization is None else tensor.quantization.scales.tolist()
            case.expect(len(scales) > 0, f"{tensor.name!r} of {tensor.dtype} without a scale")
            case.expect(
                min(scales) >= _LEAST_SCALE,
                f"{tensor.name!r} has the scale {min(scales)!r}; {_LEAST_SCALE:.1g} or more is "
                "expected",
            )


def many(low: int, high: int) -> str:
    """How many inputs, in words."""
    if high > 1 << 10:
        return f"{low} or more"
    return str(low) if low == high else f"{low} to {high}"
