"""The vector instructions of each core, by emulation: every bit as LiteRT's reference kernels have
it."""

import subprocess

import numpy as np
import pytest

from poseutils.compiler.emit.kernels import kernel_files
from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.deployment.verify.emulator import EMULATED
from tests.helpers.marks import slow_except, with_qemu
from tests.helpers.networks.kernel_cases import CASES
from tests.helpers.networks.parts import random_values
from tests.helpers.networks.tiny_tflite import build, tensor
from tests.helpers.running.emulated import merged, network_sources, run_emulated
from tests.helpers.running.litert_reference import Reference

pytestmark = with_qemu


def window(dice, depthwise):
    """A convolution of any shape: channels and products that vectors hold or not, ratios of scales
    from 2^-40 to 2, full biases."""
    height, width, deep, made = (int(n) for n in dice.integers(1, [7, 9, 40, 70]))
    size, stride, dilation = (int(n) for n in dice.integers(1, [4, 3, 3]))
    size = 1 if not depthwise and dice.random() < 0.4 else size
    multiplier = int(dice.choice([1, 1, 1, 2])) if depthwise else 1
    made = deep * multiplier if depthwise else made
    weights = dice.integers(
        -128, 128, (1, size, size, made) if depthwise else (made, size, size, deep)
    ).astype(np.int8)
    scales = list(
        2.0 ** dice.uniform(-16, -4, made)
        if dice.random() < 0.8
        else 2.0 ** dice.uniform(-40, 1, made)
    )
    bias = (dice.integers(-(2**31), 2**31, made) >> dice.integers(0, 28, made)).astype(np.int32)
    tensors = [
        tensor("x", (1, height, width, deep), scale=1.0, zero_point=int(dice.integers(-128, 128))),
        tensor("w", weights.shape, data=weights, scale=scales),
        tensor("b", (made,), "INT32", bias, scale=None),
        tensor(
            "o",
            (1, -(-height // stride), -(-width // stride), made),
            scale=1.0,
            zero_point=int(dice.integers(-128, 128)),
        ),
    ]
    fields = {
        "padding": 0,
        "strideH": stride,
        "strideW": stride,
        "dilationHFactor": dilation,
        "dilationWFactor": dilation,
    }
    fields |= {
        "fusedActivationFunction": int(dice.choice([0, 1])),
        **({"depthMultiplier": multiplier} if depthwise else {}),
    }
    name, kind = (
        ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions")
        if depthwise
        else ("CONV_2D", "Conv2DOptions")
    )
    return build(tensors, [(name, [0, 1, 2], [3], (kind, fields))], [0], [3])


def networks():
    """The operators of the other tests, and many windows."""
    dice = np.random.default_rng(11)
    made = [make() for make in CASES.values()] + [
        window(dice, depthwise) for depthwise in (False, True) for _ in range(60)
    ]
    # The last ones have no room for scratch: all inputs and outputs are alive.
    return made + [CASES[name]() for name in CASES if name.startswith("conv, deep")]


@pytest.fixture(scope="module")
def all_operators():
    """A network as C, its inputs, and what LiteRT makes of them, output by output."""
    data = merged(networks())
    graph = parse_tflite(data, "all")
    inputs = [random_values(graph.tensors[t]) for t in graph.inputs]
    reference = Reference(data)
    for index, values in zip(graph.inputs, inputs):
        reference.interpreter.set_tensor(index, values)
    reference.interpreter.invoke()
    sources = network_sources(graph, memory="layerwise")  # a sixth of the time to plan
    return sources, inputs, [(graph.tensors[t].shape, reference.tensor(t)) for t in graph.outputs]


@pytest.mark.slow
@pytest.mark.parametrize("core", EMULATED)
def test_every_core_gives_the_reference_bits(all_operators, core, tmp_path):
    sources, inputs, expected = all_operators
    given, at, different = run_emulated(sources, inputs, core, tmp_path)[0], 0, []
    for number, (shape, values) in enumerate(expected):
        if given[at : at + values.nbytes] != values.tobytes():
            different.append((number, shape))
        at += values.nbytes
    assert at == len(given) and different == []


CORES = {
    "m4": ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"],
    "m7": ["-mcpu=cortex-m7", "-mfpu=fpv5-sp-d16"],
    "m55": ["-mcpu=cortex-m55"],
}


@pytest.mark.parametrize("core", slow_except({"m4", "m55"}, CORES))
def test_kernels_compile_without_a_warning(core, tmp_path):
    for name, text in kernel_files().items():
        (tmp_path / name).write_text(text)
    flags = [
        "-std=c99",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Wconversion",
        "-Wundef",
        "-Werror",
        "-mthumb",
        "-mfloat-abi=hard",
        *CORES[core],
    ]
    sources = [name for name in kernel_files() if name.endswith(".c")]
    subprocess.run(["arm-none-eabi-gcc", *flags, "-c", *sources], cwd=tmp_path, check=True)
    code = subprocess.run(
        ["arm-none-eabi-objdump", "-d", *(f"{name[:-2]}.o" for name in sources)],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert ("vqrdmulh" if core == "m55" else "smlad") in code
