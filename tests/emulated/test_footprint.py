"""What an export's README says of code and stack, against the linker and an emulated core."""

import re
import subprocess

import pytest

from poseutils.compiler.compile import compile_graph
from poseutils.compiler.emit.kernels import kernel_files
from poseutils.compiler.footprint import float_operators, footprint, layer_bytes
from poseutils.compiler.frontends.tflite import read_tflite
from poseutils.deployment import export
from poseutils.deployment.verify.emulator import EMULATED, qemu_command
from poseutils.deployment.verify.host_build import run_tool
from tests.bench.measure.footprint import FLAGS, core_flags
from tests.helpers.marks import with_qemu
from tests.helpers.networks.tiny_tflite import heatmap_model

SHIPPED = "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"
KERNELS = [name for name in kernel_files() if name.endswith(".c")]
MAIN = """
#include <stdio.h>
#include "net_poses.h"
#define DEEPEST 16384

static POSE_ALIGNED(NET_ARENA_ALIGNMENT) uint8_t arena[NET_ARENA_BYTES];
static net_poses poses;

int main(void)
{
    net_context network;
    uint8_t *top;
    const pose_status status = net_init(&network, arena, sizeof arena);
    __asm__ volatile("mov %0, sp" : "=r"(top));
    for (volatile uint8_t *at = top - DEEPEST; at < top; at++) {
        *at = 0xa5;
    }
    const int failed = status != POSE_OK || net_run(&network) != POSE_OK
                       || net_decode(&network, &poses) != POSE_OK;
    const uint8_t *lowest = top - DEEPEST;
    while (*lowest == 0xa5) {
        lowest++;
    }
    printf("%d bytes of stack\\n", (int)(top - lowest));
    return failed;
}
"""


@with_qemu
@pytest.mark.slow
@pytest.mark.parametrize("core", ["m4", "m55"])
def test_code_and_stack_are_what_linker_and_core_say(repository, tmp_path, core):
    """The stored figures are of one compiler; another one's may differ by a quarter."""
    folder = export(repository / SHIPPED, tmp_path / "out", name="net").sources
    (folder / "example/main.c").write_text(MAIN)
    (folder / "build").mkdir()
    sources = [
        "net.c",
        "net_weights.c",
        "net_poses.c",
        *KERNELS,
        "decode_heatmaps.c",
        "-I.",
        "example/main.c",
        "example/startup.c",
    ]
    flags = [
        *FLAGS,
        *core_flags(core),
        "--specs=rdimon.specs",
        "-nostartfiles",
        "-Wl,--gc-sections",
        "-DPOSE_CLOCK_NS=40",
    ]
    run_tool(
        [
            "arm-none-eabi-gcc",
            *flags,
            "-T",
            f"example/{core}.ld",
            *sources,
            "-lm",
            "-o",
            f"build/{core}.elf",
        ],
        folder,
    )
    stack = int(re.search(r"(\d+) bytes of stack", run_tool(qemu_command(core), folder))[1])
    compiled = compile_graph(read_tflite(repository / SHIPPED), "shipped", "quantized", "net")
    told = footprint(compiled, EMULATED[core].core, "pose_decode_heatmaps")
    run_tool(
        [
            "arm-none-eabi-gcc",
            *flags,
            "-c",
            *KERNELS,
            "decode_heatmaps.c",
            "net.c",
            "net_poses.c",
        ],
        folder,
    )
    assert told.code_bytes == pytest.approx(linked_code(folder, f"build/{core}.elf"), rel=0.25)
    assert 0.5 * told.stack_bytes < stack < 1.25 * told.stack_bytes + 64
    assert layer_bytes(compiled) == sum(
        size
        for name, kind, size in symbols(folder, f"build/{core}.elf")
        if name.startswith("layer_")
    )


def symbols(folder, file):
    lines = [
        line.split() for line in run_tool(["arm-none-eabi-nm", "-S", file], folder).splitlines()
    ]
    return [(line[3], line[2], int(line[1], 16)) for line in lines if len(line) == 4]


def linked_code(folder, program):
    """Bytes of the functions in a program that come from the folder's own files."""
    own = {
        name
        for file in folder.glob("*.o")
        for name, kind, _ in symbols(folder, file.name)
        if kind in "tT"
    }
    return sum(
        size for name, kind, size in symbols(folder, program) if kind in "tT" and name in own
    )


def test_what_was_not_measured_is_not_guessed(repository):
    compiled = compile_graph(read_tflite(repository / SHIPPED), "shipped", "quantized", "net")
    compiled.program.steps[0][1].append("pose_unheard_of(1);")
    compiled.program.structs.append(("pose_unheard_of_layer", "layer_x", {}))
    assert footprint(compiled, "Cortex-M4", None) is None and layer_bytes(compiled) is None
    assert footprint(compiled, "Cortex-M0", None) is None
    assert float_operators(compiled)[compiled.program.steps[0][0].name] >= 1


@pytest.mark.parametrize("keypoints", [13, 3])
def test_the_example_of_the_readme_compiles(tmp_path, keypoints):
    """With a decoder and without."""
    (tmp_path / "small.tflite").write_bytes(heatmap_model(keypoints=keypoints))
    bundle = export(tmp_path / "small.tflite", tmp_path / "out")
    stubs = "void feed_watchdog(void);\nvoid log_error(const char *);\n"
    stubs += "void write_input(void *);\nvoid read_output(const void *);\n"
    draw = f"void draw(pose_keypoint (*)[{keypoints}], int32_t);\n" if bundle.model_type else ""
    include, rest = re.search(
        r"```c\n(.*?)\n(.*?)```", (bundle.path / "README.md").read_text(), re.DOTALL
    ).groups()
    (bundle.sources / "example.c").write_text(f"{include}\n{stubs}{draw}{rest}")
    flags = ["-std=c99", "-Wall", "-Wno-unused-parameter", "-Wextra", "-Werror", "-fsyntax-only"]
    subprocess.run(["gcc", *flags, "example.c"], cwd=bundle.sources, check=True)
