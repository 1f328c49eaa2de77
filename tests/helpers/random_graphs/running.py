"""Networks as C, many in one program with sanitizers, byte for byte against LiteRT."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from poseutils import PoseError
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.emit.network import network_files
from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.compiler.graph import Graph, Tensor
from poseutils.compiler.passes import IO
from poseutils.compiler.rows import row_count
from tests.helpers.running.compiled import kernel_objects
from tests.helpers.running.litert_reference import Reference

RUNS = 3
"""Inputs of each network, one after the other."""

SANITIZED = ["-fsanitize=address,undefined", "-fsanitize-recover=address,undefined"]
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wundef", "-Werror", *SANITIZED]
SECONDS = 300
TOGETHER = 64
"""Networks a source file: the compiler reads the headers once for them."""

# What calls a network: the one place that knows the functions of the exported C.
RUNNER = """
static POSE_ALIGNED({NAME}_ARENA_ALIGNMENT) uint8_t {name}_arena[{NAME}_ARENA_BYTES];

static pose_status run_{name}(FILE *given, FILE *made)
{{
    {name}_context network;
    pose_status status = {name}_init(&network, {name}_arena, {NAME}_ARENA_BYTES);
    for (int run = 0; run < RUNS && status == POSE_OK; run++) {{
        memset({name}_arena, 0xa5, {NAME}_ARENA_BYTES); /* no result may depend on what was there */
#ifdef {NAME}_ROWS
        do {{
            uint8_t row[{NAME}_ROW_BYTES];
            fread(row, 1, sizeof row, given);
            status = {name}_push_row(&network, row);
        }} while (status == POSE_OK && {name}_rows_missing(&network) > 0);
#else
        for (int32_t i = 0; i < {NAME}_INPUTS; i++) {{
            fread({name}_input(&network, i), 1, (size_t){name}_input_bytes[i], given);
        }}
        status = {name}_run(&network);
#endif
        for (int32_t i = 0; i < {NAME}_OUTPUTS; i++) {{
            fwrite({name}_output(&network, i), 1, (size_t){name}_output_bytes[i], made);
        }}
    }}
    return status;
}}
"""
HEAD = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
MAIN = """
typedef struct {
    pose_status (*run)(FILE *given, FILE *made);
    const char *given, *made;
} network;

static const network networks[] = {
%s};

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 0; i < (int)(sizeof networks / sizeof *networks); i++) {
        if (argc != 2 || i == atoi(argv[1])) {
            FILE *given = fopen(networks[i].given, "rb"), *made = fopen(networks[i].made, "wb");
            fprintf(stderr, "network %%s\\n", networks[i].given);
            failed |= networks[i].run(given, made) != POSE_OK;
            fclose(given);
            fclose(made);
        }
    }
    return failed;
}
"""


REFERENCE_ABORTS = "the reference aborts"
"""Of a network on which a check in LiteRT's own kernels fails: no bytes to be equal to."""

Draw = Callable[[Tensor, np.random.Generator], np.ndarray]
"""Makes the values of an input."""


@dataclass(frozen=True)
class Outcome:
    """The result for a network: ``equal``, ``refused`` by the exporter, or what went wrong."""

    kind: str
    detail: str = ""

    @property
    def failed(self) -> bool:
        return self.kind not in ("equal", "refused", REFERENCE_ABORTS)


@dataclass(frozen=True)
class Case:
    """A network on its way: what LiteRT makes of it, run after run, output by output."""

    name: str
    runs: int
    expected: list[list[bytes]]
    outputs: list[str]


def io_of(data: bytes) -> str:
    """How a file is exported: half of them keep the QUANTIZE and DEQUANTIZE at their ends."""
    return IO[zlib.crc32(data) % len(IO)]


def is_pushed(data: bytes, graph: Graph) -> bool:
    """Whether rows are pushed to a network: to half of those that take a single image."""
    one = len(graph.inputs) == 1 and row_count(graph.tensors[graph.inputs[0]]) > 1
    return one and zlib.crc32(data) // len(IO) % 2 == 0


def compare(
    networks: Mapping[Hashable, bytes],
    runs: int = RUNS,
    io: str | None = None,
    draw: Draw | None = None,
) -> dict[Hashable, Outcome]:
    """Exports, compiles and runs .tflite files, by any keys, on some inputs each.

    Args:
        draw: makes the values of an input; by default they are random.
    """
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        cases, outcomes = prepare(networks, folder, runs, io, draw)
        while cases and (said := _build(folder, list(cases.values()))):
            blamed = {key for key, case in cases.items() if f"{case.name}." in said} or set(cases)
            outcomes |= {key: Outcome("does not compile", said[-2000:]) for key in blamed}
            cases = {key: case for key, case in cases.items() if key not in blamed}
        outcomes |= dict(zip(cases, _run(folder, list(cases.values())))) if cases else {}
        return {key: outcomes[key] for key in networks}


def prepare(
    networks: Mapping[Hashable, bytes],
    folder: Path,
    runs: int = RUNS,
    io: str | None = None,
    draw: Draw | None = None,
) -> tuple[dict[Hashable, Case], dict[Hashable, Outcome]]:
    """Writes the C of networks, and their inputs; outcomes of those that get no further."""
    cases, outcomes = {}, {}
    for number, (key, data) in enumerate(networks.items()):
        made = _prepared(data, f"g{number}", folder, runs, io or io_of(data), draw)
        (cases if isinstance(made, Case) else outcomes)[key] = made
    return cases, outcomes


def _prepared(
    data: bytes, name: str, folder: Path, runs: int, io: str, draw: Draw | None
) -> Case | Outcome:
    try:
        graph = parse_tflite(data, name)
        compiled = compile_graph(graph, name, io, name, pushed=is_pushed(data, graph))
        sources = network_files(compiled, name)
    except PoseError as error:
        return Outcome("refused", str(error))
    except Exception as error:
        return Outcome("exporter fails", repr(error))
    try:
        given, expected = reference_bytes(data, graph, compiled.graph, runs, draw)
    except (RuntimeError, ValueError) as error:
        return Outcome("LiteRT fails", str(error))
    for file, text in sources.items():
        (folder / file).write_text(text)
    (folder / f"{name}.in").write_bytes(given)
    return Case(
        name, runs, expected, [compiled.graph.tensors[t].name for t in compiled.graph.outputs]
    )


def reference_bytes(
    data: bytes, graph: Graph, exported: Graph, runs: int, draw: Draw | None = None
) -> tuple[bytes, list[list[bytes]]]:
    """Inputs, run after run, and for each run LiteRT's bytes, output by output.

    The exported network may begin behind the file's QUANTIZE, and end before its DEQUANTIZE.
    """
    reference, dice = Reference(data), np.random.default_rng(len(data))
    given, expected = b"", []
    outputs = [  # a constant that an output became is not in the file
        own if own < len(graph.tensors) else filed
        for own, filed in zip(exported.outputs, graph.outputs)
    ]
    for _ in range(runs):
        for index in graph.inputs:
            values = (draw or random_values)(graph.tensors[index], dice)
            reference.interpreter.set_tensor(index, values)
        reference.interpreter.invoke()
        given += b"".join(reference.tensor(t).tobytes() for t in exported.inputs)
        expected.append([reference.tensor(t).tobytes() for t in outputs])
    return given, expected


def random_values(tensor: Tensor, dice: np.random.Generator) -> np.ndarray:
    """Values of a tensor's type; floats reach beyond what 8 bits hold, and lie between steps."""
    values = dice.integers(-128, 128, tensor.shape)
    if tensor.dtype == "float32":
        return (values * 0.0235).astype(np.float32)
    return np.asarray(values + 128 * (tensor.dtype == "uint8")).astype(tensor.dtype)


def main_source(cases: list[Case]) -> str:
    """A program that runs networks, from and to files of their names; or one, by its number."""
    names = [case.name for case in cases]
    headers = "".join(f'#include "{name}.h"\n' for name in names)
    runners = "".join(RUNNER.format(name=name, NAME=name.upper()) for name in names)
    table = "".join(f'    {{run_{name}, "{name}.in", "{name}.out"}},\n' for name in names)
    return f"{HEAD}#define RUNS {cases[0].runs}\n{headers}{runners}{MAIN % table}"


def _build(folder: Path, cases: list[Case]) -> str:
    """Compiles; gives what the compiler says if it refuses."""
    (folder / "main.c").write_text(main_source(cases))
    kernels = kernel_objects(*FLAGS, "-O1")
    for part in range(0, len(cases), TOGETHER):
        files = (_own_names(folder, case.name) for case in cases[part : part + TOGETHER])
        (folder / f"part{part}.c").write_text("".join(files))
    sources = ["main.c", *(f"part{part}.c" for part in range(0, len(cases), TOGETHER))]
    command = [
        "gcc",
        *FLAGS,
        f"-I{kernels}",
        *sources,
        str(kernels / "kernels.a"),
        "-lm",
        "-o",
        "main",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.stderr if done.returncode else ""


def _own_names(folder: Path, name: str) -> str:
    """Includes a network; what is static in it gets a name of its own, as many share a source."""
    files = [f"{name}_weights.c", f"{name}.c"]
    text = "".join((folder / file).read_text() for file in files)
    names = sorted(set(re.findall(r"^static\b.*?(\w+)(?:\[[^\]]*\])* ?[=(]", text, re.MULTILINE)))
    lines = [f"#define {each} {name}_{each}" for each in names]
    lines += [f'#include "{file}"' for file in files] + [f"#undef {each}" for each in names]
    return "\n".join(lines) + "\n"


def _run(folder: Path, cases: list[Case]) -> list[Outcome]:
    """All networks in one process; what that does not survive, each in its own."""
    said, code = _execute(folder)
    if code == 0:
        return [_outcome(folder, case, said.get(case.name, "")) for case in cases]
    outcomes = []
    for number, case in enumerate(cases):
        said, code = _execute(folder, str(number))
        report = said.get(case.name, "")
        outcomes.append(
            Outcome("crash", f"code {code}: {report[-1500:]}")
            if code
            else _outcome(folder, case, report)
        )
    return outcomes


def _execute(folder: Path, *arguments: str) -> tuple[dict[str, str], int]:
    """What was said on standard error for each network, and the exit code."""
    options = {**os.environ, "ASAN_OPTIONS": "halt_on_error=0:detect_leaks=0"}
    try:
        done = subprocess.run(
            ["./main", *arguments], cwd=folder, env=options, stderr=subprocess.PIPE, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return {}, -1
    parts = re.split(
        r"^network (\w+)\.in\n", done.stderr.decode(errors="replace"), flags=re.MULTILINE
    )
    return dict(zip(parts[1::2], parts[2::2])), done.returncode


def _outcome(folder: Path, case: Case, report: str) -> Outcome:
    return Outcome("sanitizer", report[:1500]) if report else outcome_of(folder, case)


def outcome_of(folder: Path, case: Case) -> Outcome:
    """Whether what a program wrote is what LiteRT gave."""
    wrong = _differences((folder / f"{case.name}.out").read_bytes(), case)
    return Outcome("wrong bytes", wrong) if wrong else Outcome("equal")


def _differences(made: bytes, case: Case) -> str:
    """Which outputs differ in which run; empty if all bytes are the same."""
    at, found = 0, []
    for run, outputs in enumerate(case.expected):
        for name, expected in zip(case.outputs, outputs):
            own = made[at : at + len(expected)]
            if own != expected:
                count = sum(a != b for a, b in zip(own, expected)) + len(expected) - len(own)
                found.append(f"{name} in run {run}: {count} of {len(expected)} bytes")
            at += len(expected)
    return "; ".join(found) + (f"; {len(made)} bytes, not {at}" if len(made) != at else "")
