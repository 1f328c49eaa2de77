"""The README of an exported network."""

from __future__ import annotations

from ..compiler.compile import Compiled
from ..compiler.emit.line_breaks import broken, markdown
from ..compiler.emit.naming import tensor_labels
from ..compiler.graph import Graph, Tensor
from .decoder_c import decoder_files
from .readme_figures import figures
from .spec import Spec


def export_readme(spec: Spec, compiled: Compiled, files: list[str], poses_bytes: int) -> str:
    """The README, in Markdown.

    Args:
        files: the names in the folder.
        poses_bytes: of what the decoder gives and works in; 0 without a decoder.
    """
    name, graph = spec.name, compiled.graph
    about = (
        f"{_kind(spec)} as C99, without an interpreter. It needs no malloc, no files, and of the C library only `string.h`, `stdint.h`, "
        f"`stddef.h` and `math.h`. {_truth(spec)}"
    )
    return markdown(f"""# {spec.source} as C

{about}

## What is here

{_contents(name, files)}

Firmware does not need `example/`, which runs the network on a computer and on emulated boards.

{figures(spec, compiled, poses_bytes)}

## Inputs and outputs

{_tensors(compiled)}

{_real_values(spec, graph)}

## In firmware

Add all `*.c` files of this folder, and compile them with:

```sh
-std=c99 -O3 -ffp-contract=off -ffunction-sections -fdata-sections -fno-strict-aliasing
```

`-ffp-contract=off` keeps the compiler from fusing float multiplications and additions, which would change the last bits of results:
Clang does so unless told not to. Link with `-Wl,--gc-sections`, which leaves out the operators that this network does not use.

{_several(spec)}

How an application uses the network:

```c
{broken(_loop(spec)).rstrip()}
```

All memory is yours. Networks that run in turn may share one arena of the largest one's bytes, each
with a context of its own; two instances of one network take two contexts and two arenas. No
function keeps a state of its own, so they may run in different threads. With `-DPOSE_LAYER_NAMES`
the hook is given the name of each layer, else NULL.

With `-mcpu=cortex-m4`, `cortex-m7` or `cortex-m55` the operators use that core's vector
instructions; elsewhere they are plain C, and the results are the same to the last bit.

Constants are `const` and go where the linker script puts `.rodata`. Where the chip's own memory is
too small, place them or the arena in external memory.

## On a computer

```sh
make
build/main inputs.bin outputs.bin
```

{_on_a_computer(spec)}

## On an emulated Cortex-M

With `arm-none-eabi-gcc` and QEMU 7.2 or later (on Debian: `apt-get install gcc-arm-none-eabi
libnewlib-arm-none-eabi qemu-system-arm`), for Cortex-M4, M7 and M55 (`m4` with `mps2-an386`, `m7`
with `mps2-an500`, `m55` with `mps3-an547`):

```sh
make m4
qemu-system-arm -M mps2-an386 -nographic -monitor none -serial none -icount shift=0 \\
  -kernel build/m4.elf \\
  -semihosting-config enable=on,target=native,arg=main,arg=inputs.bin,arg=outputs.bin
```

It prints the instructions that the network took: instructions, not cycles or milliseconds.
""")


def _several(spec: Spec) -> str:
    """What a firmware with several networks does."""
    shared = "`pose_*.c` and `decode_*.c` are" if spec.model_type else "`pose_*.c` are"
    return (
        f"In a firmware with several networks, {shared} the same in the folders of all that one release of poseutils wrote: compile "
        f"one copy of each. With CMake, `add_subdirectory` each folder and link the library `{spec.name}`."
    )


def _kind(spec: Spec) -> str:
    if spec.model_type is None:
        return "A network whose outputs are given as they are (no decoder: they are not those of a known kind of pose network), written"
    return f"A pose estimation network of type {spec.model_type} with {len(spec.layout)} keypoints ({spec.layout.name})"


def _real_values(spec: Spec, graph: Graph) -> str:
    camera = _camera(spec.input, graph.tensors[graph.inputs[0]])
    return f"Real values are scale × (q - zero point). `{spec.name}.h` has the numbers as macros.{camera}"


def _on_a_computer(spec: Spec) -> str:
    printed = (
        " It prints person, keypoint, x, y (pixels of the input) and score, a keypoint a line."
        if spec.model_type
        else ""
    )
    return (
        "`inputs.bin` holds the input tensors of one or more images, one after the other; `outputs.bin` gets the outputs likewise."
        f"{printed} `make OPT=-O3` makes it faster. `make debug` builds `build/debug`, which writes every tensor that is computed to a "
        "third file. With CMake the program is called `{spec.name}_main`."
    )


def _loop(spec: Spec) -> str:
    """How an application calls the network."""
    name, upper = spec.name, spec.name.upper()
    reads, inner = range(len(spec.graph.inputs)), " " * 8
    writes = "".join(f"{inner}write_input({name}_input(&network, {i}));\n" for i in reads)
    include, poses, use = name, "", f"{inner}read_output({name}_output(&network, 0));"
    if spec.model_type:
        include, poses = f"{name}_poses", f"static {name}_poses poses;\n"
        use = (
            f"{inner}{name}_decode(&network, &poses);\n{inner}draw(poses.keypoints, poses.people);"
        )
    return f"""#include "{include}.h"

/* In any memory: the section is one of your linker script; without it the arena lies in .bss. */
static POSE_ALIGNED({upper}_ARENA_ALIGNMENT) uint8_t
    arena[{upper}_ARENA_BYTES] __attribute__((section(".axisram")));
static {name}_context network;
{poses}
/* Before each layer: to feed a watchdog or read a cycle counter. */
static void before_layer(void *user, int32_t layer, const char *layer_name)
{{
    feed_watchdog();
}}

int main(void)
{{
    pose_status status = {name}_init(&network, arena, sizeof arena);
    network.before_layer = before_layer; /* may be left out */
    while (status == POSE_OK) {{
        /* Every time, because running overwrites the input. */
{writes}{inner}status = {name}_run(&network);
{use}
    }}
    log_error(pose_status_text(status));
}}"""


def _contents(name: str, files: list[str]) -> str:
    meaning = purposes(name)
    return "\n".join(f"- `{file}`: {meaning[file]}" for file in files)


def purposes(name: str) -> dict[str, str]:
    """What each file of the folder is."""
    return {
        f"{name}.h": "what an application includes",
        f"{name}.c": "the network: calls its operators in order",
        f"{name}_weights.c": "the weights and other constants of the network",
        f"{name}_weights.h": f"declarations of the constants in {name}_weights.c",
        f"{name}_poses.c": "from the network's outputs to keypoints, with the thresholds of the application",
        f"{name}_poses.h": "declarations of keypoints and how they are decoded",
        "pose_network.h": "statuses, the hook before each layer, and how an arena is aligned",
        "pose_kernels.c": "the operators, the same for every network",
        "pose_kernels.h": "declarations of the operators",
        "pose_simd.h": "the vector instructions of Cortex-M4, M7 and M55 that pose_kernels.c uses",
        **{file: "from outputs to keypoints" for file in decoder_files()},
        "pose_decode.h": "declarations of the decoders",
        "example/main.c": "runs the network on inputs from a file",
        "Makefile": "for this computer and for emulated Cortex-M",
        "CMakeLists.txt": "the network as a library, for any target, alone or among others",
        "example/startup.c": "startup code of the emulated boards",
        "example/m4.ld": "memory of the emulated Cortex-M4",
        "example/m7.ld": "memory of the emulated Cortex-M7",
        "example/m55.ld": "memory of the emulated Cortex-M55",
        f"{name}.tflite": "the network, as it was given",
        f"{name}.onnx": "the network, as it was given",
        "app_config.h": "the configuration of ST's pose estimation application for the STM32N6",
        "labels.txt": "the names of the keypoints, one a line, in the order of the network's output",
        "README.md": "what is in this folder and how it is used",
        "manifest.json": "sizes and sha256 of the files, tensors, and what was exported",
    }


def _truth(spec: Spec) -> str:
    """What the results are held to."""
    if spec.file_name.endswith(".onnx"):
        return (
            "Of the same 8-bit inputs each operator is within one step of ONNX Runtime without graph optimizations, and 99.9 % of its "
            "results are equal; images and maps are channels last."
        )
    return "Its results equal those of LiteRT's reference kernels bit by bit."


def _tensors(compiled: Compiled) -> str:
    graph, labels = compiled.graph, tensor_labels(compiled.graph)
    rows = [(f"input {i}", t) for i, t in enumerate(graph.inputs)] + [
        (f"output {i}", t) for i, t in enumerate(graph.outputs)
    ]
    lines = [
        f"| {what} | `{labels[t]}` | {_columns(graph.tensors[t])} | {compiled.arena.addresses[t][0]:,} |"
        for what, t in rows
    ]
    head = "| | name | shape | type | bytes | scale | zero point | offset in the arena |\n|---|---|---|---|---|---|---|---|\n"
    return head + "\n".join(lines)


def _columns(tensor: Tensor) -> str:
    shape = "×".join(map(str, tensor.shape))
    return f"{shape} | {tensor.dtype} | {tensor.bytes:,} | {_real(tensor)}"


def _real(tensor: Tensor) -> str:
    quantization = tensor.quantization
    if quantization is None or tensor.dtype == "float32":
        return " | "
    return f"{float(quantization.scales[0])!r} | {int(quantization.zero_points[0])}"


def _camera(given: Tensor, taken: Tensor) -> str:
    """How pixels become the input, where the file takes pixels and the C code takes them less
    128."""
    if (
        given.dtype != "uint8"
        or taken.dtype != "int8"
        or given.quantization is None
        or taken.quantization is None
    ):
        return ""
    same_scale = given.quantization.scales[0] == taken.quantization.scales[0]
    if (
        not same_scale
        or int(given.quantization.zero_points[0]) - int(taken.quantization.zero_points[0]) != 128
    ):
        return ""
    return " Each pixel p = 0 … 255 goes in as p - 128, which is p with its highest bit flipped."
