"""Networks that take the rows of an image as a camera gives them, as C with sanitizers."""

import numpy as np
import pytest

from poseutils import PoseError
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.deployment import export
from tests.helpers.marks import with_gcc
from tests.helpers.networks.parts import IN, bias, conv, filters, integers
from tests.helpers.networks.tiny_tflite import (
    build,
    heatmap_model,
    random_heatmaps,
    sum_of_two,
    tensor,
)
from tests.helpers.running.compiled import program, results
from tests.helpers.running.litert_reference import Reference

MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "network.h"

#define CHECK(condition) \\
    if (!(condition)) { \\
        fprintf(stderr, "line %d: " #condition "\\n", __LINE__); \\
        exit(9); \\
    }

static POSE_ALIGNED(NETWORK_ARENA_ALIGNMENT) uint8_t arena[NETWORK_ARENA_BYTES];
static network_context network;
static uint8_t row[NETWORK_ROW_BYTES];

static void push(int32_t rows)
{
    for (int32_t y = 0; y < rows; y++) {
        CHECK(fread(row, 1, sizeof row, stdin) == sizeof row);
        CHECK(network_push_row(&network, row) == POSE_OK);
        memset(row, 0x5a, sizeof row); /* the caller's memory is the caller's again */
        CHECK(network_rows_missing(&network) == NETWORK_ROWS - 1 - y);
    }
}

static void image(void)
{
    push(NETWORK_ROWS);
    for (int32_t i = 0; i < NETWORK_OUTPUTS; i++) {
        fwrite(network_output(&network, i), 1, (size_t)network_output_bytes[i], stdout);
    }
}

static void init(void)
{
    memset(arena, 0xa5, sizeof arena);
    CHECK(network_init(&network, arena, sizeof arena) == POSE_OK);
    CHECK(network_rows_missing(&network) == NETWORK_ROWS);
}

static void refuse(void)
{
    CHECK(network_push_row(&network, row) == POSE_ERROR_NOT_INITIALIZED); /* all zeros */
    CHECK(network_push_row(NULL, row) == POSE_ERROR_NULL);
    CHECK(network_rows_missing(NULL) == NETWORK_ROWS);
    CHECK(network_init(&network, arena, sizeof arena - 1) == POSE_ERROR_ARENA_SIZE);
    CHECK(network_push_row(&network, row) == POSE_ERROR_NOT_INITIALIZED);
    CHECK(network_init(&network, NULL, sizeof arena) == POSE_ERROR_NULL);
    CHECK(network_push_row(&network, row) == POSE_ERROR_NOT_INITIALIZED);
    init();
    CHECK(network_push_row(&network, NULL) == POSE_ERROR_NULL);
    CHECK(network_rows_missing(&network) == NETWORK_ROWS);
}

int main(void)
{
    refuse();
    image();
    image(); /* the row after the last begins another one */
    for (int32_t rows = 1; rows <= NETWORK_ROWS; rows++) { /* abandoned after each row */
        push(rows);
        init();
        image();
    }
    return 0;
}
"""


def residual():
    """Two convolutions and a sum of both, all of which run row by row, then one that does not."""
    shape, axes = (1, 12, 10, 4), integers("axes", 1, 2)
    tensors = [tensor("image", (1, 12, 10, 3), **IN), filters("v", (4, 3, 3, 3)), bias(4)]
    tensors += [tensor("a", shape, **IN), filters("w", (4, 5, 3, 4)), bias(4)]
    tensors += [tensor("b", shape, **IN), tensor("sum", shape, **IN)]
    tensors += [axes, tensor("mean", (1, 4), **IN)]
    operators = [
        ("CONV_2D", [0, 1, 2], [3], conv()),
        ("CONV_2D", [3, 4, 5], [6], conv()),
        ("ADD", [3, 6], [7]),
        ("MEAN", [7, 8], [9], ("ReducerOptions", {})),
    ]
    return build(tensors, operators, [0], [7, 9])


def read_twice():
    """The input is read by the first layer and, whole, by the last one: all rows come before."""
    tensors = [tensor("image", (1, 8, 6, 3), **IN), filters("v", (3, 3, 3, 3)), bias(3)]
    tensors += [tensor("a", (1, 8, 6, 3), **IN), integers("axes", 1, 2)]
    tensors += [tensor("mean", (1, 3), **IN), tensor("b", (1, 8, 6, 3), **IN)]
    operators = [
        ("CONV_2D", [0, 1, 2], [3], conv()),
        ("MEAN", [0, 4], [5], ("ReducerOptions", {})),
        ("MUL", [3, 5], [6]),
    ]
    return build(tensors, operators, [0], [6])


def heatmaps():
    """Two strides of four."""
    return random_heatmaps(3, 32, 1)


@with_gcc
@pytest.mark.parametrize("memory", ["least", "layerwise"])
@pytest.mark.parametrize("make", [residual, read_twice, heatmaps])
def test_rows_give_the_bytes_of_the_whole_image(tmp_path, make, memory):
    data = make()
    graph, reference, dice = parse_tflite(data, "rows"), Reference(data), np.random.default_rng(6)
    (given,) = (graph.tensors[t] for t in graph.inputs)
    made, sent, expected = program(graph, tmp_path, MAIN, memory=memory, pushed=True), b"", b""
    rows = given.shape[1]
    for abandoned in (0, 0, *range(1, rows + 1)):
        lost, image = dice.integers(-128, 128, (2, *given.shape)).astype(np.int8)
        reference.run(image)
        sent += lost[0, :abandoned].tobytes() + image.tobytes()
        expected += b"".join(reference.tensor(t).tobytes() for t in graph.outputs)
    assert results(made, sent) == expected


def test_rows_that_are_pushed_need_less_than_the_image():
    graph = parse_tflite(random_heatmaps(3, 64, 1), "rows")
    layerwise, whole, pushed = (
        compile_graph(graph, "rows", "file", "network", memory, pushed=push).plan.size
        for memory, push in (("layerwise", True), ("least", False), ("least", True))
    )
    assert layerwise > whole > 64 * 64 * 3 > 5 * pushed


# ---------------------------------------------------------------- what is refused


def refusal(data, **options):
    with pytest.raises(PoseError) as caught:
        compile_graph(parse_tflite(data, "net"), "net.tflite", "file", "network", **options)
    return str(caught.value)


def test_what_has_no_rows_is_refused():
    assert refusal(sum_of_two(), pushed=True) == (
        "net.tflite has 2 inputs; rows are pushed to a network of one"
    )
    flat = [tensor("x", (1, 300), **IN), tensor("y", (1, 300), **IN)]
    assert refusal(build(flat, [("RELU", [0], [1])], [0], [1]), pushed=True) == (
        "net.tflite: its input of shape (1, 300) has no rows to push; an image (1, H, W, C) is "
        "expected"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"memory": "most"}, "memory='most': expected one of least, layerwise"),
        ({"input": "rows"}, "input='rows': expected one of whole, pushed"),
        ({"memory": None}, "memory=None: expected one of least, layerwise"),
        ({"input": True}, "input=True: expected one of whole, pushed"),
    ],
)
def test_export_names_what_it_takes(tmp_path, options, said):
    (tmp_path / "net.tflite").write_bytes(heatmap_model())
    with pytest.raises(PoseError) as caught:
        export(tmp_path / "net.tflite", tmp_path / "out", **options)
    assert str(caught.value) == said and not (tmp_path / "out").exists()


def test_export_pushes_no_rows_to_a_network_without(tmp_path):
    (tmp_path / "net.tflite").write_bytes(sum_of_two())
    with pytest.raises(PoseError, match="net.tflite has 2 inputs; rows are pushed to"):
        export(tmp_path / "net.tflite", tmp_path / "out", input="pushed")
    assert not (tmp_path / "out").exists()
