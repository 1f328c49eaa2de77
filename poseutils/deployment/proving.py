"""The exported C beside LiteRT on one picture: the same bytes, and so the same poses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..graph import Graph, Tensor
from ..inference import Model
from ..networks import silent_stderr
from ..poses import Poses
from .emulation import Emulation, why_no_emulation
from .exporting import ExportedBundle


@dataclass(frozen=True)
class Proof:
    """What came of one picture here and there.

    Attributes:
        core: what ran the C code: an emulated Cortex-M, or this computer.
        equal: whether every byte of every output is the same.
        here: poses by LiteRT's reference kernels, in pixels of the picture.
        there: poses by the C code's outputs.
        instructions: that the emulated core took, None for this computer.
        emulation: what the emulated core gave, with the size of its program; None for this computer.
        note: why nothing was emulated and what to do about it, empty if it was.
    """

    core: str
    equal: bool
    here: Poses
    there: Poses
    instructions: int | None
    emulation: Emulation | None
    note: str


def prove(bundle: ExportedBundle, model: Model, image: np.ndarray, board: str = "Cortex-M7") -> Proof:
    """Runs a picture through the C code, emulated where the board's core can be and the tools are installed, else on this computer, and
    through LiteRT.

    Args:
        bundle: the exported network.
        model: what it was exported from.
        image: (H, W, 3) uint8.
        board: a board, or a core as for :meth:`ExportedBundle.emulate`.

    Raises:
        PoseError: if there is no compiler, the board is not known, or the code cannot be run.
    """
    pixels, transform = model.preprocess(image)
    given = model.network.prepare(pixels[None])
    expected = _reference(bundle.file_graph, model, given)
    note = why_no_emulation(board)
    emulation = None if note else bundle.emulate(given, board)
    outputs = emulation.outputs if emulation else bundle.run_host(bundle.prepare(given))
    equal = all(outputs[tensor.name].tobytes() == expected[tensor.name].tobytes() for tensor in bundle.outputs)

    def poses(values: dict[str, np.ndarray]) -> Poses:
        named = {_name_in_file(bundle.file_graph, tensor): _real(values[tensor.name], tensor) for tensor in bundle.outputs}
        return model.decoded(named)[0].moved(transform.inverse)

    core = f"{emulation.core}, emulated" if emulation else "this computer"
    instructions = emulation.instructions[0] if emulation else None
    return Proof(core, equal, poses(expected), poses(outputs), instructions, emulation, note)


def _reference(graph: Graph, model: Model, given: np.ndarray) -> dict[str, np.ndarray]:
    """Every tensor by name, as LiteRT's reference kernels compute it."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with silent_stderr():
        interpreter = Interpreter(
            str(model.path), experimental_op_resolver_type=OpResolverType.BUILTIN_REF, experimental_preserve_all_tensors=True
        )
        interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], given)
    interpreter.invoke()
    computed = {index for operator in graph.operators for index in operator.outputs}
    return {graph.tensors[index].name: interpreter.get_tensor(index) for index in sorted(computed)}


def _name_in_file(graph: Graph, tensor: Tensor) -> str:
    """The file's own output that a tensor becomes by its DEQUANTIZE, which the board leaves out."""
    for operator in graph.operators:
        if operator.name == "DEQUANTIZE" and graph.tensors[operator.inputs[0]].name == tensor.name:
            return graph.tensors[operator.outputs[0]].name
    return tensor.name


def _real(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    if tensor.quantization is None or values.dtype.kind == "f":
        return values.astype(np.float32)
    scale, zero_point = float(tensor.quantization.scales[0]), int(tensor.quantization.zero_points[0])
    return (scale * (values.astype(np.int64) - zero_point)).astype(np.float32)
