"""What a firmware calls, in C: contexts, arenas, statuses, hooks; here and on an emulated core."""

import shutil
import subprocess

import numpy as np
import pytest

from poseutils.compiler.compile import compile_graph
from poseutils.compiler.emit.kernels import kernel_files
from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.decoders import InputSpec, heatmaps_spe
from poseutils.deployment import export
from poseutils.deployment.verify.emulator import qemu_command
from poseutils.deployment.verify.host_build import run_tool
from poseutils.keypoints import COCO17
from tests.helpers.marks import with_gcc, with_qemu, with_tools
from tests.helpers.networks.kernel_cases import CASES
from tests.helpers.networks.tiny_tflite import random_heatmaps
from tests.helpers.running.compiled import STRICT, kernel_objects
from tests.helpers.running.emulated import merged, network_sources
from tests.helpers.running.litert_reference import Reference

pytestmark = with_gcc
ROUNDS = 3

SHARED = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "big_poses.h"
#include "small_poses.h"

#define CHECK(condition) \\
    if (!(condition)) { \\
        fprintf(stderr, "line %d: " #condition "\\n", __LINE__); \\
        exit(9); \\
    }
#define MOST (BIG_ARENA_BYTES > SMALL_ARENA_BYTES ? BIG_ARENA_BYTES : SMALL_ARENA_BYTES)

static POSE_ALIGNED(BIG_ARENA_ALIGNMENT) uint8_t arena[MOST], other[BIG_ARENA_BYTES];
static int32_t begun[BIG_LAYERS];

#ifdef BIG_DEBUG
#define HOOKED STEPS
#else
#define HOOKED 0
#endif

/* Before each row of a layer that runs row by row. */
static void in_order(void *user, int32_t layer, const char *name)
{
    CHECK(user == begun && layer >= 0 && layer < BIG_LAYERS);
    CHECK(layer == 0 || begun[layer - 1] > 0);
#ifdef POSE_LAYER_NAMES
    CHECK(name != NULL && strncmp(name, "CONV_2D", 7) == 0);
#else
    CHECK(name == NULL);
#endif
    begun[layer]++;
}

static int32_t steps_begun(void)
{
    int32_t sum = 0;
    for (int i = 0; i < BIG_LAYERS; i++) {
        CHECK(begun[i] > 0);
        sum += begun[i];
    }
    return sum;
}

/* One network after the other in the same bytes. */
static void take_turns(FILE *in, FILE *out)
{
    big_context big;
    small_context small;
    static big_poses found;
    CHECK(big_init(&big, arena, sizeof arena) == POSE_OK);
    CHECK(small_init(&small, arena, sizeof arena) == POSE_OK);
    big.before_layer = in_order;
    big.user = begun;
    for (int i = 0; i < ROUNDS; i++) {
        CHECK(fread(big_input(&big, 0), 1, BIG_INPUT_0_BYTES, in) == BIG_INPUT_0_BYTES);
        memset(begun, 0, sizeof begun);
        CHECK(big_run(&big) == POSE_OK && steps_begun() == STEPS);
        CHECK(big_decode(&big, &found) == POSE_OK && found.people == 1);
        fwrite(big_output(&big, 0), 1, BIG_OUTPUT_0_BYTES, out);
        fwrite(&found.score, sizeof found.score, 1, out);
        CHECK(fread(small_input(&small, 0), 1, SMALL_INPUT_0_BYTES, in) == SMALL_INPUT_0_BYTES);
        CHECK(small_run(&small) == POSE_OK);
        fwrite(small_output(&small, 0), 1, SMALL_OUTPUT_0_BYTES, out);
    }
}

static void count(void *user, int32_t tensor, const void *values, int32_t rows, int32_t row_bytes,
                  int32_t stride_bytes)
{
    CHECK(tensor > 0 && values != NULL && rows > 0 && row_bytes > 0 && stride_bytes >= row_bytes);
    ++*(int32_t *)user;
}

/* Two of the same, at the same time. */
static void side_by_side(FILE *in, FILE *out)
{
    int32_t computed[2] = {0, 0};
    big_context a, b;
    CHECK(big_init(&a, arena, sizeof arena) == POSE_OK);
    CHECK(big_init(&b, other, sizeof other) == POSE_OK);
    CHECK(fread(big_input(&a, 0), 1, BIG_INPUT_0_BYTES, in) == BIG_INPUT_0_BYTES);
    CHECK(fread(big_input(&b, 0), 1, BIG_INPUT_0_BYTES, in) == BIG_INPUT_0_BYTES);
    a.after_layer = count;
    b.after_layer = count;
    a.user = &computed[0];
    b.user = &computed[1];
    CHECK(big_run(&a) == POSE_OK && computed[0] == HOOKED && computed[1] == 0);
    CHECK(big_run(&b) == POSE_OK && computed[0] == HOOKED && computed[1] == HOOKED);
    fwrite(big_output(&a, 0), 1, BIG_OUTPUT_0_BYTES, out);
    fwrite(big_output(&b, 0), 1, BIG_OUTPUT_0_BYTES, out);
}

static void is_untouched(const void *memory, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        CHECK(((const uint8_t *)memory)[i] == 0x77);
    }
}

static void refuse(void)
{
    big_context context, nothing = {0};
    static big_poses found;
    memset(&context, 0x77, sizeof context);
    memset(arena, 0x77, sizeof arena);
    memset(&found, 0x77, sizeof found);
    CHECK(big_init(NULL, arena, sizeof arena) == POSE_ERROR_NULL);
    CHECK(big_init(&context, NULL, sizeof arena) == POSE_ERROR_NULL);
    CHECK(big_init(&context, arena, BIG_ARENA_BYTES - 1) == POSE_ERROR_ARENA_SIZE);
    CHECK(big_init(&context, arena, 0) == POSE_ERROR_ARENA_SIZE);
    for (int i = 1; i < BIG_ARENA_ALIGNMENT; i++) {
        CHECK(big_init(&context, arena + i, BIG_ARENA_BYTES) == POSE_ERROR_ARENA_ALIGNMENT);
    }
    CHECK(context.arena == NULL && big_run(&context) == POSE_ERROR_NOT_INITIALIZED);
    CHECK(big_init(&context, arena, BIG_ARENA_BYTES) == POSE_OK);
    CHECK(big_init(&context, NULL, BIG_ARENA_BYTES) == POSE_ERROR_NULL);
    CHECK(big_run(&context) == POSE_ERROR_NOT_INITIALIZED && big_input(&context, 0) == NULL);
    CHECK(big_run(NULL) == POSE_ERROR_NULL && big_run(&nothing) == POSE_ERROR_NOT_INITIALIZED);
    CHECK(big_input(NULL, 0) == NULL && big_input(&nothing, 0) == NULL);
    CHECK(big_output(NULL, 0) == NULL && big_output(&nothing, 0) == NULL);
    CHECK(big_decode(&nothing, &found) == POSE_ERROR_NOT_INITIALIZED);
    CHECK(big_decode(NULL, &found) == POSE_ERROR_NULL);
    CHECK(big_init(&context, arena, BIG_ARENA_BYTES) == POSE_OK);
    CHECK(big_decode(&context, NULL) == POSE_ERROR_NULL);
    CHECK(big_input(&context, -1) == NULL && big_input(&context, 1) == NULL);
    CHECK(big_output(&context, -1) == NULL && big_output(&context, BIG_OUTPUTS) == NULL);
    is_untouched(arena, sizeof arena);
    is_untouched(&found, sizeof found);
    CHECK(strcmp(pose_status_text(POSE_ERROR_ARENA_SIZE), pose_status_text(POSE_OK)) != 0);
}

int main(void)
{
    FILE *in = fopen("in.bin", "rb"), *out = fopen("out.bin", "wb");
    CHECK(in != NULL && out != NULL);
    take_turns(in, out);
    side_by_side(in, out);
    refuse();
    return fclose(out);
}
"""


def run_reference(data: bytes, values: np.ndarray) -> bytes:
    reference = Reference(data)
    reference.run(values)
    return reference.tensor(parse_tflite(data, "made").outputs[0]).tobytes()


def person_score(data: bytes, output: bytes) -> bytes:
    """By the decoder in NumPy, from what the network gives."""
    graph = parse_tflite(data, "made")
    heatmaps = graph.tensors[graph.outputs[0]]
    steps = np.frombuffer(output, np.int8).astype(np.float32) - heatmaps.zero_point
    maps = (steps * np.float32(heatmaps.scale)).reshape(heatmaps.shape)
    size = graph.tensors[graph.inputs[0]].shape[1:3]
    (poses,) = heatmaps_spe.decode({"heatmaps": maps}, InputSpec(*size), COCO17)
    return poses.person_scores.tobytes()


def program(big: bytes) -> str:
    """The program above; the big network's hooks are called before each layer, or row of one."""
    compiled = compile_graph(parse_tflite(big, "big"), "big", "quantized", "big")
    steps = len(compiled.arena.timeline.schedule.steps)
    assert steps > len(compiled.graph.operators)
    return SHARED.replace("ROUNDS", str(ROUNDS)).replace("STEPS", str(steps))


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    """A folder with two networks, the program above and its input; the output that it must give."""
    folder, dice = tmp_path_factory.mktemp("firmware"), np.random.default_rng(3)
    networks = {"big": random_heatmaps(17, 64, 1), "small": random_heatmaps(13, 32, 2)}
    for name, data in networks.items():
        (folder / f"{name}.tflite").write_bytes(data)
        bundle = export(folder / f"{name}.tflite", folder / name, name=name)
        for path in bundle.sources.glob("*.[ch]"):
            shutil.copy(path, folder)
    order = ["big", "small"] * ROUNDS + ["big", "big"]
    images = [
        dice.integers(-128, 128, parse_tflite(networks[name], name).tensors[0].shape, np.int8)
        for name in order
    ]
    (folder / "in.bin").write_bytes(b"".join(image.tobytes() for image in images))
    (folder / "main.c").write_text(program(networks["big"]))
    outputs = [run_reference(networks[name], image) for name, image in zip(order, images)]
    for i in range(0, 2 * ROUNDS, 2):  # the big network in its turns
        outputs[i] += person_score(networks["big"], outputs[i])
    return folder, b"".join(outputs)


KERNELS = [name for name in kernel_files() if name.endswith(".c")]
SOURCES = [
    f"{name}{part}.c" for name in ("big", "small") for part in ("", "_weights", "_poses")
] + [*KERNELS, "decode_heatmaps.c"]
OBJECTS = [source.replace(".c", ".o") for source in SOURCES]
PLAIN = ["-std=c99", "-O2", "-fno-pie"]


@pytest.mark.parametrize("names", [[], ["-DPOSE_LAYER_NAMES"], ["-DBIG_DEBUG"]])
def test_networks_share_an_arena_and_wrong_memory_is_refused(firmware, names):
    folder, expected = firmware
    sources = [
        *(source for source in SOURCES if source not in KERNELS),
        kernel_objects(*STRICT) / "kernels.a",
        "main.c",
    ]
    subprocess.run(
        ["gcc", *STRICT, "-Wpedantic", *names, *sources, "-lm", "-o", "main"],
        cwd=folder,
        check=True,
    )
    subprocess.run(["./main"], cwd=folder, check=True)
    assert (folder / "out.bin").read_bytes() == expected


@with_qemu
def test_networks_share_an_arena_on_an_emulated_core(firmware):
    folder, expected = firmware
    (folder / "build").mkdir(exist_ok=True)
    core = [
        "-mcpu=cortex-m4",
        "-mfpu=fpv4-sp-d16",
        "-mfloat-abi=hard",
        "-mthumb",
        "--specs=rdimon.specs",
        "-nostartfiles",
    ]
    command = [
        "arm-none-eabi-gcc",
        "-std=c99",
        "-O2",
        "-DPOSE_CLOCK_NS=40",
        *core,
        "-T",
        "big/c/example/m4.ld",
        *SOURCES,
        "main.c",
        "big/c/example/startup.c",
    ]
    subprocess.run([*command, "-lm", "-o", "build/m4.elf"], cwd=folder, check=True)
    (folder / "out.bin").unlink(missing_ok=True)
    run_tool(qemu_command("m4"), folder)
    assert (folder / "out.bin").read_bytes() == expected


@pytest.mark.parametrize("compiler", ["gcc", "arm-none-eabi-gcc"])
def test_objects_hold_no_variables(firmware, compiler):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed here")
    folder, _ = firmware
    subprocess.run([compiler, *PLAIN, "-c", *SOURCES], cwd=folder, check=True)
    printed = run_tool([compiler.replace("gcc", "size"), *OBJECTS], folder).splitlines()[1:]
    sizes = {line.split()[-1]: line.split()[1:3] for line in printed}
    assert sizes == {name: ["0", "0"] for name in OBJECTS}


@with_tools("g++")
def test_headers_are_cpp_too(firmware):
    folder, expected = firmware
    (folder / "main.cpp").write_text((folder / "main.c").read_text())
    subprocess.run(["gcc", *PLAIN, "-c", *SOURCES], cwd=folder, check=True)
    flags = [
        "-no-pie",
        "-std=c++11",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Wno-missing-field-initializers",
        "-Werror",
    ]
    subprocess.run(["g++", *flags, "main.cpp", *OBJECTS, "-o", "main"], cwd=folder, check=True)
    subprocess.run(["./main"], cwd=folder, check=True)
    assert (folder / "out.bin").read_bytes() == expected


THREADS = """
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "network.h"

static uint8_t *given;

static void *work(void *result)
{
    static const size_t bytes = NETWORK_ARENA_BYTES;
    network_context network;
    uint8_t *arena = malloc(bytes), *at = given, *out = result;
    if (network_init(&network, arena, bytes) != POSE_OK) {
        return NULL;
    }
    for (int32_t i = 0; i < NETWORK_INPUTS; i++) {
        memcpy(network_input(&network, i), at, (size_t)network_input_bytes[i]);
        at += network_input_bytes[i];
    }
    network_run(&network);
    for (int32_t i = 0; i < NETWORK_OUTPUTS; i++) {
        memcpy(out, network_output(&network, i), (size_t)network_output_bytes[i]);
        out += network_output_bytes[i];
    }
    free(arena);
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    uint8_t *results[2];
    size_t in = 0, out = 0;
    for (int32_t i = 0; i < NETWORK_INPUTS; i++) {
        in += (size_t)network_input_bytes[i];
    }
    for (int32_t i = 0; i < NETWORK_OUTPUTS; i++) {
        out += (size_t)network_output_bytes[i];
    }
    given = malloc(in);
    if (fread(given, 1, in, stdin) != in) {
        return 1;
    }
    for (int i = 0; i < 2; i++) {
        results[i] = malloc(out);
        pthread_create(&threads[i], NULL, work, results[i]);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        fwrite(results[i], 1, out, stdout);
    }
    return 0;
}
"""


@pytest.mark.slow
def test_two_threads_do_not_disturb_each_other(tmp_path):
    """A network of every operator, twice at the same time, watched by ThreadSanitizer."""
    data = merged([make() for make in CASES.values()])
    graph, dice = parse_tflite(data, "every operator"), np.random.default_rng(5)
    reference, given = Reference(data), b""
    for index in graph.inputs:
        made = graph.tensors[index]
        values = dice.integers(0, 100, made.shape).astype(made.dtype)
        reference.interpreter.set_tensor(index, values)
        given += values.tobytes()
    reference.interpreter.invoke()
    for name, text in {**network_sources(graph), **kernel_files(), "main.c": THREADS}.items():
        (tmp_path / name).write_text(text)
    sources = ["network.c", "network_weights.c", *KERNELS, "main.c"]
    command = [
        "gcc",
        "-std=c99",
        "-g",
        "-O1",
        "-fsanitize=thread",
        *sources,
        "-lm",
        "-pthread",
        "-o",
        "main",
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run(["./main"], cwd=tmp_path, input=given, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    expected = b"".join(reference.tensor(t).tobytes() for t in graph.outputs)
    assert done.stdout == expected * 2
