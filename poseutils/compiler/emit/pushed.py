"""The C of a network whose input comes row by row, as a camera gives it."""

from __future__ import annotations

from dataclasses import dataclass

from ..compile import Compiled
from ..rows import row_count


@dataclass(frozen=True)
class PushedRows:
    """The rows of the input: how many, the bytes of one, where they lie, and how many of them at a
    time; ``layers`` of the first segment wait for them, or 0 if all rows come before."""

    rows: int
    row_bytes: int
    offset: int
    ring: int
    layers: int

    def fields(self) -> str:
        """What the context remembers."""
        waits = f"    int32_t turn, rows[{self.layers + 1}]; /* how far the first segment is */\n"
        return "    int32_t pushed; /* rows of the image that are there */\n" + (
            waits if self.layers else ""
        )

    def reset(self) -> str:
        """Before the first row of an image."""
        lines = ["context->pushed = 0;"]
        if self.layers:
            lines += ["context->turn = 0;", "memset(context->rows, 0, sizeof context->rows);"]
        return "".join(f"    {line}\n" for line in lines)

    def declarations(self, name: str) -> str:
        """What the header says."""
        upper = name.upper()
        return f"""\
#define {upper}_ROWS {self.rows}
#define {upper}_ROW_BYTES {self.row_bytes}

/* Takes the next row of the input, {upper}_ROW_BYTES bytes, from the top of an image down. With the
 * last of {upper}_ROWS rows the outputs are computed; the row after it begins another image. */
pose_status {name}_push_row({name}_context *context, const void *row);

/* The rows of the image that are still to come; 0 when the outputs are there. */
int32_t {name}_rows_missing(const {name}_context *context);
"""

    def function(self, name: str, body: str) -> str:
        """What takes a row.

        Args:
            body: what is computed after the last row, without the segment that waits for rows.
        """
        upper = name.upper()
        slot = "" if self.ring == self.rows else f" % {self.ring}"
        segment = "    run_segment_0(context); /* as far as the rows allow */\n"
        again = "".join(f"    {line}\n" for line in self.reset().splitlines())
        return f"""pose_status {name}_push_row({name}_context *context, const void *row)
{{
    if (context == NULL || row == NULL) {{
        return POSE_ERROR_NULL;
    }}
    if (context->arena == NULL) {{
        return POSE_ERROR_NOT_INITIALIZED;
    }}
    if (context->pushed == {upper}_ROWS) {{
{again}    }}
    uint8_t *const arena = context->arena;
    memcpy(arena + {self.offset} + context->pushed{slot} * {upper}_ROW_BYTES, row,
           {upper}_ROW_BYTES);
    context->pushed++;
{segment if self.layers else ""}    if (context->pushed < {upper}_ROWS) {{
        return POSE_OK;
    }}
{body}
    return POSE_OK;
}}

int32_t {name}_rows_missing(const {name}_context *context)
{{
    return context == NULL ? {upper}_ROWS : {upper}_ROWS - context->pushed;
}}
"""


def pushed_rows(compiled: Compiled) -> PushedRows | None:
    """The rows of the input; None if it does not come row by row."""
    timeline = compiled.arena.timeline
    if not timeline.access.pushed:
        return None
    (tensor,) = compiled.graph.inputs
    made = compiled.graph.tensors[tensor]
    offset, place = compiled.arena.addresses[tensor]
    rows = row_count(made)
    segments, waits = timeline.schedule.segments, timeline.schedule.waits_for_rows
    layers = segments[0][1] - segments[0][0] if waits else 0
    return PushedRows(rows, made.bytes // rows, offset, place.ring or rows, layers)
