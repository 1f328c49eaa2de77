"""The kernels by this computer's own vector instructions and as plain C: every bit as LiteRT's reference kernels have it."""

import shutil
import subprocess

import numpy as np
import pytest
from emulated import merged, network_sources
from litert_reference import Reference
from test_kernels import MAIN, conv
from test_kernels_emulated import networks
from tiny_tflite import build, tensor

from poseutils.deployment.exporting import kernel_files
from poseutils.tflite import parse_tflite

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
pytestmark = pytest.mark.skipif(not COMPILERS, reason="no C compiler is installed here")
NEEDED = ("__AVX512BW__", "__AVX512VL__", "__AVX512VNNI__", "__AVX512VBMI__")
STRICT = ["-std=c99", "-O3", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fno-strict-aliasing", "-ffp-contract=off"]
KINDS = {"vectors": ["-march=native"], "plain": ["-march=native", "-DPOSE_PLAIN"]}


def has_vectors(compiler):
    made = subprocess.run([compiler, "-march=native", "-dM", "-E", "-"], input="", capture_output=True, text=True)
    return made.returncode == 0 and all(name in made.stdout for name in NEEDED)


def extreme(channels, made, value, zero, scale, depthwise=False, size=1, stride=1, rows=12, multiplier=1):
    """All weights the same extreme value; a scale above 1 shifts to the left, one of 1/2 not at all."""
    shape = (1, size, size, made) if depthwise else (made, size, size, channels)
    fields = {"depthMultiplier": multiplier, "kind": "DepthwiseConv2DOptions"} if depthwise else {}
    out = -(-rows // stride)
    tensors = [
        tensor("x", (1, rows, rows, channels), scale=1.0, zero_point=zero),
        tensor("w", shape, data=np.full(shape, value, np.int8), scale=scale),
        tensor("b", (made,), "INT32", np.arange(made, dtype=np.int32) * 977 - 31000, scale=None),
        tensor("o", (1, out, out, made), scale=1.0, zero_point=-zero - 1),
    ]
    return build(
        tensors, [("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", [0, 1, 2], [3], conv(0, (stride, stride), **fields))], [0], [3]
    )


def extremes():
    """Channels around whole vectors, rows with and without room for turned weights, both ends of every range."""
    cases = [(count, made) for count in (1, 3, 5, 17, 63, 64, 65, 130) for made in (1, 3, 5, 17, 63, 65)]
    ends = [(value, zero) for value in (-128, 127) for zero in (-128, 0, 127)]
    scales = (2.0**-14, 0.5, 1.0, 3.0)
    for i, (count, made) in enumerate(cases):
        value, zero = ends[i % len(ends)]
        for size, rows in ((1, 5), (1, 12), (3, 7)):
            yield extreme(count, made, value, zero, scales[i % 4], size=size, rows=rows, stride=1 + i % 2)
    for i, count in enumerate((1, 3, 5, 17, 63, 64, 65)):
        for value, zero in ends:
            yield extreme(count, count, value, zero, scales[i % 4], True, 3, 1 + i % 2)
            yield extreme(count, 2 * count, value, zero, scales[i % 4], True, 3, multiplier=2)


def inputs_of(graph):
    """Random values, and tensors that are -128 or 127 everywhere."""
    dice = np.random.default_rng(5)
    for number, index in enumerate(graph.inputs):
        made = graph.tensors[index]
        values = dice.integers(-128, 128, made.shape).astype(np.int8)
        values = np.full(made.shape, (-128, 127)[number // 4 % 2], np.int8) if number % 4 == 3 else values
        yield (
            values.view(np.uint8) if made.dtype == "uint8" else (values * 0.0235).astype(made.dtype) if made.dtype == "float32" else values
        )


@pytest.fixture(scope="module", params=["operators", "extremes"])
def network(request):
    """A network, its inputs, and what LiteRT makes of them, output by output."""
    data = merged(networks() if request.param == "operators" else list(extremes()))
    graph = parse_tflite(data, request.param)
    inputs, reference = list(inputs_of(graph)), Reference(data)
    for index, values in zip(graph.inputs, inputs):
        reference.interpreter.set_tensor(index, values)
    reference.interpreter.invoke()
    return graph, inputs, {t: reference.tensor(t) for t in graph.outputs}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_this_computer_gives_the_reference_bits(network, compiler, kind, tmp_path):
    if kind == "vectors" and not has_vectors(compiler):
        pytest.skip(f"this processor, or {compiler}, has no AVX-512 with VNNI and VBMI")
    graph, inputs, expected = network
    files = {**network_sources(graph), **kernel_files(), "main.c": MAIN}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    flags = [*STRICT, *KINDS[kind]]
    subprocess.run([compiler, *flags, "-c", "pose_kernels.c"], cwd=tmp_path, check=True)
    assert (b"vpdpbusd" in subprocess.check_output(["objdump", "-d", "pose_kernels.o"], cwd=tmp_path)) == (kind == "vectors")
    sources = ["network.c", "network_weights.c", "main.c", "pose_kernels.o"]
    subprocess.run([compiler, "-std=c99", *sources, "-lm", "-o", "main"], cwd=tmp_path, check=True)
    given = subprocess.run([tmp_path / "main"], input=b"".join(v.tobytes() for v in inputs), check=True, stdout=subprocess.PIPE).stdout
    at, different = 0, []
    for index, values in expected.items():
        if given[at : at + values.nbytes] != values.tobytes():
            different.append((index, graph.tensors[index].shape))
        at += values.nbytes
    assert at == len(given) and different == []
