"""A network as plain C: a folder that compiles for a computer, for an emulated Cortex-M, and into
firmware."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import __version__
from ..compiler.compile import Compiled, compile_graph
from ..compiler.emit.line_breaks import broken
from ..compiler.emit.network import network_files
from ..compiler.graph import Graph, Tensor
from ..compiler.passes import IO
from ..compiler.reference.elementwise import evaluator
from ..compiler.report import buffer_rows, change_rows, layer_rows, tensor_rows
from ..errors import PoseError
from ..files import given_path
from ..models import Model
from ..models.loading import find_file
from .bundle import file_records, layout_record, tensor_record
from .decoder_c import Decoding, decoder_files, decoding_of, poses_header, poses_source
from .file_headers import headed
from .output_folder import MAKER, MANIFEST, replaced_folder
from .readme_c_project import export_readme, purposes
from .recognition import PoseType, recognized
from .spec import AppSettings, Spec, read_deployable, settings_from_config, spec_of
from .st.app_config import app_config_text, why_not
from .verify.emulator import EMULATED, Emulation, emulate, linker_script
from .verify.host_build import Inputs, as_batch, run_on_host

if TYPE_CHECKING:
    from ..config import Config

_HERE = Path(__file__).parent
_KERNELS = _HERE.parent / "compiler" / "kernels"
_TEMPLATE_FILES = _HERE / "templates"
_TEMPLATES = ("Makefile", "CMakeLists.txt", "example/main.c", "example/startup.c")


@dataclass(frozen=True)
class ExportReport:
    """What the exported network needs.

    Attributes:
        arena_bytes: RAM that the network works in, inputs and outputs included.
        flash_bytes: constants: weights, biases, multipliers, tables. Code, 10 to 20 KiB, comes on
            top.
        macs: multiply-accumulates of one image.
        layers: one row an operator after folding: index, operator, output (name), output_shape,
            input_shapes, macs, parameters, weight_bytes (as the file stores them), live_bytes (of
            its tensors one by one), offset (of its output in the arena), arena_bytes (in use while
            it runs) and scratch_bytes (of these, what it works in).
        buffers: one row a buffer of the memory plan: offset, bytes, first and last (operators of
            ``layers``), tensors.
        tensors: one row a tensor: tensor (name), offset, bytes, first and last; and one for what an
            operator works in.
        bound_bytes: the most that is alive at once; no plan of these buffers can be smaller.
        operators_before: how many operators the file has; of an .onnx, once DequantizeLinear,
            operator and QuantizeLinear are one.
        changes: one row a kind of operator: operator, before, after (how many the file has, and the
            C code runs), folded (where the others went).
    """

    arena_bytes: int
    flash_bytes: int
    macs: int
    layers: list[dict]
    buffers: list[dict]
    tensors: list[dict]
    bound_bytes: int
    operators_before: int
    changes: list[dict]


@dataclass(frozen=True)
class ExportedBundle:
    """A folder that was written.

    Attributes:
        path: the folder.
        manifest: its manifest as a dictionary.
        inputs, outputs: the tensors that the C code takes and gives.
        file_graph: the network as the file has it.
    """

    path: Path
    manifest: dict
    report: ExportReport
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    file_graph: Graph = field(repr=False)

    @property
    def name(self) -> str:
        """What files and C symbols are called."""
        return self.manifest["name"]

    @property
    def model_type(self) -> str | None:
        """Of the decoder in the folder; None if there is none, as the network is no pose
        network."""
        return self.manifest["model"]["model_type"]

    def prepare(self, images: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """What the C code takes, from a batch as the file takes it: the same, channels last, or
        what its QUANTIZE would make of it.

        Args:
            images: (B, ...), or a list of single ones, with a first dimension of 1 or without it.

        Raises:
            PoseError: if images of a list differ in shape.
        """
        images = channels_last(
            as_batch(images, self.inputs[0]),
            self.file_graph.tensors[self.file_graph.inputs[0]].shape,
        )
        given, wanted = self.file_graph.tensors[self.file_graph.inputs[0]], self.inputs[0]
        if given is wanted:
            return images
        first = next(
            op
            for op in self.file_graph.operators
            if self.file_graph.tensors[op.outputs[0]] is wanted
        )
        compute = evaluator(first, [given], wanted)
        if images.dtype.itemsize > 1:
            return compute(first, [given], wanted, [images])
        every = np.arange(256, dtype=np.uint8).view(images.dtype)
        return compute(first, [given], wanted, [every]).take(images.view(np.uint8))

    def run_host(self, inputs: Inputs, debug: bool = False) -> dict[str, np.ndarray]:
        """Compiles the folder with this computer's compiler and runs it.

        Args:
            inputs: (B, ...) of the type and shape of ``inputs[0]``, see :meth:`prepare`; of several
                inputs such an array by name for each.
            debug: gives every tensor that is computed besides, (B, ...) with its own shape.

        Returns:
            The outputs by name, (B, ...), as the C code gives them.

        Raises:
            PoseError: if there is no compiler, it refuses the code, or the inputs are of another
                type or shape.
        """
        return run_on_host(
            self.path, self.inputs, self.outputs, inputs, self.file_graph if debug else None
        )

    def emulate(self, images: Inputs | Sequence[np.ndarray], board: str = "Cortex-M7") -> Emulation:
        """Compiles the folder for a Cortex-M and runs it in QEMU, which is started once for all
        images.

        Args:
            images: (B, ...), or a list of single ones: what the C code takes, as for
                :meth:`run_host`, or what the .tflite takes.
            board: ``Cortex-M4``, ``Cortex-M7`` or ``Cortex-M55``, or a board of ``BOARDS`` that has
                one of them.

        Raises:
            PoseError: if the Arm compiler or QEMU is not installed (says what installs them), or
                the board has another core.
        """
        if isinstance(images, Mapping):
            return emulate(self.path, self.inputs, self.outputs, images, board)
        images, given = (
            as_batch(images, self.inputs[0]),
            self.file_graph.tensors[self.file_graph.inputs[0]],
        )
        inputs = (
            self.prepare(images)
            if images.dtype.name == given.dtype != self.inputs[0].dtype
            else images
        )
        return emulate(self.path, self.inputs, self.outputs, inputs, board)


def export(
    model: Model | str | Path,
    out_dir: str | Path,
    board: str | None = None,
    config: Config | None = None,
    io: str = "quantized",
    name: str | None = None,
    model_type: str | None = None,
) -> ExportedBundle:
    """Writes a network as C99 with everything to compile it; no runtime is loaded for it.

    A pose network comes with its decoder. A loaded model is one, and so are the zoo's; of any other
    file the outputs must fit one type, and the number of keypoints a known layout, or
    ``model_type`` says what it is. Everything else becomes C without a decoder;
    :attr:`ExportedBundle.model_type` and the folder's README say which it was.

    The result of a .tflite equals LiteRT's reference kernels bit by bit. A QDQ .onnx becomes the
    same integer operators: of the same 8-bit inputs each is within one step of ONNX Runtime without
    graph optimizations, and 99.9 % of its results are equal. Images and maps are channels last,
    whatever their order in the file. The same input gives the same bytes.

    Args:
        model: a model, a zoo name, or a full-integer .tflite or QDQ .onnx (of QuantizeLinear and
            DequantizeLinear pairs).
        out_dir: the folder to write; one that an earlier call wrote is replaced, if no file in it
            was added or changed since.
        board: one of :data:`poseutils.deployment.BOARDS` (default: that of ``config``, else
            STM32N6570-DK), for app_config.h.
        config: a configuration that fills app_config.h.
        io: ``quantized`` takes and gives 8-bit tensors where the file begins with QUANTIZE or ends
            in DEQUANTIZE, their scales in the header; ``file`` takes and gives what the file does.
        name: what files and C symbols are called (default: the model's file name, see
            :func:`poseutils.deployment.default_name`).
        model_type: one of ``MODEL_TYPES``, for a file whose decoder is not told by its outputs.

    Raises:
        PoseError: if the model is not a full-integer .tflite or a QDQ .onnx, holds operators that
            the kernels do not compute (all are named), or the folder has other or changed files in
            it, or cannot be written. Nothing is written then.
    """
    if io not in IO:
        raise PoseError(f"io={io!r}: expected one of {', '.join(IO)}")
    settings = settings_from_config(config) if config is not None else AppSettings()
    board = (
        board
        or (config.deployment.hardware_setup.board if config is not None else None)
        or "STM32N6570-DK"
    )
    if isinstance(model, Model):
        path, entry = model.path, None
    else:
        given_path(
            model, "model", "a model, a name of the zoo, or the path of a .tflite or .onnx file"
        )
        path, entry = find_file(model)
    data, graph = read_deployable(path)
    if isinstance(model, Model):
        pose = PoseType(model.model_type, model.layout, model.normalized)
    else:
        pose = recognized(graph, path.name, model_type, entry)
    spec = spec_of(path, data, graph, pose, board, name, settings)
    compiled = compile_graph(spec.graph, spec.source, io, spec.name)
    report = _report(spec, compiled)
    files = _files(spec, compiled, pose)
    manifest = _manifest(spec, compiled, report, files, io)
    with replaced_folder(out_dir) as folder:
        for file_name, text in files.items():
            (folder / file_name).parent.mkdir(exist_ok=True)
            (folder / file_name).write_bytes(text)
        (folder / MANIFEST).write_bytes(
            (json.dumps(manifest, indent=1, allow_nan=False) + "\n").encode()
        )
    inputs, outputs = (
        tuple(compiled.graph.tensors[t] for t in ts)
        for ts in (compiled.graph.inputs, compiled.graph.outputs)
    )
    return ExportedBundle(Path(out_dir), manifest, report, inputs, outputs, spec.graph)


def channels_last(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A batch of C×H×W as one of H×W×C, if ``shape`` is that of such images; else the batch as it
    is."""
    swapped = (
        len(shape) == 4
        and images.shape[1:] != shape[1:]
        and images.shape[1:] == (shape[3], *shape[1:3])
    )
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1)) if swapped else images


def _report(spec: Spec, compiled: Compiled) -> ExportReport:
    rows = layer_rows(compiled)
    return ExportReport(
        arena_bytes=compiled.plan.size,
        flash_bytes=compiled.flash_bytes,
        macs=sum(row["macs"] for row in rows),
        layers=rows,
        buffers=buffer_rows(compiled),
        tensors=tensor_rows(compiled),
        bound_bytes=compiled.plan.bound,
        operators_before=len(spec.graph.operators),
        changes=change_rows(spec.graph, compiled.graph, compiled.program),
    )


def _files(spec: Spec, compiled: Compiled, pose: PoseType | None) -> dict[str, bytes]:
    """All files but the manifest, by name."""
    name, graph, values = spec.name, compiled.graph, {"name": spec.name, "NAME": spec.name.upper()}
    decoding = decoding_of(spec, graph, pose.normalized) if pose else None
    network = network_files(compiled, name)
    texts = {
        **network,
        **(_decoder_files(spec, decoding, graph) if decoding else {}),
        **kernel_files(),
        **{template: filled(template, values, pose is not None) for template in _TEMPLATES},
        **{
            f"example/{core}.ld": filled("example/board.ld", linker_script(core))
            for core in EMULATED
        },
    }
    names = [*texts, spec.file_name, "README.md", MANIFEST]
    texts["README.md"] = export_readme(
        spec, compiled, names, decoding.poses_bytes if decoding else 0
    )
    texts = headed(
        texts, purposes(name), network, hashlib.sha256(spec.data).hexdigest(), spec.source
    )
    return {spec.file_name: spec.data, **{file: text.encode() for file, text in texts.items()}}


def _decoder_files(spec: Spec, decoding: Decoding, graph: Graph) -> dict[str, str]:
    """What a pose network has besides: from its outputs to keypoints, their names, and the
    configuration of ST's application."""
    texts = {
        f"{spec.name}_poses.h": poses_header(decoding, spec.name),
        f"{spec.name}_poses.c": poses_source(decoding, graph, spec.name),
        **decoder_files(spec.model_type),
        "labels.txt": "".join(f"{label}\n" for label in spec.layout.names),
    }
    if not spec.board.linux and why_not(spec) is None:
        texts["app_config.h"] = app_config_text(spec)
    return texts


def kernel_files() -> dict[str, str]:
    """The operators, the same for every network, by file name."""
    headers = {
        name: (_KERNELS / name).read_text(encoding="utf-8")
        for name in ("pose_network.h", "pose_kernels.h", "pose_simd.h")
    }
    return {"pose_kernels.c": _joined_source(_KERNELS, "kernels"), **headers}


def _joined_source(folder: Path, stem: str) -> str:
    """One C file out of its parts, ``<stem>_*.c`` in their order."""
    return "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob(f"{stem}_*.c")))


_DECODER_LINES = re.compile(r"^@poses\n(.*?)^@end\n", re.MULTILINE | re.DOTALL)
"""Of a template, the lines between one of @poses and one of @end."""


def filled(template: str, values: Mapping[str, str], poses: bool = True) -> str:
    """The text of a file of the C sources, with its ``@name@`` replaced; what belongs to the
    decoder only with ``poses``."""
    text = _DECODER_LINES.sub(
        r"\1" if poses else "", (_TEMPLATE_FILES / template).read_text(encoding="utf-8")
    )
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return broken(text) if template.endswith(".c") else text


def _manifest(
    spec: Spec, compiled: Compiled, report: ExportReport, files: dict[str, bytes], io: str
) -> dict:
    tensors = compiled.graph.tensors
    return {
        "made_by": MAKER,
        "versions": {"manifest": 1, MAKER: __version__, **spec.format_version()},
        "name": spec.name,
        "model": {"source": spec.source, "model_type": spec.model_type, **spec.cost()},
        **({"layout": layout_record(spec.layout)} if spec.layout else {}),
        "board": spec.board.name,
        "io": io,
        "arena_bytes": report.arena_bytes,
        "flash_bytes": report.flash_bytes,
        "inputs": [tensor_record(tensors[i]) for i in compiled.graph.inputs],
        "outputs": [tensor_record(tensors[i]) for i in compiled.graph.outputs],
        "files": file_records(files),
    }
