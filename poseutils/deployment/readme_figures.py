"""What an exported network takes, for its README: memory, instructions, floats, versions."""

from __future__ import annotations

import hashlib

from .. import __version__
from ..compiler.compile import Compiled
from ..compiler.cost_model import cores, instructions, unmeasured
from ..compiler.footprint import float_operators, footprint, layer_bytes, measured_with
from .decoder_c import decoder_function
from .spec import Spec


def figures(spec: Spec, compiled: Compiled, poses_bytes: int) -> str:
    """The sections, in Markdown.

    Args:
        poses_bytes: of what the decoder gives and works in; 0 without a decoder.
    """
    parts = [
        "## Memory",
        _memory(spec, compiled, poses_bytes),
        "## Code, stack and instructions of each core",
        _by_core(spec, compiled),
        _sources(compiled),
        _floats(spec, compiled),
        _versions(spec),
    ]
    return "\n\n".join(parts)


def _memory(spec: Spec, compiled: Compiled, poses_bytes: int) -> str:
    tables = layer_bytes(compiled)
    rows = [
        (
            "RAM",
            "arena",
            compiled.plan.size,
            "all tensors and scratch buffers, inputs and outputs included",
        ),
        ("RAM", f"`{spec.name}_poses`", poses_bytes, "the keypoints, and what decoding works in"),
        ("flash", "constants", compiled.flash_bytes, "weights, biases, multipliers, tables"),
        ("flash", "layers", tables, "sizes, strides and addresses of each operator"),
    ]
    lines = [
        f"| {where} | {what} | {size if size is None else f'{size:,}'} | {note} |"
        for where, what, size, note in rows
        if size != 0
    ]
    return "| memory | what | bytes | holds |\n|---|---|---|---|\n" + "\n".join(lines).replace(
        "| None |", "| not measured |"
    )


def _by_core(spec: Spec, compiled: Compiled) -> str:
    decoder = decoder_function(spec.model_type) if spec.model_type else None
    taken = {core: footprint(compiled, core, decoder) for core in cores()}
    rows = {
        "code in flash, bytes": [
            f"{made.code_bytes:,}" if made else "not measured" for made in taken.values()
        ],
        "stack, bytes": [
            f"{made.stack_bytes:,}" if made else "not measured" for made in taken.values()
        ],
        "instructions, millions": [
            f"{sum(instructions(compiled, core)) / 1e6:.1f}" for core in taken
        ],
    }
    head = f"| | {' | '.join(taken)} |\n|---|{'---|' * len(taken)}\n"
    return head + "\n".join(f"| {name} | {' | '.join(values)} |" for name, values in rows.items())


def _sources(compiled: Compiled) -> str:
    guessed = sorted({kind for core in cores() for kind in unmeasured(compiled, core)})
    unknown = (
        f" {', '.join(guessed)} were not counted; an average stands in for them." if guessed else ""
    )
    return (
        "Nothing was compiled to write this folder. Code is the sum of the operators that the "
        "network calls, stack that of the deepest calls, each operator as measured once with "
        f"{measured_with()}; what a hook, an interrupt and the C library take comes on top. "
        "Instructions are those of one run, estimated from counts on emulated cores; cycles depend "
        f"on the memory that constants and arena lie in.{unknown}"
    )


def _floats(spec: Spec, compiled: Compiled) -> str:
    found = float_operators(compiled)
    named = ", ".join(f"{name} ({count})" for name, count in found.items())
    inside = (
        f"Operators that compute with floats: {named}."
        if found
        else "No operator computes with floats."
    )
    return inside + (" The decoder computes with floats." if spec.model_type else "")


def _versions(spec: Spec) -> str:
    (format_, version), digest = (
        next(iter(spec.format_version().items())),
        hashlib.sha256(spec.data).hexdigest(),
    )
    file_format = f"{format_.replace('_', ' ')} {version}"
    return f"Versions: poseutils {__version__}, {file_format}, model sha256 `{digest}`."
