"""The calls that compute the layers, and the loops over rows of those that take turns."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from ..compile import Compiled
from ..lowering.layer import row_offset
from ..rows import row_count
from .c_text import c_comment, c_string


def layer_lines(compiled: Compiled, index: int, labels: list[str]) -> list[str]:
    """What computes an operator, or in a segment a row of it."""
    graph, addresses = compiled.graph, compiled.arena.addresses
    operator, calls = compiled.program.steps[index]
    label = labels[operator.outputs[0]]
    shape = "x".join(map(str, graph.tensors[operator.outputs[0]].shape))
    where = "" if calls else ": in place already"
    lines = [f"/* {index} {c_comment(operator.name)} -> {label} {shape}{where} */"]
    lines.append(f"LAYER({index}, {c_string(f'{operator.name} {label}')});")
    lines += calls
    in_rows = index in compiled.arena.timeline.schedule.segment_of
    for tensor in operator.outputs:
        (offset, place), made = addresses[tensor], graph.tensors[tensor]
        count, item = row_count(made) if in_rows else 1, made.item_bytes
        lines_, step = prod(made.shape[:-1]) // count, place.row_stride * item
        columns = made.shape[-1] if made.shape else 1
        row = row_offset(place.ring, lines_ * step) if in_rows else ""
        lines.append(f"COMPUTED({tensor}, {offset}{row}, {lines_}, {columns * item}, {step});")
    return lines


def segment_functions(compiled: Compiled, name: str, labels: list[str]) -> Iterator[str]:
    """For each segment a function that runs its operators row by row."""
    for number, (begin, end) in enumerate(compiled.arena.timeline.schedule.segments):
        order = compiled.program.orders[number]
        size = len(compiled.program.arrays[order])
        cases = "\n".join(_case(compiled, index, begin, labels) for index in range(begin, end))
        waits = number == 0 and compiled.arena.timeline.schedule.waits_for_rows
        yield f"""/* Layers {begin} to {end - 1} take turns: each entry of the order is one of them,
 * which computes its next row just before another one reads it. Of results that only they read, a
 * ring of rows is kept. */
static void run_segment_{number}({"" if waits else "const "}{name}_context *context)
{{
    uint8_t *const arena = context->arena;
{_turns(order, size, end - begin, waits)}{_unused(compiled, begin, end)}        switch (layer) {{
{cases}
        default:
            break;
        }}
    }}
}}

"""


def _turns(order: str, size: int, layers: int, waits: bool) -> str:
    """The loop over the order of a segment; one that ``waits`` for rows of the input goes on where
    it was, until the next one is missing."""
    if not waits:
        return f"""    int32_t rows[{layers}] = {{0}};
    for (int32_t turn = 0; turn < {size}; turn++) {{
        const int32_t layer = {order}[turn], y = rows[layer]++;
"""
    return f"""    for (; context->turn < {size}; context->turn++) {{
        const int32_t layer = {order}[context->turn], y = context->rows[layer];
        if (layer == {layers} && y == context->pushed) {{
            return; /* for the next row of the input */
        }}
        context->rows[layer]++;
"""


def _unused(compiled: Compiled, begin: int, end: int) -> str:
    """What no call of a segment uses: the arena if all is in place, the row if one is kept."""
    calls = " ".join(call for _, calls in compiled.program.steps[begin:end] for call in calls)
    unused = [name for name, use in (("arena", "AT("), ("y", " y")) if use not in calls]
    return "".join(f"        (void){name};\n" for name in unused)


def _case(compiled: Compiled, index: int, begin: int, labels: list[str]) -> str:
    lines = layer_lines(compiled, index, labels)
    reason = _ring(compiled, index)
    lines[1:1] = [f"/* {reason} */"] if reason else []
    body = "\n".join(f"            {line}" for line in (*lines, "break;"))
    return f"        case {index - begin}:\n{body}"


def _ring(compiled: Compiled, index: int) -> str:
    """How many rows of a layer's result are kept, and which layers need them; empty if all are."""
    graph, timeline = compiled.graph, compiled.arena.timeline
    tensor = graph.operators[index].outputs[0]
    ring = compiled.arena.addresses[tensor][1].ring
    if ring is None:
        return ""
    reads = []
    for reader in dict.fromkeys(timeline.access.readers.get(tensor, [])):
        ranges = (timeline.access.reads[reader] or {})[tensor]
        most = max(last - first for first, last in ranges)
        reads.append(f"layer {reader} reads {most} at a time")
    why = ", ".join(reads) or "nothing reads them"
    return f"a ring of {ring} of {row_count(graph.tensors[tensor])} rows: {why}"
