"""What folding made of the operators of a file, for people to read."""

from __future__ import annotations

from collections import Counter

from .graph import Graph, Operator
from .lowering.layer import Program
from .passes.fusion import readers


def change_rows(before: Graph, after: Graph, program: Program) -> list[dict]:
    """One row a kind of operator: operator, before (how many the file has), after (how many the C
    code runs), folded (where the others went)."""
    kept = {op.outputs[0]: op for op in after.operators}
    moving = {op.outputs[0]: bool(calls) for op, calls in program.steps}
    reads = readers(before)
    fates: dict[str, Counter[str]] = {}
    for operator in before.operators:
        fate = _fate(before, operator, kept, moving, reads)
        if fate:
            fates.setdefault(operator.name, Counter())[fate] += 1
    old, new = (
        Counter(op.name for op in before.operators),
        Counter(op.name for op, calls in program.steps if calls),
    )
    names = dict.fromkeys(
        [op.name for op in before.operators] + [op.name for op in after.operators]
    )
    return [
        {
            "operator": n,
            "before": old[n],
            "after": new[n],
            "folded": _sentence(fates.get(n, Counter())),
        }
        for n in names
    ]


def _fate(
    before: Graph,
    operator: Operator,
    kept: dict[int, Operator],
    moving: dict[int, bool],
    reads: dict[int, list[int]],
) -> str:
    """Where an operator of the file went; empty if it runs as it is."""
    output = operator.outputs[0]
    if output in kept:
        if kept[output].name != operator.name:
            return f"into {kept[output].name}"
        return "" if moving[output] else "in place already"
    if operator.name == "QUANTIZE" and operator.inputs[0] in before.inputs:
        return "left to the application"
    if operator.name == "DEQUANTIZE" and output in before.outputs:
        return "left to the application"
    return _reader_of(before, output, kept, reads)


def _reader_of(
    before: Graph, tensor: int, kept: dict[int, Operator], reads: dict[int, list[int]]
) -> str:
    """The first operator downstream that is still there, which does the work of those that are
    not."""
    while reads.get(tensor):
        tensor = before.operators[reads[tensor][0]].outputs[0]
        if tensor in kept:
            return f"into {kept[tensor].name}"
    return "nobody reads it"


def _sentence(fates: Counter[str]) -> str:
    return ", ".join(f"{count} {fate}" for fate, count in sorted(fates.items()))
