"""Small networks as C on an emulated Cortex-M: the bytes they give, and the instructions they
take."""

from __future__ import annotations

import re
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from poseutils.compiler.compile import compile_graph
from poseutils.compiler.emit.kernels import kernel_files
from poseutils.compiler.emit.network import network_files
from poseutils.compiler.graph import Graph
from poseutils.deployment.templates import filled
from poseutils.deployment.verify import emulator as emulation
from poseutils.deployment.verify.host_build import run_make, run_tool

MAIN = """
#include <stdio.h>
#include "network.h"
double pose_clock(void);
static POSE_ALIGNED(NETWORK_ARENA_ALIGNMENT) uint8_t arena[NETWORK_ARENA_BYTES];
static network_context network;
int main(int argc, char **argv)
{
    FILE *in = fopen(argv[argc - 2], "rb"), *out = fopen(argv[argc - 1], "wb");
    if (network_init(&network, arena, sizeof arena) != POSE_OK) {
        return 1;
    }
    for (int32_t i = 0; i < NETWORK_INPUTS; i++) {
        fread(network_input(&network, i), 1, (size_t)network_input_bytes[i], in);
    }
    const double before = pose_clock();
    const pose_status status = network_run(&network);
    printf("%.0f instructions\\n", pose_clock() - before);
    for (int32_t i = 0; i < NETWORK_OUTPUTS; i++) {
        fwrite(network_output(&network, i), 1, (size_t)network_output_bytes[i], out);
    }
    return fclose(out) != 0 || status != POSE_OK;
}
"""


def merged(models: list[bytes]) -> bytes:
    """One network that computes all of them, beside each other; inputs and outputs in order."""
    whole = None
    for data in models:
        part = schema.ModelT.InitFromPackedBuf(data)
        if whole is None:
            whole = part
            continue
        graph, own = whole.subgraphs[0], part.subgraphs[0]
        tensors, buffers, codes = len(graph.tensors), len(whole.buffers), len(whole.operatorCodes)
        for made in own.tensors:
            made.buffer += buffers
        for operator in own.operators:
            operator.opcodeIndex += codes
            operator.inputs = np.where(
                np.asarray(operator.inputs) < 0, -1, np.asarray(operator.inputs) + tensors
            ).astype(np.int32)
            operator.outputs = np.asarray(operator.outputs) + np.int32(tensors)
        graph.tensors += own.tensors
        graph.operators += own.operators
        graph.inputs = np.concatenate([graph.inputs, np.asarray(own.inputs) + np.int32(tensors)])
        graph.outputs = np.concatenate([graph.outputs, np.asarray(own.outputs) + np.int32(tensors)])
        whole.buffers += part.buffers
        whole.operatorCodes += part.operatorCodes
    builder = flatbuffers.Builder(1024)
    builder.Finish(whole.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def network_sources(graph: Graph, **options) -> dict[str, str]:
    """The C files of a network alone, by name: no kernels, no keypoints, no program; ``options``
    are those of compile_graph."""
    return network_files(compile_graph(graph, "tiny", "file", "network", **options), "network")


def emulated(graph: Graph, inputs: list[np.ndarray], core: str, folder: Path) -> tuple[bytes, int]:
    """All outputs of a network, one after the other, and the instructions; ``core`` is one of
    ``emulation.EMULATED``."""
    return run_emulated(network_sources(graph), inputs, core, folder)


def run_emulated(
    sources: dict[str, str], inputs: list[np.ndarray], core: str, folder: Path
) -> tuple[bytes, int]:
    """As :func:`emulated`, of a network's C files."""
    files = sources | kernel_files() | {"example/main.c": MAIN}
    files |= {
        name: filled(name, {"name": "network", "NAME": "NETWORK"})
        for name in ("Makefile", "example/startup.c")
    }
    files[f"example/{core}.ld"] = filled("example/board.ld", emulation.linker_script(core))
    (folder / "example").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    run_make(folder, core)
    (folder / "in.bin").write_bytes(b"".join(values.tobytes() for values in inputs))
    printed = run_tool(emulation.qemu_command(core), folder)
    return (folder / "out.bin").read_bytes(), int(re.search(r"(\d+) instructions", printed)[1])
