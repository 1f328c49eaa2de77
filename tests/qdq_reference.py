"""QDQ networks run by the C code and by ONNX Runtime."""

import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
from test_kernels import MAIN, SOURCES, STRICT

from poseutils.deployment import exporting
from poseutils.deployment.c_network import network_header, network_source, weights_header, weights_source
from poseutils.deployment.compiling import compile_graph
from poseutils.deployment.qdq import read_qdq

HERE = Path(__file__).parent


def read(model, name="net.onnx"):
    """The integer network of a ModelProto."""
    return read_qdq(model.SerializeToString(), name, HERE)


def by_onnx_runtime(model, x):
    """The outputs, computed in floats as the file says: nothing is fused."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


def compiled_kernels(folder):
    """The kernels with all warnings and sanitizers, and what feeds a network; compiled once."""
    (folder / "pose_kernels.h").write_text((SOURCES / "pose_kernels.h").read_text())
    (folder / "pose_kernels.c").write_text(exporting.joined_source("kernels"))
    subprocess.run(["gcc", *STRICT, "-c", "pose_kernels.c"], cwd=folder, check=True)
    return folder


def by_c(graph, x, folder, kernels):
    """The outputs of the C code, as it gives them."""
    given = x.transpose(0, 2, 3, 1) if x.shape != graph.tensors[graph.inputs[0]].shape else x
    compiled = compile_graph(graph, "tiny", "file", "network")
    files = {
        "network.c": network_source(compiled.graph, compiled.program, compiled.addresses, "network", "tiny"),
        "network.h": network_header(compiled.graph, "network", compiled.plan.size, "tiny"),
        "network_weights.c": weights_source(compiled.program, "network", "tiny"),
        "network_weights.h": weights_header(compiled.program, "network"),
        "main.c": MAIN,
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    sources = [name for name in files if name.endswith(".c")]
    command = ["gcc", *STRICT, f"-I{kernels}", *sources, kernels / "pose_kernels.o", "-lm", "-o", "main"]
    subprocess.run(command, cwd=folder, check=True)
    data = subprocess.run([folder / "main"], input=np.ascontiguousarray(given).tobytes(), check=True, stdout=subprocess.PIPE).stdout
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


def steps_apart(model, folder, kernels, seed=1):
    """For each output, how many steps of its quantization the C code is from ONNX Runtime; and what that gives."""
    graph = read(model)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(seed).random(shape, dtype=np.float32)
    apart = []
    for tensor, made, wanted in zip(graph.outputs, by_c(graph, x, folder, kernels), by_onnx_runtime(model, x)):
        made = made.transpose(0, 3, 1, 2) if made.shape != wanted.shape else made
        apart.append((np.abs(made - wanted) / scale_of_output(graph, tensor), wanted))
    return apart
