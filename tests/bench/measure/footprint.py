"""Measures code size and stack of every operator and decoder, for the table in an export's README.

python -m tests.bench.measure.footprint

Writes poseutils/deployment/footprint.json. To be run again whenever the kernels change; it takes
the Arm compiler and a minute.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path

from poseutils.compiler.compile import Compiled, compile_graph
from poseutils.compiler.emit.kernels import kernel_files
from poseutils.compiler.emit.network import network_files
from poseutils.compiler.footprint import TABLE
from poseutils.deployment.decoder_c import decoder_files
from poseutils.deployment.spec import read_network
from poseutils.deployment.templates import filled
from poseutils.deployment.verify.emulator import EMULATED
from poseutils.deployment.verify.host_build import run_tool
from poseutils.files import write_text

REPOSITORY = Path(__file__).resolve().parents[3]
FLAGS = [
    "-std=c99",
    "-O3",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-strict-aliasing",
    "-mthumb",
]
"""As the README tells an application to compile."""

_FLOATS = re.compile(
    r"\sv(?:add|sub|mul|div|fma|fms|fnm|cvt|cmp|neg|abs|sqrt|mla|mls|rint)\w*\.f(?:32|64)"
    r"|__aeabi_[fd]|<(?:exp|log|round|fm)"
)


def core_flags(core: str) -> list[str]:
    """What the folder's Makefile gives the compiler for one of ``EMULATED``."""
    return re.search(rf"^{core.upper()} := (.*)$", filled("Makefile", {"NAME": ""}), re.MULTILINE)[
        1
    ].split()


def compiled_object(source: str, folder: Path, core: str) -> Path:
    made = folder / f"{Path(source).stem}.o"
    run_tool(
        [
            "arm-none-eabi-gcc",
            *FLAGS,
            *core_flags(core),
            "-fcallgraph-info=su",
            "-c",
            source,
            "-o",
            made.name,
        ],
        folder,
    )
    return made


def symbol_sizes(made: Path, kinds: str = "tT") -> dict[str, int]:
    """Bytes by symbol."""
    sizes: dict[str, int] = {}
    for line in run_tool(["arm-none-eabi-nm", "-S", made.name], made.parent).splitlines():
        if len(words := line.split()) == 4 and words[2] in kinds:
            sizes[base_name(words[3])] = sizes.get(base_name(words[3]), 0) + int(words[1], 16)
    return sizes


def base_name(symbol: str) -> str:
    """A function's name without the number of its clone, which not all tools give."""
    return re.sub(r"\.\d+$", "", symbol)


def functions(source: str, folder: Path, core: str) -> dict[str, dict]:
    """bytes, stack (of its own frame), calls and floats (whether it uses them) of each function.

    A function of another file is called by its name, which may not be one of ours.
    """
    made = compiled_object(source, folder, core)
    graph = made.with_suffix(".ci").read_text()
    frames = {
        title: (base_name(label), int(size))
        for title, label, size in re.findall(
            r'node: { title: "(\S+)" label: "([^\\"]+)\\n[^"]*\\n(\d+) bytes \(static', graph
        )
    }
    if re.search(r"bytes \((?!static)", graph):
        raise SystemExit(f"{source}: a frame of a size that is not known before it runs")
    code = run_tool(["arm-none-eabi-objdump", "-dr", "--no-show-raw-insn", made.name], folder)
    bodies = {
        base_name(name): body
        for name, body in re.findall(r"^[0-9a-f]+ <(\S+)>:\n((?:.+\n)+)", code, re.MULTILINE)
    }
    calls: dict[str, set[str]] = {name: set() for name, _ in frames.values()}
    for caller, callee in re.findall(r'edge: { sourcename: "(\S+)" targetname: "(\S+)"', graph):
        if caller in frames:
            calls[frames[caller][0]].add(frames[callee][0] if callee in frames else callee)
    sizes = symbol_sizes(made)
    return {
        name: {
            "bytes": sizes[name],
            "stack": frame,
            "calls": sorted(calls[name]),
            "floats": bool(_FLOATS.search(bodies[name])),
        }
        for name, frame in sorted(frames.values())
    }


def layer_sizes(folder: Path) -> dict[str, int]:
    """Bytes of each layer's structure on a 32-bit core."""
    header = (folder / "pose_kernels.h").read_text()
    names = re.findall(r"^} (pose_\w+);$", header, re.MULTILINE)
    (folder / "sizes.c").write_text(
        '#include "pose_kernels.h"\n'
        + "".join(f"char size_{name}[sizeof({name})];\n" for name in names)
    )
    sizes = symbol_sizes(compiled_object("sizes.c", folder, "m4"), "BCD")
    return {name: sizes[f"size_{name}"] for name in names}


def networks() -> list[Compiled]:
    """The shipped network and the published ones in POSEUTILS_CACHE."""
    cache = os.environ.get("POSEUTILS_CACHE")
    paths = [
        *sorted((REPOSITORY / "data/models").glob("*.tflite")),
        *(sorted(Path(cache).glob("models/*.tflite")) if cache else []),
    ]
    return [compile_graph(read_network(path), path.name, "quantized", "network") for path in paths]


def calling(folder: Path, core: str, made: list[Compiled]) -> dict[str, float]:
    """What calls the operators: bytes of a network's functions by operator, their most stack."""
    each_operator, stack = [], 0
    for compiled in made:
        for name, text in network_files(compiled, "network").items():
            (folder / name).write_text(text)
        found = functions("network.c", folder, core)
        each_operator.append(
            sum(each["bytes"] for each in found.values()) / len(compiled.program.steps)
        )
        stack = max(stack, *(each["stack"] for each in found.values()))
    return {"bytes": round(sum(each_operator) / len(each_operator), 1), "stack": stack}


def as_text(table: dict) -> str:
    """JSON, a function a line, so that a change shows line by line."""

    def block(rows: dict, indent: str) -> str:
        return ",\n".join(
            f"{indent}{json.dumps(name)}: {json.dumps(value)}" for name, value in rows.items()
        )

    cores = ",\n".join(
        f'  "{core}": {{\n   "network": {json.dumps(made["network"])},\n'
        f'   "functions": {{\n{block(made["functions"], "    ")}\n   }}\n  }}'
        for core, made in table["cores"].items()
    )
    layers = block(table["layers"], "  ")
    compiler = json.dumps(table["compiler"])
    return (
        f'{{\n "compiler": {compiler},\n "layers": {{\n{layers}\n }},\n'
        f' "cores": {{\n{cores}\n }}\n}}\n'
    )


def main() -> None:
    version = run_tool(["arm-none-eabi-gcc", "-dumpfullversion"], REPOSITORY).strip()
    made = networks()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        files = {
            **kernel_files(),
            **decoder_files(),
        }
        for name, text in files.items():
            (folder / name).write_text(text)
        cores = {}
        for core, machine in EMULATED.items():
            own: dict[str, dict] = {}
            for name in sorted(name for name in files if name.endswith(".c")):
                own |= functions(name, folder, core)
            for each in own.values():
                each["calls"] = [name for name in each["calls"] if name in own]
            cores[machine.core] = {"network": calling(folder, core, made), "functions": own}
            print(
                f"{machine.core}: {sum(each['bytes'] for each in own.values()):,} bytes of code",
                flush=True,
            )
        write_text(
            TABLE,
            as_text(
                {
                    "compiler": f"arm-none-eabi-gcc {version} -O3",
                    "layers": layer_sizes(folder),
                    "cores": cores,
                }
            ),
        )


if __name__ == "__main__":
    main()
