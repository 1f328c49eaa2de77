"""What the C code computes, counted: the products of convolutions, and the rows of layers."""

import subprocess

import pytest

from poseutils.compiler.compile import compile_graph
from poseutils.compiler.emit.network import network_files
from poseutils.compiler.frontends.tflite import read_tflite
from poseutils.compiler.graph import macs
from poseutils.compiler.rows import row_count
from tests.helpers.marks import with_gcc
from tests.helpers.running.compiled import kernel_objects

SHIPPED = "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"
FORMS = {
    "layerwise": {"memory": "layerwise"},
    "least": {"memory": "least"},
    "pushed": {"memory": "least", "pushed": True},
}
FAST = ["-std=c99", "-O1"]

# The linker puts the function that counts before the plain kernel of dot products.
MAIN = """
#include <stdio.h>
#include "network.h"
static POSE_ALIGNED(NETWORK_ARENA_ALIGNMENT) uint8_t arena[NETWORK_ARENA_BYTES];
static network_context network;
static long long products;
static int32_t begun[NETWORK_LAYERS];

void __real_pose_dot_rows(const int8_t *x, const int8_t *w, int32_t count, int32_t apart,
                          int32_t rows, int32_t *sums);
void __wrap_pose_dot_rows(const int8_t *x, const int8_t *w, int32_t count, int32_t apart,
                          int32_t rows, int32_t *sums);
void __wrap_pose_dot_rows(const int8_t *x, const int8_t *w, int32_t count, int32_t apart,
                          int32_t rows, int32_t *sums)
{
    products += (long long)count * rows;
    __real_pose_dot_rows(x, w, count, apart, rows, sums);
}

static void begin(void *user, int32_t layer, const char *name)
{
    (void)user;
    (void)name;
    begun[layer]++;
}

int main(void)
{
    pose_status status = network_init(&network, arena, sizeof arena);
    network.before_layer = begin;
#ifdef NETWORK_ROWS
    static const uint8_t row[NETWORK_ROW_BYTES];
    for (int32_t y = 0; y < NETWORK_ROWS; y++) {
        status = network_push_row(&network, row);
    }
#else
    status = network_run(&network);
#endif
    printf("%lld\\n", products);
    for (int32_t i = 0; i < NETWORK_LAYERS; i++) {
        printf("%d\\n", (int)begun[i]);
    }
    return (int)status;
}
"""


@pytest.fixture(scope="module", params=FORMS)
def counted(request, repository, tmp_path_factory):
    """A compiled network, the products that its C code computes, and how often each layer began."""
    graph, folder = read_tflite(repository / SHIPPED), tmp_path_factory.mktemp(request.param)
    compiled = compile_graph(graph, "shipped", "quantized", "network", **FORMS[request.param])
    files = network_files(compiled, "network") | {"main.c": MAIN}
    for name, text in files.items():
        (folder / name).write_text(text)
    kernels = kernel_objects(*FAST)
    sources = [name for name in files if name.endswith(".c")]
    command = ["gcc", *FAST, f"-I{kernels}", *sources, str(kernels / "kernels.a"), "-lm"]
    command += ["-Wl,--wrap=pose_dot_rows", "-o", "main"]
    subprocess.run(command, cwd=folder, check=True)
    said = subprocess.run(["./main"], cwd=folder, check=True, capture_output=True, text=True)
    products, *begun = map(int, said.stdout.split())
    return compiled, products, begun


@with_gcc
def test_nothing_is_computed_twice(counted):
    compiled, products, _ = counted
    graph = compiled.graph
    convolutions = [operator for operator in graph.operators if operator.name == "CONV_2D"]
    assert products == sum(macs(graph, operator) for operator in convolutions) > 10_000_000


@with_gcc
def test_each_row_of_each_layer_begins_once(counted):
    compiled, _, begun = counted
    in_rows, graph = compiled.arena.timeline.schedule.segment_of, compiled.graph
    assert begun == [
        row_count(graph.tensors[operator.outputs[0]]) if index in in_rows else 1
        for index, operator in enumerate(graph.operators)
    ]
    assert bool(in_rows) is (compiled.arena is not compiled.layerwise)
