"""Networks as C, many in one program, against LiteRT's reference kernels: every byte, on several inputs, with sanitizers."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from litert_reference import Reference

from poseutils import PoseError
from poseutils.deployment.c_network import network_files
from poseutils.deployment.compiling import compile_graph
from poseutils.deployment.exporting import kernel_files
from poseutils.graph import Graph, Tensor
from poseutils.tflite import parse_tflite

RUNS = 3
"""Inputs of each network, one after the other: what a run leaves behind must not matter to the next."""

SANITIZED = ["-fsanitize=address,undefined", "-fsanitize-recover=address,undefined"]
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", *SANITIZED]
SECONDS = 300

# What calls a network: the one place that knows the functions of the exported C.
RUNNER = """
static int run_{name}(void)
{{
    FILE *given = fopen("{name}.in", "rb"), *made = fopen("{name}.out", "wb");
    uint8_t *arena = malloc({NAME}_ARENA_BYTES); /* aligned to 16 bytes */
    {name}_context network;
    fprintf(stderr, "network {name}.in\\n");
    pose_status status = {name}_init(&network, arena, {NAME}_ARENA_BYTES);
    while (status == POSE_OK) {{
        memset(arena, 0xa5, {NAME}_ARENA_BYTES); /* no result may depend on what was there */
        for (int32_t i = 0; i < {NAME}_INPUTS; i++) {{
            const size_t bytes = (size_t){name}_input_bytes[i];
            if (fread({name}_input(&network, i), 1, bytes, given) != bytes) {{
                fclose(given);
                free(arena);
                return fclose(made);
            }}
        }}
        status = {name}_run(&network);
        for (int32_t i = 0; i < {NAME}_OUTPUTS; i++) {{
            fwrite({name}_output(&network, i), 1, (size_t){name}_output_bytes[i], made);
        }}
    }}
    return (int)status;
}}
"""
MAIN = """
static int (*const networks[])(void) = {%s};

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 0; i < (int)(sizeof networks / sizeof *networks); i++) {
        if (argc != 2 || i == atoi(argv[1])) {
            failed |= networks[i]();
        }
    }
    return failed;
}
"""


@dataclass(frozen=True)
class Outcome:
    """What came of a network: ``equal``, ``refused`` by the exporter (``detail`` says why), or what went wrong."""

    kind: str
    detail: str = ""

    @property
    def failed(self) -> bool:
        return self.kind not in ("equal", "refused")


@dataclass(frozen=True)
class _Case:
    """A network on its way: what it is given, and what LiteRT makes of it, run after run."""

    name: str
    given: bytes
    expected: list[list[bytes]]
    outputs: list[str]


def compare(networks: Mapping[str, bytes]) -> dict[str, Outcome]:
    """Exports, compiles and runs .tflite files, by any keys, on :data:`RUNS` random inputs each."""
    with tempfile.TemporaryDirectory() as work:
        folder, cases, outcomes = Path(work), {}, {}
        for number, (key, data) in enumerate(networks.items()):
            made = prepare(data, f"g{number}", folder)
            if isinstance(made, Outcome):
                outcomes[key] = made
            else:
                cases[key] = made
        while cases and (said := _build(folder, [case.name for case in cases.values()])):
            blamed = {key for key, case in cases.items() if f"{case.name}." in said} or set(cases)
            outcomes |= {key: Outcome("does not compile", said[-2000:]) for key in blamed}
            cases = {key: case for key, case in cases.items() if key not in blamed}
        outcomes |= dict(zip(cases, _run(folder, list(cases.values())))) if cases else {}
        return {key: outcomes[key] for key in networks}


def prepare(data: bytes, name: str, folder: Path) -> _Case | Outcome:
    """Writes a network's C and its inputs; an outcome, if it does not come to that."""
    try:
        graph = parse_tflite(data, name)
        sources = network_files(compile_graph(graph, name, "file", name), name)
    except PoseError as error:
        return Outcome("refused", str(error))
    except Exception as error:
        return Outcome("exporter fails", repr(error))
    for file, text in sources.items():
        (folder / file).write_text(text)
    try:
        given, expected = reference_bytes(data, graph)
    except (RuntimeError, ValueError) as error:
        return Outcome("LiteRT fails", str(error))
    (folder / f"{name}.in").write_bytes(given)
    return _Case(name, given, expected, [graph.tensors[t].name for t in graph.outputs])


def reference_bytes(data: bytes, graph: Graph) -> tuple[bytes, list[list[bytes]]]:
    """Random inputs, one run after the other, and for each run what LiteRT makes of them, output by output."""
    reference, dice = Reference(data), np.random.default_rng(len(data))
    given, expected = b"", []
    for _ in range(RUNS):
        for index in graph.inputs:
            values = random_values(graph.tensors[index], dice)
            reference.interpreter.set_tensor(index, values)
            given += values.tobytes()
        reference.interpreter.invoke()
        expected.append([reference.tensor(t).tobytes() for t in graph.outputs])
    return given, expected


def random_values(tensor: Tensor, dice: np.random.Generator) -> np.ndarray:
    """Values of a tensor's type; floats reach beyond what 8 bits hold, and lie between steps."""
    values = dice.integers(-128, 128, tensor.shape)
    if tensor.dtype == "float32":
        return (values * 0.0235).astype(np.float32)
    return np.asarray(values + 128 * (tensor.dtype == "uint8")).astype(tensor.dtype)


def main_source(names: list[str]) -> str:
    """A program that runs networks one after the other, from and to files of their names; or one, by its number."""
    headers = "".join(f'#include "{name}.h"\n' for name in names)
    runners = "".join(RUNNER.format(name=name, NAME=name.upper()) for name in names)
    table = ", ".join(f"run_{name}" for name in names)
    return "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n" + headers + runners + MAIN % table


def _build(folder: Path, names: list[str]) -> str:
    """Compiles; gives what the compiler says if it refuses."""
    (folder / "main.c").write_text(main_source(names))
    kernels = sanitized_kernels()
    for name in names:
        (folder / f"{name}_all.c").write_text(f'#include "{name}_weights.c"\n#include "{name}.c"\n')
    sources = ["main.c", *(f"{name}_all.c" for name in names)]
    command = ["gcc", *FLAGS, f"-I{kernels}", *sources, str(kernels / "pose_kernels.o"), "-lm", "-o", "main"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.stderr if done.returncode else ""


def sanitized_kernels() -> Path:
    """A folder with the kernels and their object, which is kept: compiled once for one text."""
    files = kernel_files()
    key = hashlib.sha256(repr((sorted(files.items()), FLAGS)).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"pose-kernels-{key}-{os.getuid()}"
    if not folder.exists():
        with tempfile.TemporaryDirectory() as work:
            made = Path(work) / "made"
            made.mkdir()
            for name, text in files.items():
                (made / name).write_text(text)
            subprocess.run(["gcc", *FLAGS, "-O1", "-c", "pose_kernels.c"], cwd=made, check=True)
            try:
                made.rename(folder)
            except OSError:  # another process was faster
                pass
    return folder


def _run(folder: Path, cases: list[_Case]) -> list[Outcome]:
    """All networks in one process; what that does not survive, each in its own."""
    said, code = _execute(folder)
    if code == 0:
        return [_outcome(folder, case, said.get(case.name, "")) for case in cases]
    outcomes = []
    for number, case in enumerate(cases):
        said, code = _execute(folder, str(number))
        report = said.get(case.name, "")
        outcomes.append(Outcome("crash", f"code {code}: {report[-1500:]}") if code else _outcome(folder, case, report))
    return outcomes


def _execute(folder: Path, *arguments: str) -> tuple[dict[str, str], int]:
    """What was said on standard error for each network, and the exit code."""
    options = {**os.environ, "ASAN_OPTIONS": "halt_on_error=0:detect_leaks=0"}
    try:
        done = subprocess.run(["./main", *arguments], cwd=folder, env=options, stderr=subprocess.PIPE, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return {}, -1
    parts = re.split(r"^network (\w+)\.in\n", done.stderr.decode(errors="replace"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2])), done.returncode


def _outcome(folder: Path, case: _Case, report: str) -> Outcome:
    if report:
        return Outcome("sanitizer", report[:1500])
    wrong = differences((folder / f"{case.name}.out").read_bytes(), case)
    return Outcome("wrong bytes", wrong) if wrong else Outcome("equal")


def differences(made: bytes, case: _Case) -> str:
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
