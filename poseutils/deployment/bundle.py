"""A folder that was exported, and how its C code is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..compiler.frontends.read import SUFFIXES
from ..compiler.graph import Graph, Tensor
from ..compiler.reference.elementwise import evaluator
from .verify.emulator import Emulation, emulate
from .verify.host_build import Inputs, as_batch, count_images, run_on_host

SOURCES = "c"
"""The folder of the C code in an exported one."""


@dataclass(frozen=True)
class ExportReport:
    """What the exported network needs.

    Attributes:
        arena_bytes: RAM for all tensors, inputs and outputs included.
        flash_bytes: constants: weights, biases, multipliers, tables. Code, 10 to 20 KiB, comes on
            top.
        macs: multiply-accumulates per image.
        layers: one row per operator after fusion: index, operator, output (name), output_shape,
            input_shapes, macs, parameters, weight_bytes (as the file stores them), live_bytes (of
            its tensors one by one), offset (of its output in the arena), arena_bytes (in use while
            it runs) and scratch_bytes (of these, scratch).
        tensors: one row per tensor and scratch buffer: tensor (name), shape, made_by and read_by
            (operators of ``layers``), offset, bytes, rows (of a ring, or None), and begin and end
            of the live range, in operators.
        layerwise_bytes, layerwise_tensors: the same if one operator ran after the other.
        frames: the rows of images in memory at some moments while layers take turns, where most
            memory is needed: frame, image, rows, first and last.
        bound_bytes: the peak of live buffers, a lower bound of any plan.
        changes: one row per kind of operator: operator, before, after (number in the file, of an
            .onnx after DequantizeLinear, operator and QuantizeLinear were merged, and in the C
            code), folded (where the others went).
        no_firmware: why the folder has no firmware for an STM32F405; empty if it has.
    """

    arena_bytes: int
    flash_bytes: int
    macs: int
    layers: list[dict]
    tensors: list[dict]
    layerwise_bytes: int
    layerwise_tensors: list[dict]
    frames: list[dict]
    bound_bytes: int
    changes: list[dict]
    no_firmware: str


@dataclass(frozen=True)
class Bundle:
    """An exported folder.

    Attributes:
        path: the folder.
        manifest: its manifest.
        inputs, outputs: the tensors of the C code.
        file_graph: the network as the file has it.
    """

    path: Path
    manifest: dict[str, Any]
    report: ExportReport
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    file_graph: Graph = field(repr=False)

    @property
    def name(self) -> str:
        """The prefix of files and C symbols."""
        return self.manifest["name"]

    @property
    def model_type(self) -> str | None:
        """Of the decoder; None if there is none, as it is not a pose network."""
        return self.manifest["model"]["model_type"]

    @property
    def sources(self) -> Path:
        """The folder of the C code."""
        return self.path / SOURCES

    @property
    def files(self) -> dict[str, dict]:
        """bytes and sha256 of each file by its name, without the manifest."""
        return self.manifest["files"]

    @property
    def model_path(self) -> Path:
        """The model file in the folder."""
        return self.path / next(name for name in self.files if name.endswith(SUFFIXES))

    def file_rows(self) -> list[dict]:
        """The files for a table: name, bytes, the beginning of the hash."""
        return [
            {"file": name, "bytes": entry["bytes"], "sha256": entry["sha256"][:12] + "…"}
            for name, entry in self.files.items()
        ]

    def tensor_rows(self) -> list[dict]:
        """Inputs and outputs of the C code for a table; scale and zero point are empty for
        floats."""
        return [
            {
                "": side.removesuffix("s"),
                "shape": " × ".join(map(str, tensor["shape"])),
                "type": tensor["dtype"],
                "scale": str(tensor.get("scale", "")),
                "zero point": str(tensor.get("zero_point", "")),
            }
            for side in ("inputs", "outputs")
            for tensor in self.manifest[side]
        ]

    def prepare(self, images: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """Converts a batch from the input of the file to that of the C code: channels last, and
        quantized as the file's QUANTIZE would.

        Args:
            images: (B, ...), a single image, or a list of them, with or without a first dimension
                of 1; of the type of the file's input.

        Raises:
            PoseError: if the images of a list differ in shape, or shape or type are not those of
                the file's input.
        """
        given, taken = self.file_graph.tensors[self.file_graph.inputs[0]], self.inputs[0]
        images = as_batch(images, taken)
        images = images[None] if images.ndim == len(given.shape) - 1 else images
        images = channels_last(images, given.shape)
        count_images(given, images, "That is the input of the model file.")
        if given is taken:
            return images
        quantize = next(
            op
            for op in self.file_graph.operators
            if self.file_graph.tensors[op.outputs[0]] is taken
        )
        compute = evaluator(quantize, [given], taken)
        assert compute is not None, "a QUANTIZE at the input has a reference"
        if images.dtype.itemsize > 1:
            return compute(images)
        every = np.arange(256, dtype=np.uint8).view(images.dtype)
        return compute(every).take(images.view(np.uint8))

    def run_host(self, inputs: Inputs, debug: bool = False) -> dict[str, np.ndarray]:
        """Compiles the C code with this computer's compiler and runs it.

        Args:
            inputs: (B, ...) of the type and shape of ``inputs[0]``, see :meth:`prepare`; for
                several inputs, such an array by the name of each.
            debug: also returns every intermediate tensor, (B, ...) with its own shape.

        Returns:
            The outputs of the C code by name, (B, ...).

        Raises:
            PoseError: if there is no compiler, compiling fails, or the inputs are of another type
                or shape.
        """
        graph = self.file_graph if debug else None
        return run_on_host(self.sources, self.inputs, self.outputs, inputs, graph)

    def emulate(self, images: Inputs | Sequence[np.ndarray], board: str = "Cortex-M7") -> Emulation:
        """Compiles the C code for a Cortex-M and runs it in QEMU, once for all images.

        Args:
            images: (B, ...), or a list of single images: the input of the C code, as for
                :meth:`run_host`, or that of the file.
            board: ``Cortex-M4``, ``Cortex-M7`` or ``Cortex-M55``, or a board of ``BOARDS`` that has
                one of them.

        Raises:
            PoseError: if the Arm compiler or QEMU is not installed (says what installs them), or
                the board has another core.
        """
        if not isinstance(images, Mapping):
            taken, given = self.inputs[0], self.file_graph.tensors[self.file_graph.inputs[0]]
            images = as_batch(images, taken)
            if images.dtype.name == given.dtype != taken.dtype:
                images = self.prepare(images)
        return emulate(self.sources, self.inputs, self.outputs, images, board)


def channels_last(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A batch of C×H×W as H×W×C, if ``shape`` is that of the latter; other batches unchanged."""
    swapped = (
        len(shape) == 4
        and images.shape[1:] != shape[1:]
        and images.shape[1:] == (shape[3], *shape[1:3])
    )
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1)) if swapped else images
