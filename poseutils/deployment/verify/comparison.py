"""The exported C compared with LiteRT or ONNX Runtime on one image: equal bytes for a .tflite,
results within a quantization step for a QDQ .onnx."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...compiler.graph import Graph, Tensor
from ...models import Model
from ...models.networks.runtimes import onnx_session
from ...poses import Poses
from ...streams import silent_stderr
from ..bundle import Bundle, channels_last
from .emulator import Emulation, NotEmulated


@dataclass(frozen=True)
class Proof:
    """The results of one image by two runtimes.

    Attributes:
        core: what ran the C code: an emulated Cortex-M, or this computer.
        equal: whether all bytes of all outputs are equal.
        close: the fraction of values at most one quantization step apart; the least over the
            outputs.
        here: poses of LiteRT's reference kernels, or of ONNX Runtime, in pixels of the image.
        there: poses of the C code.
        instructions: of the emulated core; None for this computer.
        emulation: the results of the emulated core, with the size of its program; None for this
            computer.
        note: why nothing was emulated and what to do about it; empty if it was.
    """

    core: str
    equal: bool
    close: float
    here: Poses
    there: Poses
    instructions: int | None
    emulation: Emulation | None
    note: str


def prove(bundle: Bundle, model: Model, image: np.ndarray, board: str = "Cortex-M7") -> Proof:
    """Runs an image through the C code and through the model's own runtime. The C code is emulated
    if the board's core can be and the tools are installed; otherwise it runs on this computer.

    The C code of a .tflite must give the same bytes as LiteRT's reference kernels. That of an .onnx
    is compared with ONNX Runtime without graph optimizations, which computes each operator in
    floats: given the same 8-bit inputs, an operator's result is equal or, rarely, one step off; in
    a network of many layers such a step propagates.

    Args:
        bundle: the exported network.
        model: the model that was exported.
        image: (H, W, 3) uint8.
        board: a board, or a core as for :meth:`Bundle.emulate`.

    Raises:
        PoseError: if there is no compiler, the board is not known, or the code does not run.
    """
    pixels, transform = model.preprocess(image)
    given = model.network.prepare(pixels[None])
    expected = (
        _onnx_reference(bundle, model, given)
        if model.network.runtime == "onnxruntime"
        else _reference(bundle.file_graph, model, given)
    )
    prepared, note = bundle.prepare(given), ""
    emulation: Emulation | None = None
    try:
        emulation = bundle.emulate(prepared, board)
    except NotEmulated as reason:
        note = str(reason)
    outputs = emulation.outputs if emulation else bundle.run_host(prepared)
    equal = all(
        outputs[tensor.name].tobytes() == expected[tensor.name].tobytes()
        for tensor in bundle.outputs
    )
    close = min(
        _fraction_within_a_step(outputs[tensor.name], expected[tensor.name], tensor)
        for tensor in bundle.outputs
    )
    shapes = {spec.name: spec.shape for spec in model.network.outputs}

    def poses(values: dict[str, np.ndarray]) -> Poses:
        named = {
            name_in_file(bundle.file_graph, tensor): _real(values[tensor.name], tensor)
            for tensor in bundle.outputs
        }
        filed = {name: _in_file_order(array, shapes[name]) for name, array in named.items()}
        (found,) = model.decode(model.find_outputs(filed))
        return found.transformed(transform.inverse)

    core = f"{emulation.core}, emulated" if emulation else "this computer"
    instructions = emulation.instructions[0] if emulation else None
    return Proof(core, equal, close, poses(expected), poses(outputs), instructions, emulation, note)


def _reference(graph: Graph, model: Model, given: np.ndarray) -> dict[str, np.ndarray]:
    """Every tensor by name, by LiteRT's reference kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with silent_stderr():
        interpreter = Interpreter(
            str(model.path),
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=True,
        )
        interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], given)
    interpreter.invoke()
    computed = {index for operator in graph.operators for index in operator.outputs}
    return {graph.tensors[index].name: interpreter.get_tensor(index) for index in sorted(computed)}


def _onnx_reference(bundle: Bundle, model: Model, given: np.ndarray) -> dict[str, np.ndarray]:
    """Every output by name, by ONNX Runtime, in the type and the order of dimensions of the C
    code."""
    session = onnx_session(model.path, model.network.num_threads, fused=False)
    results = model.network.dequantized(session.run(None, {model.network.input.name: given}))
    found = {}
    for tensor in bundle.outputs:
        real = channels_last(results[name_in_file(bundle.file_graph, tensor)], tensor.shape)
        if tensor.dtype != "float32":
            real = np.rint(real / float(tensor.scale)) + tensor.zero_point
        found[tensor.name] = real.astype(tensor.dtype)
    return found


def _in_file_order(array: np.ndarray, shape: tuple[int | None, ...]) -> np.ndarray:
    """The output of the C code, which is channels last, in the order of the file."""
    if array.ndim != 4 or array.shape[1:] == tuple(shape[1:]):
        return array
    channels_first = array.transpose(0, 3, 1, 2)
    return channels_first if channels_first.shape[1:] == tuple(shape[1:]) else array


def _fraction_within_a_step(a: np.ndarray, b: np.ndarray, tensor: Tensor) -> float:
    """For floats, a step is a millionth of the maximum."""
    step = 1.0 if tensor.dtype != "float32" else 1e-6 * max(1.0, float(np.abs(b).max()))
    return float((np.abs(a.astype(np.float64) - b) <= step).mean())


def name_in_file(graph: Graph, tensor: Tensor) -> str:
    """The name of an output of the C code in the file, where a DEQUANTIZE may follow it."""
    for operator in graph.operators:
        if operator.name == "DEQUANTIZE" and graph.tensors[operator.inputs[0]].name == tensor.name:
            return graph.tensors[operator.outputs[0]].name
    return tensor.name


def _real(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    if tensor.quantization is None or values.dtype.kind == "f":
        return values.astype(np.float32)
    steps = values.astype(np.int64) - tensor.zero_point
    return (float(tensor.scale) * steps).astype(np.float32)
