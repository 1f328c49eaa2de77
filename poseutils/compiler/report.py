"""Tables of a compiled network: its layers and tensors, and what the passes changed."""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import Any

from .compile import Compiled
from .graph import Graph, Operator, Tensor, layers, readers
from .lowering.layer import Program
from .memory.arena import Arena
from .memory.buffers import Place
from .memory.planner import occupied
from .rows import row_count


def change_rows(before: Graph, after: Graph, program: Program) -> list[dict[str, Any]]:
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
    old = Counter(op.name for op in before.operators)
    new = Counter(op.name for op, calls in program.steps if calls)
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
    """What the passes did with an operator of the file; empty if it runs unchanged."""
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
    return "dead"


def _sentence(fates: Counter[str]) -> str:
    return ", ".join(f"{count} {fate}" for fate, count in sorted(fates.items()))


def layer_rows(compiled: Compiled) -> list[dict[str, Any]]:
    """One row an operator of the folded network: as :func:`poseutils.compiler.graph.layers`, and
    input_shapes (of activations), offset (of its output in the arena), arena_bytes (in use while it
    runs) and scratch_bytes (of these, what it works in)."""
    rows, graph, arena = layers(compiled.graph), compiled.graph, compiled.arena
    usage, scratch, addresses = occupied(arena.storage.buffers), arena.scratch, arena.addresses
    for row, operator in zip(rows, graph.operators):
        row["input_shapes"] = [
            graph.tensors[t].shape
            for t in operator.inputs
            if t >= 0 and not graph.tensors[t].is_constant
        ]
        row["offset"] = addresses[operator.outputs[0]][0]
        first, last = arena.timeline.span_of([row["index"]])
        row["arena_bytes"] = max(usage[step] for step in range(first, last + 1))
        row["scratch_bytes"] = scratch.get(row["index"], (0, 0))[1]
    return rows


def tensor_rows(arena: Arena) -> list[dict[str, Any]]:
    """One row an activation tensor, and one for the scratch of an operator or segment.

    Of each: tensor (name), shape (None for scratch), made_by (operator, None for inputs and
    scratch), read_by (operators; of scratch, those that work in it), offset, bytes, rows (that a
    ring of it has, None for a whole tensor), and its live range, begin and end, in operators: those
    of a segment take turns between its begin and its end. Tensors that are side by side, column by
    column, are listed as if they followed each other.
    """
    graph, rows = arena.timeline.graph, []
    reads = arena.timeline.access.readers
    makers = {t: index for index, op in enumerate(graph.operators) for t in op.outputs}
    for index, place in arena.storage.places.items():
        tensor, live = graph.tensors[index], arena.timeline.live[index].span
        offset = arena.plan.offsets[place.buffer] + _listed_offset(tensor, place)
        count = row_count(tensor)
        bytes_ = tensor.bytes // count * (place.ring or count)
        row = {"tensor": tensor.name, "offset": offset, "bytes": bytes_, "rows": place.ring}
        row |= {"shape": tensor.shape, "made_by": makers.get(index)}
        row["read_by"] = sorted(set(reads.get(index, ())))
        rows.append(row | _live(arena, *live))
    for buffer, operators in _scratch_of(arena).items():
        made = arena.storage.buffers[buffer]
        row = {"tensor": "scratch", "offset": arena.plan.offsets[buffer], "bytes": made.size}
        row |= {"rows": None, "shape": None, "made_by": None, "read_by": operators}
        rows.append(row | _live(arena, made.first, made.last))
    return rows


def _scratch_of(arena: Arena) -> dict[int, list[int]]:
    """The operators of each buffer that is scratch."""
    found: dict[int, list[int]] = {}
    for index, buffer in sorted(arena.storage.scratch.items()):
        found.setdefault(buffer, []).append(index)
    return found


def _listed_offset(tensor: Tensor, place: Place) -> int:
    """In a buffer, with the columns of the base buffer one after the other."""
    wide = place.row_stride * tensor.item_bytes
    own = tensor.bytes // max(1, prod(tensor.shape[:-1]))
    if own == wide:
        return place.offset
    row, column = divmod(place.offset - place.base_offset, wide)
    return place.base_offset + column * (place.base_bytes // wide) + row * own


def frame_rows(arena: Arena, frames: int = 5) -> list[dict[str, Any]]:
    """The rows in memory at some moments of the segment that holds the peak; none without segments.

    Of each frame and image: frame, image (the layer that computes it), rows (that it has), first
    and last (in memory), None where none is.
    """
    timeline, usage = arena.timeline, occupied(arena.storage.buffers)
    found = []
    for begin, end in timeline.schedule.segments:
        first, last = timeline.span_of(range(begin, end))
        found.append((max(usage[step] for step in range(first, last + 1)), begin, end, first, last))
    if not found:
        return []
    _, begin, end, first, last = max(found)
    read = {t for i in range(begin, end) for t in timeline.access.reads[i] or {}}
    made = {t for i in range(begin, end) for t in timeline.access.outputs[i]}
    images = sorted(t for t in read | made if row_count(arena.timeline.graph.tensors[t]) > 1)
    images.sort(key=lambda t: timeline.access.producer.get(t, -1))
    steps = [first + (last - first) * (n + 1) // (frames + 1) for n in range(frames)]
    return [_frame(arena, number, step, t) for number, step in enumerate(steps) for t in images]


def _frame(arena: Arena, number: int, step: int, tensor: int) -> dict[str, Any]:
    timeline = arena.timeline
    live, layer = timeline.live[tensor], timeline.access.producer.get(tensor, -1)
    alive = ((live.first <= step) & (step <= live.last)).nonzero()[0].tolist()
    return {
        "frame": number,
        "image": "input" if layer < 0 else f"{layer} {timeline.graph.operators[layer].name}",
        "rows": len(live.first),
        "first": alive[0] if alive else None,
        "last": alive[-1] if alive else None,
    }


def _live(arena: Arena, first: int, last: int) -> dict[str, float]:
    """A live range in steps, both included, as begin and end in operators."""
    timeline = arena.timeline
    return {"begin": timeline.in_operators(first), "end": timeline.in_operators(last + 1)}
