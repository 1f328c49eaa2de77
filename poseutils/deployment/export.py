"""Exports a network for a board: one folder with the model, the network as C, the configuration of
ST's application, labels, a README and a manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .. import __version__
from ..compiler.compile import Compiled, compile_graph
from ..compiler.emit.kernels import kernel_files
from ..compiler.emit.naming import symbol_name
from ..compiler.emit.network import network_files
from ..compiler.graph import Graph, Tensor
from ..compiler.passes import IO
from ..compiler.report import change_rows, frame_rows, layer_rows, tensor_rows
from ..config import Config
from ..errors import PoseError
from ..files import given_path, read_text, sha256
from ..markdown import escaped
from ..models import Model
from ..models.loading import find_file
from ..models.networks.metadata import metadata_of
from .boards import find_board
from .bundle import SOURCES, Bundle, ExportReport
from .decoder_c import Decoding, decoder_files, decoding_of, poses_header, poses_source
from .file_headers import headed
from .linux.bundle import linux_files
from .output_folder import MAKER, MANIFEST, replaced_folder
from .readme import readme_text
from .recognition import PoseType, pose_type, recognized
from .serial.firmware import MAIN, serial_files, why_no_firmware
from .spec import DeploymentSpec, read_deployable
from .st.app_config import app_config_text, unsupported_reason
from .templates import filled
from .verify.emulator import EMULATED, linker_script

INPUTS = ("whole", "pushed")
"""How the C code takes an image."""


def export(
    model: Model | str | Path,
    out_dir: str | Path,
    board: str | None = None,
    config: Config | None = None,
    io: str = "quantized",
    name: str | None = None,
    model_type: str | None = None,
    memory: str = "least",
    input: str = "whole",
    budget_kib: float | None = None,
) -> Bundle:
    """Writes a network as C99, with everything to compile it and to use it on a board.

    A pose network comes with its decoder. A loaded model is one, and so are those of the zoo; the
    outputs of any other file must match exactly one model type, and its number of keypoints a known
    layout, unless ``model_type`` is given. Everything else becomes C without a decoder, see
    :attr:`Bundle.model_type`.

    The results of a .tflite are bit-identical to those of LiteRT's reference kernels. A QDQ .onnx
    becomes the same integer operators: given the same 8-bit inputs, each is within one step of ONNX
    Runtime without graph optimizations, and 99.9 % of its results are equal; where results lie
    halfway between two steps (means of four, images resized by two, some additions), up to 7 % are
    one step off. Images and maps are channels last, whatever their order in the file. The same
    input gives the same bytes. No runtime is loaded, except for a board that runs Linux.

    Args:
        model: a model, a zoo name, or a full-integer .tflite or QDQ .onnx (of QuantizeLinear and
            DequantizeLinear pairs).
        out_dir: the folder to write; one of an earlier call is replaced, if no file in it was added
            or changed since.
        board: one of :data:`poseutils.deployment.BOARDS` (default: that of ``config``, else
            STM32N6570-DK). The STM32N6 gets the app_config.h of ST's application; a board that runs
            Linux gets a program in Python.
        config: a configuration with thresholds, preprocessing and settings of the board (default:
            the defaults of a configuration).
        io: ``quantized`` removes QUANTIZE at the inputs and DEQUANTIZE at the outputs, so that the
            C code takes and returns 8-bit tensors, their scales in the header; ``file`` keeps the
            inputs and outputs of the file.
        name: the prefix of files and C symbols (default: the model's file name, see
            :func:`poseutils.deployment.default_name`).
        model_type: one of ``MODEL_TYPES``, for a file whose outputs do not identify its decoder.
        memory: ``least`` runs layers row by row where the arena gets smaller, each tensor between
            them a ring of the few rows that are still read; ``layerwise`` one layer after the
            other. The results are the same, and nothing is computed twice.
        input: ``whole`` has a function that runs the network on a whole image in the arena;
            ``pushed`` one that takes the rows of an image as a camera gives them.
        budget_kib: the most that the arena may have.

    Raises:
        PoseError: if the model is not a full-integer .tflite or a QDQ .onnx, has operators that the
            kernels do not support (all are named), or the folder has other or changed files in it,
            or cannot be written; if the arena is larger than the budget. Nothing is written then.
    """
    if input not in INPUTS:
        raise PoseError(f"input={input!r}: expected one of {', '.join(INPUTS)}")
    if io not in IO:
        raise PoseError(f"io={io!r}: expected one of {', '.join(IO)}")
    spec = _spec(model, board, config, name, model_type)
    compiled = compile_graph(
        spec.graph, spec.source, io, spec.name, memory, input == "pushed", budget_kib
    )
    decoding = decoding_of(spec, spec.pose, compiled.graph) if spec.pose else None
    report = _report(spec, compiled, decoding)
    files = _files(spec, compiled, decoding, model if isinstance(model, Model) else None)
    manifest = _manifest(spec, compiled, report, files, {"io": io, "input": input})
    files[MANIFEST] = (json.dumps(manifest, indent=1, allow_nan=False) + "\n").encode()
    with replaced_folder(out_dir) as folder:
        for file_name, data in files.items():
            (folder / file_name).parent.mkdir(parents=True, exist_ok=True)
            (folder / file_name).write_bytes(data)
    tensors, graph = compiled.graph.tensors, compiled.graph
    inputs, outputs = (tuple(tensors[t] for t in ts) for ts in (graph.inputs, graph.outputs))
    return Bundle(Path(out_dir), manifest, report, inputs, outputs, spec.graph)


def _spec(
    model: Model | str | Path,
    board: str | None,
    config: Config | None,
    name: str | None,
    model_type: str | None,
) -> DeploymentSpec:
    """Reads the file and finds its pose type."""
    config = config or Config.model_validate({"model": {"model_type": "heatmaps_spe"}})
    found_board = find_board(board or config.deployment.hardware_setup.board)
    if isinstance(model, Model):
        path, entry = model.path, None
    else:
        expected = "a model, a name of the zoo, or the path of a .tflite or .onnx file"
        given_path(model, "model", expected)
        path, entry = find_file(model)
    data, graph = read_deployable(path)
    pose: PoseType | None
    if isinstance(model, Model):
        pose = pose_type(graph, path.name, model.model_type, model.layout, model.input_spec)
    elif kind := model_type or (entry.model_type if entry else None):
        pose = pose_type(graph, path.name, kind, metadata=metadata_of(path, data))
    else:
        pose = recognized(graph, path.name, metadata_of(path, data))
    return DeploymentSpec(symbol_name(name, path), path, data, graph, pose, found_board, config)


def _report(spec: DeploymentSpec, compiled: Compiled, decoding: Decoding | None) -> ExportReport:
    rows = layer_rows(compiled)
    return ExportReport(
        arena_bytes=compiled.plan.size,
        flash_bytes=compiled.flash_bytes,
        macs=sum(row["macs"] for row in rows),
        layers=rows,
        tensors=tensor_rows(compiled.arena),
        layerwise_bytes=compiled.layerwise.plan.size,
        layerwise_tensors=tensor_rows(compiled.layerwise),
        frames=frame_rows(compiled.arena),
        bound_bytes=compiled.plan.bound,
        changes=change_rows(spec.graph, compiled.graph, compiled.program),
        no_firmware=why_no_firmware(spec, compiled, decoding),
    )


def _files(
    spec: DeploymentSpec, compiled: Compiled, decoding: Decoding | None, model: Model | None
) -> dict[str, bytes]:
    """All files but the manifest, by name."""
    network = _in_sources(network_files(compiled, spec.name))
    notes: list[str] = []
    texts = network | _in_sources(_other_sources(spec, compiled, decoding))
    if spec.pose:
        texts["labels.txt"], *notes = _labels(spec.config, spec.pose)
    if spec.pose and unsupported_reason(spec) is None:
        texts["app_config.h"] = app_config_text(spec, spec.pose)
    texts |= linux_files(spec, model)
    names = [spec.file_name, *texts, "README.md", MANIFEST]
    texts["README.md"] = readme_text(spec, compiled, decoding, names, notes)
    texts = headed(spec, texts, network)
    return {spec.file_name: spec.data, **{name: text.encode() for name, text in texts.items()}}


def _in_sources(texts: dict[str, str]) -> dict[str, str]:
    return {f"{SOURCES}/{name}": text for name, text in texts.items()}


def _other_sources(
    spec: DeploymentSpec, compiled: Compiled, decoding: Decoding | None
) -> dict[str, str]:
    """Kernels, decoder, serial line and example, by name in the folder of the C code."""
    values = {"name": spec.name, "NAME": spec.name.upper()}
    words = ["pose"] if decoding else []
    words.append("pushed" if compiled.is_pushed else "whole")
    serial = serial_files(spec, compiled, decoding)
    if MAIN in serial:
        words.append("firmware")
    texts = kernel_files()
    if decoding:
        texts |= {
            f"{spec.name}_poses.h": poses_header(decoding, spec.name),
            f"{spec.name}_poses.c": poses_source(decoding, compiled.graph, spec.name),
            **decoder_files(decoding.model_type),
        }
    for template in ("Makefile", "CMakeLists.txt", "example/main.c", "example/startup.c"):
        texts[template] = filled(template, values, words)
    for core in EMULATED:
        texts[f"example/{core}.ld"] = filled("example/board.ld", linker_script(core))
    return texts | serial


def _labels(config: Config, pose: PoseType) -> tuple[str, ...]:
    """The text of labels.txt, and if the configured label file is missing, as in configurations
    that name one in ST's repository, a sentence that says so."""
    named = config.deployment.label_file_path
    names = "".join(f"{' '.join(label.splitlines())}\n" for label in pose.layout.names)
    if named is None:
        return (names,)
    try:
        path = config.resolve(named)
    except PoseError:
        return names, (
            f"`deployment.label_file_path` ({escaped(named)}) is missing: `labels.txt` has the "
            "names of the keypoints."
        )
    try:
        return (read_text(path),)
    except PoseError as error:
        raise PoseError(f"deployment.label_file_path: {error}") from error


def _manifest(
    spec: DeploymentSpec,
    compiled: Compiled,
    report: ExportReport,
    files: dict[str, bytes],
    ends: dict[str, str],
) -> dict[str, Any]:
    pose = spec.pose
    model = {
        "source": spec.source,
        "model_type": pose.model_type if pose else None,
        **spec.cost(),
        **_interface(spec.graph),
    }
    layout = pose and {
        "name": pose.layout.name,
        "keypoints": list(pose.layout.names),
        "limbs": [list(limb) for limb in pose.layout.limbs],
    }
    return {
        "made_by": MAKER,
        "versions": {"manifest": 2, MAKER: __version__, **spec.format_version()},
        "name": spec.name,
        "model": model,
        **({"layout": layout} if layout else {}),
        "board": spec.board.name,
        **ends,
        "arena_bytes": report.arena_bytes,
        "flash_bytes": report.flash_bytes,
        **_interface(compiled.graph),
        "files": {
            name: {"bytes": len(data), "sha256": sha256(data)} for name, data in files.items()
        },
    }


def _interface(graph: Graph) -> dict[str, list[dict[str, Any]]]:
    """The inputs and outputs of a graph."""
    return {
        "inputs": [_tensor(graph.tensors[i]) for i in graph.inputs],
        "outputs": [_tensor(graph.tensors[i]) for i in graph.outputs],
    }


def _tensor(tensor: Tensor) -> dict[str, Any]:
    record = {"name": tensor.name, "shape": list(tensor.shape), "dtype": tensor.dtype}
    if tensor.quantization is None:
        return record
    return {**record, "scale": float(tensor.scale), "zero_point": tensor.zero_point}
