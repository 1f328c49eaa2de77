"""The README of an exported folder."""

from __future__ import annotations

import re
import shlex

from .. import __version__
from ..compiler.compile import Compiled
from ..compiler.cost_model import cores, instructions, unmeasured
from ..compiler.emit.line_breaks import markdown
from ..compiler.emit.naming import tensor_labels
from ..compiler.footprint import float_operators, footprint, layer_bytes, measured_with
from ..compiler.graph import Graph, Tensor
from ..decoders import ONE_PERSON_TYPES
from ..decoders.options import Head
from ..markdown import code, escaped, table
from ..models.zoo import entry_with
from .bundle import SOURCES
from .decoder_c import Decoding, decoder_function
from .file_headers import purposes
from .image_input import input_in_python, input_in_words
from .linux.bundle import FOLDER, takes
from .recognition import PoseType
from .serial.firmware import MAIN, readme_values
from .spec import DeploymentSpec
from .st.app_config import unsupported_reason
from .templates import filled
from .verify.emulator import EMULATED, INSTALL

_DRAWN = (13, 17)
"""Numbers of keypoints whose limbs ST's application draws."""


def readme_text(
    spec: DeploymentSpec,
    compiled: Compiled,
    decoding: Decoding | None,
    files: list[str],
    notes: list[str],
) -> str:
    """The README, in Markdown.

    Args:
        files: the names in the folder.
        notes: sentences about what is missing or replaced.
    """
    words = ["pose" if spec.pose else "plain", "tflite" if spec.is_tflite else "onnx"]
    words += ["pushed" if compiled.is_pushed else "whole"]
    words += ["serial"] if f"{SOURCES}/serial/pose_serial.c" in files else []
    words += ["firmware"] if f"{SOURCES}/{MAIN}" in files else []
    graph = compiled.graph
    taken = graph.tensors[graph.inputs[0]]
    values = {
        "name": spec.name,
        "NAME": spec.name.upper(),
        "file": spec.file_name,
        "source": escaped(spec.source),
        "board": spec.board.name,
        "core": f"{spec.board.core}, {spec.board.mhz} MHz",
        "license": _license(spec),
        "files": _contents(spec, files),
        "absent": " ".join([*notes, *_absent(spec)]),
        "fit": _fit(spec),
        "memory": _memory(spec, compiled, decoding),
        "cores": _by_core(spec, compiled),
        "compiler": measured_with(),
        "estimated": _estimated(compiled),
        "floats": _floats(spec, compiled),
        "tensors": _tensors(spec, compiled),
        "camera": input_in_words(spec, taken),
        "write_inputs": input_in_python(spec, taken),
        "steps": _steps(spec),
        "application": _application(spec, graph, words),
        "install": INSTALL,
        "machines": ", ".join(f"`{key}` ({m.core}, `{m.machine}`)" for key, m in EMULATED.items()),
        **readme_values(spec, compiled, decoding),
        "version": __version__,
        "format": " ".join(
            f"{kind.replace('_', ' ')} {n}" for kind, n in spec.format_version().items()
        ),
        "sha256": spec.sha256,
    }
    if spec.pose:
        words += _pose_words(spec.pose)
        values |= _pose_values(spec, spec.pose)
    text = filled("readme/README.md", values, words)
    return markdown(re.sub(r"\n{3,}", "\n\n", text))


def _head(pose: PoseType) -> Head:
    return pose.spec.head or Head(1, len(pose.layout))


def _pose_words(pose: PoseType) -> list[str]:
    """What kind of outputs it has, by the conditions of the template."""
    if pose.model_type in ONE_PERSON_TYPES:
        return [pose.model_type, "one_person"]
    head = _head(pose)
    if head.end_to_end:
        return ["yolo_detections"]
    return [pose.model_type if head == Head(1, head.keypoints) else "yolo_classes"]


def _pose_values(spec: DeploymentSpec, pose: PoseType) -> dict[str, str]:
    height, width = spec.input_size
    confidence = spec.thresholds.confidence
    return {
        "model_type": pose.model_type,
        "keypoints": str(len(pose.layout)),
        "layout": escaped(pose.layout.name),
        "height": str(height),
        "width": str(width),
        "unit": ", from 0 to 1 of the input" if pose.normalized else ", in pixels of the input",
        "classes": str(_head(pose).classes),
        "columns": str(_head(pose).columns),
        "no_person": f"; up to {confidence:g} there is no person" if confidence else "",
    }


def _license(spec: DeploymentSpec) -> str:
    entry = entry_with(spec.sha256)
    return f" License of the model: {entry.license}." if entry else ""


def _contents(spec: DeploymentSpec, files: list[str]) -> str:
    meaning = purposes(spec)
    ordered = sorted(files, key=lambda name: "/" in name)
    lines = [f"- `{name}`: {meaning[name]}" for name in ordered if name in meaning]
    kinds = "kernels and decoder" if spec.pose else "kernels"
    lines.append(
        f"- the other files of `{SOURCES}/`: {kinds}, the same for every network. `*_dsp.c` "
        "(Cortex-M4 and M7) and `*_helium.c` (Cortex-M55) have the functions of `*_plain.c`, and "
        "compile to nothing on other cores"
    )
    if any(name.startswith("poseutils/") for name in files):
        lines.append("- `poseutils/`: the decoders and what they import")
    return "\n".join(lines)


def _absent(spec: DeploymentSpec) -> list[str]:
    """Why files that a reader may look for are not there."""
    if spec.board.linux:
        if takes(spec):
            return []
        return ["There is no `predict.py`: it takes a pose network as a .tflite."]
    reason = unsupported_reason(spec)
    if reason:
        return [f"There is no `app_config.h`: {reason}."]
    if spec.pose is None or len(spec.pose.layout) in _DRAWN:
        return []
    return [
        "ST's application draws the limbs of 13 and of 17 keypoints; to see those of "
        f"{len(spec.pose.layout)}, add them to its drawing code (`manifest.json` lists them)."
    ]


def _fit(spec: DeploymentSpec) -> str:
    cost, fit = spec.cost(), spec.fit()
    size = (
        f"{cost['parameters']:,} parameters, {cost['macs'] / 1e6:.0f} million multiply-accumulates "
        "per image."
    )
    if spec.board.linux:
        return f"{size} The board {fit.reason}."
    verdict = {
        "internal": "fits in the chip's own memory",
        "external": "fits with the board's external memory",
        "no": "does not fit",
    }
    return (
        f"{size} The network {verdict[fit.verdict]}: {fit.reason}. Activations are the peak of "
        "live tensors of the model file; other runtimes may need less or more. As C, without the "
        "application's buffers and code:"
    )


def _memory(spec: DeploymentSpec, compiled: Compiled, decoding: Decoding | None) -> str:
    rows = [
        (
            "RAM",
            "arena",
            compiled.plan.size,
            _held(compiled),
        ),
        (
            "RAM",
            f"`{spec.name}_poses`",
            decoding.poses_bytes if decoding else 0,
            "the keypoints, and scratch of the decoder",
        ),
        ("flash", "constants", compiled.flash_bytes, "weights, biases, multipliers, tables"),
        ("flash", "layers", layer_bytes(compiled), "sizes, strides and addresses of each operator"),
    ]
    return _table(
        ("memory", "what", "bytes", "holds"),
        [
            (where, what, "not measured" if size is None else f"{size:,}", holds)
            for where, what, size, holds in rows
            if size != 0
        ],
    )


def _held(compiled: Compiled) -> str:
    """What the arena holds, and how many bytes layers that take turns save."""
    held = "all tensors and scratch, inputs and outputs included"
    if compiled.is_pushed:
        held = (
            "all tensors and scratch, the outputs and the rows of the input that are read included"
        )
    if not compiled.arena.timeline.schedule.segments:
        return held
    return (
        f"{held}; layers take turns row by row, one after the other they would need "
        f"{compiled.layerwise.plan.size:,}"
    )


def _by_core(spec: DeploymentSpec, compiled: Compiled) -> str:
    decoder = decoder_function(spec.pose.model_type) if spec.pose else None
    measured = {core: footprint(compiled, core, decoder) for core in cores()}
    sizes = {"code in flash, bytes": "code_bytes", "stack, bytes": "stack_bytes"}
    rows = [
        (what, *(f"{getattr(m, size):,}" if m else "not measured" for m in measured.values()))
        for what, size in sizes.items()
    ]
    millions = (f"{sum(instructions(compiled, core)) / 1e6:.1f}" for core in measured)
    return _table(("", *measured), [*rows, ("instructions, millions", *millions)])


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return table(head, rows, [False] * len(head))


def _estimated(compiled: Compiled) -> str:
    unknown = sorted({kind for core in cores() for kind in unmeasured(compiled, core)})
    return (
        f" An average is used for operators without counts: {', '.join(unknown)}."
        if unknown
        else ""
    )


def _floats(spec: DeploymentSpec, compiled: Compiled) -> str:
    found = float_operators(compiled)
    named = ", ".join(f"{name} ({count})" for name, count in found.items())
    inside = "No operator computes in floats."
    if found:
        inside = f"Operators that compute in floats: {named}."
    return inside + (" The decoder computes in floats." if spec.pose else "")


def _tensors(spec: DeploymentSpec, compiled: Compiled) -> str:
    """The tensors of the C code, and of the model file where they differ."""
    graph = compiled.graph
    offsets = {t: f"{compiled.arena.addresses[t][0]:,}" for t in (*graph.inputs, *graph.outputs)}
    rows = _tensor_rows("", graph, offsets)
    in_file = _tensor_rows("model file, ", spec.graph, {})
    if [row[1:7] for row in rows] != [row[1:7] for row in in_file]:
        rows += in_file
    head = ("", "name", "shape", "type", "bytes", "scale", "zero point", "offset in the arena")
    return (
        f"{_table(head, rows)}\n\nReal values are scale × (q - zero point). "
        f"`{SOURCES}/{spec.name}.h` has the numbers as macros."
    )


def _tensor_rows(where: str, graph: Graph, offsets: dict[int, str]) -> list[tuple[str, ...]]:
    labels = tensor_labels(graph)
    return [
        (
            f"{where}{side} {number}",
            code(labels[t]),
            "×".join(map(str, graph.tensors[t].shape)),
            graph.tensors[t].dtype,
            f"{graph.tensors[t].bytes:,}",
            *_quantization(graph.tensors[t]),
            offsets.get(t, ""),
        )
        for side, indices in (("input", graph.inputs), ("output", graph.outputs))
        for number, t in enumerate(indices)
    ]


def _quantization(tensor: Tensor) -> tuple[str, str]:
    if tensor.quantization is None or tensor.dtype == "float32":
        return "", ""
    return repr(float(tensor.scale)), str(tensor.zero_point)


def _steps(spec: DeploymentSpec) -> str:
    """What to do with the model file on the board."""
    values = {"name": spec.name, "file": spec.file_name, "target": spec.board.target or ""}
    deployment = spec.config.deployment
    if spec.board.linux:
        if not takes(spec):
            return ""
        values |= {
            "address": "" if deployment.hardware_setup.ip_address else " root@BOARD_ADDRESS",
            "folder": shlex.quote(deployment.board_deploy_path or FOLDER),
        }
        return filled("readme/linux.md", values)
    has_config = unsupported_reason(spec) is None
    if not spec.board.npu:
        reference = " `app_config.h`, of ST's application for the STM32N6, serves as a reference."
        values |= {
            "optimization": spec.config.tools.stedgeai.optimization,
            "reference": reference if has_config else "",
        }
        return filled("readme/st_mcu.md", values)
    serial, project = deployment.hardware_setup.stlink_serial_number, deployment.c_project_path
    values |= {
        "configuration": ", and `app_config.h` into its `Inc/` folder" if has_config else "",
        "project": f" ({code(project)})" if project else "",
        "serial": f" Select the board by its serial number ({code(f'sn={serial}')})."
        if serial
        else "",
    }
    return filled("readme/st_n6.md", values)


def _application(spec: DeploymentSpec, graph: Graph, words: list[str]) -> str:
    write = f"        write_input({spec.name}_input(&network, {{}}));"
    inputs = "\n".join(write.format(number) for number in range(len(graph.inputs)))
    values = {"name": spec.name, "NAME": spec.name.upper(), "write_inputs": inputs}
    return filled("readme/application.c", values, words).rstrip()
