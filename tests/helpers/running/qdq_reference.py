"""QDQ networks run by the C code and by ONNX Runtime without graph optimizations, whose results are
the same on every processor."""

from itertools import permutations
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from poseutils.compiler.frontends.qdq import read_qdq
from tests.helpers.running.compiled import run

HERE = Path(__file__).parent


def read(model, name="net.onnx"):
    """The integer network of a ModelProto."""
    return read_qdq(model.SerializeToString(), name, HERE)


def session_of(model):
    """A session that fuses nothing: each operator in floats, between DequantizeLinear and
    QuantizeLinear."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # others would wait by spinning
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def by_onnx_runtime(model, x):
    session = session_of(model)
    return session.run(None, {session.get_inputs()[0].name: x})


def by_c(graph, x, folder):
    """The outputs of the C code, as it gives them."""
    given = x.transpose(0, 2, 3, 1) if x.shape != graph.tensors[graph.inputs[0]].shape else x
    data = run(graph, [np.ascontiguousarray(given)], folder)
    results = []
    for tensor in (graph.tensors[t] for t in graph.outputs):
        results.append(np.frombuffer(data[: tensor.bytes], tensor.dtype).reshape(tensor.shape))
        data = data[tensor.bytes :]
    return results


def scale_of_output(graph, tensor):
    """A step of an output's quantization; of one that is computed in floats, a small number."""
    (last,) = (op for op in graph.operators if op.outputs[0] == tensor)
    source = graph.tensors[last.inputs[0]].quantization
    return float(source.scales[0]) if last.name == "DEQUANTIZE" else 1e-4


def steps_apart(model, folder, seed=1):
    """For each output, how many steps of its quantization the C code is from ONNX Runtime; and what
    that gives."""
    graph = read(model)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(seed).random(shape, dtype=np.float32)
    apart = []
    for tensor, made, wanted in zip(
        graph.outputs, by_c(graph, x, folder), by_onnx_runtime(model, x)
    ):
        made = made.transpose(0, 3, 1, 2) if made.shape != wanted.shape else made
        apart.append((np.abs(made - wanted) / scale_of_output(graph, tensor), wanted))
    return apart


# ---------------------------------------------------------------- operator by operator


def operators_apart(model, tensors, given):
    """For each 8-bit tensor that the C code computes, by name: how many steps it is from ONNX
    Runtime's, of the very same operands.

    Args:
        tensors: what the C code has computed of an image, all of it, by the file's names.
        given: the network's input.
    """
    model = onnx.shape_inference.infer_shapes(model)
    # Before a Transpose that moves nothing
    tensors = {name.removesuffix("/before"): array for name, array in tensors.items()}
    values = {model.graph.input[0].name: given}
    apart = {}
    for name, operands, nodes in _between(model, tensors):
        wanted = _run(model, nodes, {operand: values[operand] for operand in operands}, name)
        made = min(
            _as_filed(tensors[name], wanted),
            key=lambda array: np.abs(array - wanted.astype(int)).mean(),
        )
        values[name] = made.astype(wanted.dtype)
        apart[name] = np.abs(made - wanted.astype(int))
    return apart


def _between(model, computed):
    """Each computed tensor that a QuantizeLinear makes, the nearest such tensors that it depends
    on, and the nodes between."""
    makers = {output: node for node in model.graph.node for output in node.output}
    constants = {tensor.name for tensor in model.graph.initializer}
    for last in model.graph.node:
        if last.op_type != "QuantizeLinear" or last.output[0] not in computed:
            continue
        operands, inside, todo = set(), {last.output[0]}, [last]
        while todo:
            for name in todo.pop().input:
                if name in computed or name not in makers:
                    operands |= {name} - constants - {""}
                elif name not in inside:
                    inside.add(name)
                    todo.append(makers[name])
        yield (
            last.output[0],
            operands,
            [node for node in model.graph.node if inside & set(node.output)],
        )


def _run(model, nodes, operands, result):
    kinds = {
        value.name: value
        for value in (*model.graph.input, *model.graph.value_info, *model.graph.output)
    }
    used = {name for node in nodes for name in node.input}
    constants = [tensor for tensor in model.graph.initializer if tensor.name in used]
    graph = onnx.helper.make_graph(
        nodes, "part", [kinds[name] for name in operands], [kinds[result]], constants
    )
    part = onnx.helper.make_model(
        graph, opset_imports=[o for o in model.opset_import if not o.domain], ir_version=8
    )
    return session_of(part).run(None, operands)[0]


def _as_filed(array, wanted):
    """An 8-bit tensor of the C code as the file may have it: unsigned, and its dimensions in
    another order."""
    array = array.astype(int) + (128 if wanted.dtype == np.uint8 else 0)
    turned = [array.transpose(order) for order in permutations(range(array.ndim))]
    return [each for each in turned if each.shape == wanted.shape] or [array.reshape(wanted.shape)]
