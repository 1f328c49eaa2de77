"""Networks as C, compiled here with all warnings and sanitizers, and run."""

import hashlib
import subprocess
from pathlib import Path

from poseutils.compiler.emit.kernels import kernel_files
from tests.helpers.running.emulated import network_sources
from tests.helpers.shared import shared

STRICT = [
    "-std=c99",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wundef",
    "-Werror",
    "-g",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover",
]


MAIN = """
#include <stdio.h>
#include <string.h>
#include "network.h"
static POSE_ALIGNED(NETWORK_ARENA_ALIGNMENT) uint8_t arena[NETWORK_ARENA_BYTES];
static network_context network;
/* Whatever the arena holds before, the results must not depend on it. */
static size_t inputs(void)
{
    static int rubbish = 0x5a;
    size_t read = 0;
    memset(arena, rubbish ^= 0xff, sizeof arena);
    for (int32_t i = 0; i < NETWORK_INPUTS; i++) {
        read += fread(network_input(&network, i), (size_t)network_input_bytes[i], 1, stdin);
    }
    return read;
}
int main(void)
{
    pose_status status = network_init(&network, arena, sizeof arena);
    while (status == POSE_OK && inputs() == NETWORK_INPUTS) {
        status = network_run(&network);
        for (int32_t i = 0; i < NETWORK_OUTPUTS; i++) {
            fwrite(network_output(&network, i), (size_t)network_output_bytes[i], 1, stdout);
        }
    }
    return (int)status;
}
"""


def kernel_objects(*flags: str) -> Path:
    """A folder with the kernels' headers and ``kernels.a``: compiled once in a run of the tests."""

    def make(folder: Path) -> None:
        files = kernel_files()
        for name, text in files.items():
            (folder / name).write_text(text)
        sources = [name for name in files if name.endswith(".c")]
        subprocess.run(["gcc", *flags, "-c", *sources], cwd=folder, check=True)
        objects = [f"{name[:-2]}.o" for name in sources]
        subprocess.run(["ar", "rcs", "kernels.a", *objects], cwd=folder, check=True)

    key = hashlib.sha256(repr((flags, sorted(kernel_files().items()))).encode()).hexdigest()
    return shared(f"kernels-{key[:16]}", make)


def program(graph, folder, main=MAIN, **options):
    """Compiles with all warnings and sanitizers; ``options`` are those of compile_graph."""
    files = network_sources(graph, **options)
    included = [f'#include "{name}"\n' for name in files if name.endswith(".c")]
    files["main.c"] = "".join(included) + main  # one run of the compiler instead of three
    for name, text in files.items():
        (folder / name).write_text(text)
    kernels = kernel_objects(*STRICT)
    command = ["gcc", *STRICT, f"-I{kernels}", "main.c", kernels / "kernels.a", "-lm", "-o", "main"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "main"


def results(made, given):
    """What a program makes of images, both as bytes, one after the other."""
    return subprocess.run([made], input=given, check=True, stdout=subprocess.PIPE).stdout


def run(graph, inputs, folder):
    """Runs twice: the second run must not depend on what the first one left."""
    image = b"".join(values.tobytes() for values in inputs)
    written = results(program(graph, folder), image + image)
    assert written[: len(written) // 2] == written[len(written) // 2 :]
    return written[: len(written) // 2]
