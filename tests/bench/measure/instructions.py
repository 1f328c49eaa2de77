"""Counts the instructions of every layer of real networks on emulated Cortex-M, and fits the cost
model of ``poseutils.compiler``.

python -m tests.bench.measure.instructions [FILE.tflite ...]

Without files: the shipped network and the published ones in POSEUTILS_CACHE. Fully connected
layers, which none of these has, are made. Writes poseutils/compiler/instructions.json and says how
far the model's totals are from the counts. To be run again whenever the kernels change; it takes
the Arm compiler, QEMU and some minutes.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from poseutils.compiler.compile import Compiled, compile_graph
from poseutils.compiler.cost_model import ANY, TABLE, UNITS, kind, work
from poseutils.compiler.frontends.tflite import read_tflite
from poseutils.deployment import export
from poseutils.deployment.verify.emulator import EMULATED, qemu_command
from poseutils.deployment.verify.host_build import copy_sources, run_make, run_tool
from poseutils.files import write_text
from tests.helpers.networks.parts import dense

REPOSITORY = Path(__file__).resolve().parents[3]

MAIN = """
/* Runs the network once on noise, and prints the instructions of each tensor, those of the counting
 * itself left out. */
#include <stdio.h>

#include "network.h"

#define MOST 4096
double pose_clock(void);
static POSE_ALIGNED(NETWORK_ARENA_ALIGNMENT) uint8_t arena[NETWORK_ARENA_BYTES];
static network_context network;
static double began, spent[MOST];
static int32_t done[MOST], count;

static void probe(void *user, int32_t tensor, const void *values, int32_t rows, int32_t row_bytes,
                  int32_t stride_bytes)
{
    const double now = pose_clock();
    (void)user, (void)values, (void)rows, (void)row_bytes, (void)stride_bytes;
    if (count < MOST) {
        done[count] = tensor;
        spent[count++] = now - began;
    }
    began = pose_clock();
}

int main(void)
{
    uint32_t noise = 1;
    if (network_init(&network, arena, sizeof arena) != POSE_OK) {
        return 1;
    }
    for (int32_t i = 0; i < network_input_bytes[0]; i++) {
        noise = noise * 1664525u + 1013904223u;
        ((uint8_t *)network_input(&network, 0))[i] = (uint8_t)(noise >> 24);
    }
    network.after_layer = probe;
    began = pose_clock();
    network_run(&network);
    for (int32_t i = 0; i < count; i++) {
        printf("tensor %d %.0f\\n", (int)done[i], spent[i]);
    }
    return 0;
}
"""


DENSE = [(64, 1), (256, 2), (1280, 1), (128, 10), (1152, 63), (256, 256)]
"""Inputs and outputs of the fully connected layers that are measured."""


def dense_layers(folder: Path) -> list[Path]:
    paths = []
    for inputs, outputs in DENSE:
        paths.append(folder / f"dense_{inputs}_{outputs}.tflite")
        paths[-1].write_bytes(dense(1, inputs, outputs))
    return paths


def counted(path: Path, core: str) -> tuple[Compiled, dict[int, float]]:
    """A network, and the instructions of each of its operators by its index."""
    compiled = compile_graph(read_tflite(path), path.name, "quantized", "network", "layerwise")
    with tempfile.TemporaryDirectory() as work_folder:
        bundle = export(path, Path(work_folder) / "bundle", name="network", memory="layerwise")
        folder = copy_sources(bundle.sources, Path(work_folder) / "copy")
        (folder / "example/main.c").write_text(MAIN)
        makefile = folder / "Makefile"
        makefile.write_text(
            makefile.read_text().replace("ARM_FLAGS := ", "ARM_FLAGS := -DNETWORK_DEBUG ")
        )
        run_make(folder, core)
        printed = run_tool(qemu_command(core), folder)
    spent = {
        int(tensor): float(count)
        for tensor, count in re.findall(r"^tensor (\d+) (\d+)$", printed, re.MULTILINE)
    }
    return compiled, {
        i: sum(spent[t] for t in op.outputs)
        for i, (op, calls) in enumerate(compiled.program.steps)
        if calls
    }


def fitted(amounts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Costs, none negative, that explain the counts best; a layer weighs by the root of its count,
    between error and relative error."""
    weight = 1 / np.sqrt(np.maximum(counts, 1))
    use = [u for u in range(amounts.shape[1]) if amounts[:, u].any()]
    while use:
        found, *_ = np.linalg.lstsq(amounts[:, use] * weight[:, None], counts * weight, rcond=None)
        if (found >= 0).all():
            break
        use.pop(int(np.argmin(found)))
    costs = np.zeros(amounts.shape[1])
    costs[use] = found if use else 0
    return costs


def fit(measured: list[tuple[Compiled, dict[int, float]]]) -> dict[str, list[float]]:
    """Costs by kind of operator, and those of any other."""
    rows: dict[str, list[tuple]] = {}
    for compiled, counts in measured:
        for index, count in counts.items():
            operator = compiled.graph.operators[index]
            rows.setdefault(kind(compiled.graph, operator), []).append(
                (work(compiled.graph, operator), count)
            )
    plain = [row for name, each in rows.items() for row in each if not row[0][0]]
    table = {
        name: fitted(*map(np.array, zip(*each)))
        for name, each in sorted({**rows, ANY: plain}.items())
    }
    return {name: [float(f"{cost:.4g}") for cost in costs] for name, costs in table.items()}


def estimated(compiled: Compiled, counts: dict[int, float], table: dict[str, list[float]]) -> float:
    operators = [compiled.graph.operators[i] for i in counts]
    return sum(
        float(np.dot(table[kind(compiled.graph, op)], work(compiled.graph, op))) for op in operators
    )


def main(arguments: list[str]) -> None:
    cache = os.environ.get("POSEUTILS_CACHE")
    usual = [
        *sorted((REPOSITORY / "data/models").glob("*.tflite")),
        *(sorted(Path(cache).glob("models/*.tflite")) if cache else []),
    ]
    made = Path(tempfile.mkdtemp())
    paths = [*([Path(a) for a in arguments] or usual), *dense_layers(made)]
    cores: dict[str, dict[str, list[float]]] = {}
    for core, machine in EMULATED.items():
        measured = []
        for path in paths:
            measured.append(counted(path, core))
        cores[machine.core] = table = fit(measured)
        for path, (compiled, counts) in zip(paths, measured):
            total, guess = sum(counts.values()), estimated(compiled, counts, table)
            off = 100 * (guess / total - 1)
            what = f"{machine.core:10} {path.name[:48]:48}"
            print(f"{what} {total / 1e6:9.1f} million, model {off:+.1f} %", flush=True)
    shutil.rmtree(made)
    write_text(TABLE, as_text(cores))


def as_text(cores: dict[str, dict[str, list[float]]]) -> str:
    """The table, a line a kind, so that a change shows line by line."""
    blocks = [
        f'  "{core}": {{\n'
        + ",\n".join(f'   "{name}": {costs}' for name, costs in t.items())
        + "\n  }"
        for core, t in cores.items()
    ]
    units = ", ".join(f'"{unit}"' for unit in UNITS)
    return f'{{\n "units": [{units}],\n "cores": {{\n' + ",\n".join(blocks) + "\n }\n}\n"


if __name__ == "__main__":
    main(sys.argv[1:])
