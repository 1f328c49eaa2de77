"""``network.c``, ``network.h`` and the constants: a program as C99 text. The same program gives the
same bytes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..compile import Compiled
from ..graph import Graph, Tensor
from ..lowering.layer import C_TYPES, Fields, Program
from ..memory.buffers import Place
from ..memory.planner import ALIGNMENT
from .layers import layer_lines, segment_functions
from .line_breaks import WIDTH, broken
from .naming import tensor_labels
from .pushed import pushed_rows

_SHARING = (
    "Nothing is written to it here. Outside of the time from writing an input to reading the "
    "outputs it may serve others, such as another network. On an error the context has no arena, "
    "and running it returns POSE_ERROR_NOT_INITIALIZED."
)


def network_files(compiled: Compiled, name: str) -> dict[str, str]:
    """The C files of a network, by name, without what they begin with."""
    graph, program = compiled.graph, compiled.program
    labels = tensor_labels(graph)
    texts = {
        f"{name}.h": network_header(compiled, name, labels),
        f"{name}.c": network_source(compiled, name, labels),
        f"{name}_weights.h": _weights_header(program, name),
        f"{name}_weights.c": _weights_source(program, name),
    }
    return {
        file: text if file.endswith("weights.c") else broken(text) for file, text in texts.items()
    }


def _weights_header(program: Program, name: str) -> str:
    """The declarations of the constants."""
    guard = f"{name.upper()}_WEIGHTS_H"
    lines = [
        f"extern const {C_TYPES[v.dtype.name]} {array}[{v.size}];"
        for array, v in program.arrays.items()
    ]
    return (
        f"#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n\n"
        + "\n".join(lines)
        + "\n\n#endif\n"
    )


def _weights_source(program: Program, name: str) -> str:
    """The constants."""
    parts = [f'#include "{name}_weights.h"\n']
    for array, values in program.arrays.items():
        parts.append(
            f"const {C_TYPES[values.dtype.name]} {array}[{values.size}] = "
            f"{{\n{_numbers(values)}\n}};\n"
        )
    return "\n".join(parts)


def _numbers(values: np.ndarray) -> str:
    flat = values.reshape(-1)
    if flat.dtype.kind == "f":
        words = [float(v).hex() + "f" for v in flat]
    else:
        # The least 32-bit integer has no literal of its own.
        words = ["(-2147483647 - 1)" if v == -(2**31) else str(v) for v in flat.tolist()]
    per_line = WIDTH // (1 + max(map(len, words), default=1))
    return ",\n".join(",".join(words[i : i + per_line]) for i in range(0, len(words), per_line))


def network_header(compiled: Compiled, name: str, labels: list[str]) -> str:
    """What an application includes."""
    graph, arena = compiled.graph, compiled.plan.size
    taken = pushed_rows(compiled)
    upper, guard = name.upper(), f"{name.upper()}_H"
    tensors = [("INPUT", i, graph.tensors[t], labels[t]) for i, t in enumerate(graph.inputs)]
    tensors += [("OUTPUT", i, graph.tensors[t], labels[t]) for i, t in enumerate(graph.outputs)]
    return f"""#ifndef {guard}
#define {guard}

#include <stddef.h>
#include <stdint.h>

#include "pose_network.h"

#ifdef __cplusplus
extern "C" {{
#endif

/* All memory that the network works in, inputs and outputs included; and its alignment. */
#define {upper}_ARENA_BYTES {arena}
#define {upper}_ARENA_ALIGNMENT {ALIGNMENT}

#define {upper}_INPUTS {len(graph.inputs)}
#define {upper}_OUTPUTS {len(graph.outputs)}
#define {upper}_LAYERS {len(graph.operators)}

/* Real values are SCALE * (q - ZERO); where there is no scale, values are real themselves. */
{"".join(_tensor_macros(upper, *each) for each in tensors)}/* Bytes of each input and output. */
extern const int32_t {name}_input_bytes[{len(graph.inputs)}];
extern const int32_t {name}_output_bytes[{len(graph.outputs)}];

/* One instance of the network. Its init fills it; the hooks may be set after that. */
typedef struct {{
    uint8_t *arena;
    pose_layer_hook *before_layer; /* called before each layer, or NULL */
    pose_tensor_hook *after_layer; /* in a debug build, called with each result, or NULL */
    void *user;                    /* what the hooks are given */
{"" if taken is None else taken.fields()}}} {name}_context;

/* Gives an instance its memory: ARENA_BYTES or more at a multiple of ARENA_ALIGNMENT. {_SHARING} */
pose_status {name}_init({name}_context *context, void *arena, size_t bytes);

{_RUN_DECLARED.format(name=name) if taken is None else taken.declarations(name)}
/* Where to read an output after a run. NULL if there is none. */
const void *{name}_output(const {name}_context *context, int32_t index);

#ifdef __cplusplus
}}
#endif

#endif
"""


_RUN_DECLARED = """\
/* Where to write an input before every run, which overwrites it. NULL if there is none. */
void *{name}_input(const {name}_context *context, int32_t index);

/* Computes the outputs. */
pose_status {name}_run(const {name}_context *context);
"""


def _tensor_macros(upper: str, kind: str, index: int, tensor: Tensor, label: str) -> str:
    prefix = f"#define {upper}_{kind}_{index}_"
    lines = [
        f"/* {kind.lower()} {index}: {label}, {tensor.dtype} {'x'.join(map(str, tensor.shape))} */"
    ]
    lines += [
        f"{prefix}TYPE {C_TYPES[tensor.dtype]}",
        f"{prefix}BYTES {tensor.bytes}",
        f"{prefix}ELEMENTS {tensor.elements}",
    ]
    if tensor.quantization is not None and tensor.dtype in ("int8", "uint8"):
        lines.append(f"{prefix}SCALE {float(tensor.quantization.scales[0])!r}f")
        lines.append(f"{prefix}ZERO ({int(tensor.quantization.zero_points[0])})")
    return "\n".join(lines) + "\n\n"


def network_source(compiled: Compiled, name: str, labels: list[str]) -> str:
    """The layers, and ``network_run``: a call an operator, or a function a segment of operators
    that run row by row.

    Args:
        labels: of :func:`tensor_labels`.
    """
    graph, program, addresses = compiled.graph, compiled.program, compiled.arena.addresses
    upper, taken = name.upper(), pushed_rows(compiled)
    structs = "\n".join(_struct(*each) for each in program.structs)
    segments = "".join(segment_functions(compiled, name, labels))
    body = "\n".join(_body(compiled, name, labels))
    text = "" if taken is None else "#include <string.h>\n\n"
    return f"""#include "{name}.h"

{text}#include "{name}_weights.h"
#include "pose_kernels.h"

#define AT(type, offset) ((type *)(void *)(arena + (offset)))

#ifdef POSE_LAYER_NAMES
#define LAYER(index, name) before_layer(context, index, name)
#else
#define LAYER(index, name) before_layer(context, index, NULL)
#endif

#ifdef {upper}_DEBUG
#define COMPUTED(tensor, offset, rows, row_bytes, stride_bytes) \\
    after_layer(context, tensor, arena + (offset), rows, row_bytes, stride_bytes)
#else
#define COMPUTED(tensor, offset, rows, row_bytes, stride_bytes) ((void)0)
#endif

const int32_t {name}_input_bytes[] = {{{_bytes(graph, graph.inputs)}}};
const int32_t {name}_output_bytes[] = {{{_bytes(graph, graph.outputs)}}};

{structs}

pose_status {name}_init({name}_context *context, void *arena, size_t bytes)
{{
    if (context == NULL) {{
        return POSE_ERROR_NULL;
    }}
    context->arena = NULL;
    context->before_layer = NULL;
    context->after_layer = NULL;
    context->user = NULL;
{"" if taken is None else taken.reset()}    if (arena == NULL) {{
        return POSE_ERROR_NULL;
    }}
    if (bytes < {upper}_ARENA_BYTES) {{
        return POSE_ERROR_ARENA_SIZE;
    }}
    if ((uintptr_t)arena % {upper}_ARENA_ALIGNMENT != 0) {{
        return POSE_ERROR_ARENA_ALIGNMENT;
    }}
    context->arena = arena;
    return POSE_OK;
}}

static uint8_t *place(const {name}_context *context, const int32_t *offsets, int32_t count,
                      int32_t index)
{{
    const int there = context != NULL && context->arena != NULL && index >= 0 && index < count;
    return there ? context->arena + offsets[index] : NULL;
}}

{_pointer(graph.inputs, addresses, f"void *{name}_input", name, "INPUTS") if taken is None else ""}
{_pointer(graph.outputs, addresses, f"const void *{name}_output", name, "OUTPUTS")}
static void before_layer(const {name}_context *context, int32_t layer, const char *layer_name)
{{
    if (context->before_layer != NULL) {{
        context->before_layer(context->user, layer, layer_name);
    }}
}}

#ifdef {upper}_DEBUG
static void after_layer(const {name}_context *context, int32_t tensor, const void *values,
                        int32_t rows, int32_t row_bytes, int32_t stride_bytes)
{{
    if (context->after_layer != NULL) {{
        context->after_layer(context->user, tensor, values, rows, row_bytes, stride_bytes);
    }}
}}
#endif

{segments}{_run(name, body) if taken is None else taken.function(name, body)}"""


def _run(name: str, body: str) -> str:
    """The function that computes all."""
    return f"""pose_status {name}_run(const {name}_context *context)
{{
    if (context == NULL) {{
        return POSE_ERROR_NULL;
    }}
    if (context->arena == NULL) {{
        return POSE_ERROR_NOT_INITIALIZED;
    }}
    uint8_t *const arena = context->arena;
    (void)arena; /* unused where everything is in place already */
{body}
    return POSE_OK;
}}
"""


def _bytes(graph: Graph, tensors: tuple[int, ...]) -> str:
    return ", ".join(str(graph.tensors[t].bytes) for t in tensors)


def _pointer(
    tensors: tuple[int, ...],
    addresses: dict[int, tuple[int, Place]],
    declaration: str,
    name: str,
    count: str,
) -> str:
    offsets = ", ".join(str(addresses[t][0]) for t in tensors)
    return f"""{declaration}(const {name}_context *context, int32_t index)
{{
    static const int32_t offsets[] = {{{offsets}}};
    return place(context, offsets, {name.upper()}_{count}, index);
}}
"""


def _struct(kind: str, name: str, fields: Fields) -> str:
    """A layer's constants, a field a line."""
    lines = "".join(f"    .{field} = {_value(value)},\n" for field, value in fields.items())
    return f"static const {kind} {name} = {{\n{lines}}};"


def _body(compiled: Compiled, name: str, labels: list[str]) -> Iterator[str]:
    """The operators that run alone, and calls of the segments."""
    schedule = compiled.arena.timeline.schedule
    begins = {begin: number for number, (begin, _) in enumerate(schedule.segments)}
    for index in range(len(compiled.graph.operators)):
        if index in begins:
            if begins[index] > 0 or not schedule.waits_for_rows:
                yield f"    run_segment_{begins[index]}(context);"
        elif index not in schedule.segment_of:
            yield "\n".join(f"    {line}" for line in layer_lines(compiled, index, labels))


def _value(value: object) -> str:
    """A field's value in C."""
    if isinstance(value, dict):
        return "{" + ", ".join(f".{name} = {_value(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(map(_value, value)) + "}"
    return str(value)
