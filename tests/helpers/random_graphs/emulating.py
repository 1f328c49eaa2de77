"""Random networks on an emulated Cortex-M, many in one firmware, byte for byte against LiteRT."""

from __future__ import annotations

import tempfile
from collections.abc import Hashable, Mapping
from pathlib import Path

from poseutils.compiler.emit.kernels import kernel_files
from poseutils.deployment.templates import filled
from poseutils.deployment.verify import emulator as emulation
from poseutils.deployment.verify.host_build import run_make, run_tool

from .running import Outcome, main_source, outcome_of, prepare


def compare_emulated(networks: Mapping[Hashable, bytes], core: str) -> dict[Hashable, Outcome]:
    """What comes of .tflite files, by any keys; ``core`` is one of ``emulation.EMULATED``."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        cases, outcomes = prepare(networks, folder)
        files = kernel_files() | {"example/main.c": main_source(list(cases.values()))}
        values = {"name": "networks", "NAME": "NETWORKS"}
        files |= {name: filled(name, values) for name in ("Makefile", "example/startup.c")}
        files[f"example/{core}.ld"] = filled("example/board.ld", emulation.linker_script(core))
        (folder / "example").mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        sources = [f"{case.name}{end}" for case in cases.values() for end in (".c", "_weights.c")]
        kernels = [name for name in kernel_files() if name.endswith(".c")]
        sources = " ".join([*kernels, "example/main.c", *sources])
        run_make(folder, core, f"SOURCES={sources}", "HEADERS=")
        run_tool(emulation.qemu_command(core), folder)
        return outcomes | {key: outcome_of(folder, case) for key, case in cases.items()}
