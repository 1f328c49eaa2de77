"""QDQ networks run by the C code and by ONNX Runtime without graph optimizations, whose results are the same on every processor."""

from pathlib import Path

import numpy as np
import onnxruntime
from test_kernels import run

from poseutils.deployment.qdq import read_qdq

HERE = Path(__file__).parent


def read(model, name="net.onnx"):
    """The integer network of a ModelProto."""
    return read_qdq(model.SerializeToString(), name, HERE)


def by_onnx_runtime(model, x):
    """The outputs of a session that fuses nothing: each operator in floats, between DequantizeLinear and QuantizeLinear."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
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
    """For each output, how many steps of its quantization the C code is from ONNX Runtime; and what that gives."""
    graph = read(model)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(seed).random(shape, dtype=np.float32)
    apart = []
    for tensor, made, wanted in zip(graph.outputs, by_c(graph, x, folder), by_onnx_runtime(model, x)):
        made = made.transpose(0, 3, 1, 2) if made.shape != wanted.shape else made
        apart.append((np.abs(made - wanted) / scale_of_output(graph, tensor), wanted))
    return apart
