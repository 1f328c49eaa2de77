"""Small networks as C on an emulated Cortex-M: the bytes they give, and the instructions they take."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from poseutils.deployment import emulation, exporting
from poseutils.deployment.c_network import network_header, network_source, weights_header, weights_source
from poseutils.deployment.compiling import Compiled, compile_graph
from poseutils.deployment.host import run_make, run_tool
from poseutils.graph import Graph

MAIN = """
#include <stdio.h>
#include "network.h"
double pose_clock(void);
int main(int argc, char **argv)
{
    FILE *in = fopen(argv[argc - 2], "rb"), *out = fopen(argv[argc - 1], "wb");
    network_init();
    for (int32_t i = 0; i < NETWORK_INPUTS; i++) {
        fread(network_input(i), 1, (size_t)network_input_bytes[i], in);
    }
    const double before = pose_clock();
    network_run();
    printf("%.0f instructions\\n", pose_clock() - before);
    for (int32_t i = 0; i < NETWORK_OUTPUTS; i++) {
        fwrite(network_output(i), 1, (size_t)network_output_bytes[i], out);
    }
    return fclose(out);
}
"""


def sources(compiled: Compiled) -> dict[str, str]:
    """The C files of a network alone, by name: no keypoints, no program."""
    return {
        "network.c": network_source(compiled.graph, compiled.program, compiled.addresses, "network", "tiny"),
        "network.h": network_header(compiled.graph, "network", compiled.plan.size, "tiny"),
        "network_weights.c": weights_source(compiled.program, "network", "tiny"),
        "network_weights.h": weights_header(compiled.program, "network"),
        **exporting.kernel_files(),
    }


def emulated(graph: Graph, inputs: list[np.ndarray], core: str, folder: Path) -> tuple[bytes, int]:
    """All outputs of a network, one after the other, and the instructions; ``core`` is one of ``emulation.EMULATED``."""
    files = sources(compile_graph(graph, "tiny", "file", "network")) | {"main.c": MAIN}
    files |= dict.fromkeys(("pose_decode.c", "pose_decode.h", "network_poses.c", "network_poses.h"), "typedef int nothing;\n")
    files |= {name: exporting.filled(name, {"name": "network", "NAME": "NETWORK"}) for name in ("Makefile", "startup.c")}
    files[f"{core}.ld"] = exporting.filled("board.ld", emulation.linker_script(core))
    for name, text in files.items():
        (folder / name).write_text(text)
    run_make(folder, core)
    (folder / "in.bin").write_bytes(b"".join(values.tobytes() for values in inputs))
    printed = run_tool(emulation.qemu_command(core), folder)
    return (folder / "out.bin").read_bytes(), int(re.search(r"(\d+) instructions", printed)[1])
