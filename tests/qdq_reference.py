"""QDQ networks run by the C code and by ONNX Runtime."""

import platform
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from test_kernels import run

from poseutils.deployment.qdq import read_qdq

HERE = Path(__file__).parent
like_onnx_runtime = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="ONNX Runtime puts other operators together on this processor"
)


def read(model, name="net.onnx"):
    """The integer network of a ModelProto."""
    return read_qdq(model.SerializeToString(), name, HERE)


def by_onnx_runtime(model, x):
    """The outputs of its default session, of one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
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
