"""Which rows an operator reads, beside LiteRT: a row is changed, and rows of the result change."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.compiler.rows import row_axis, row_count, row_reads
from poseutils.compiler.windows import window_dilation
from tests.helpers.marks import with_gcc
from tests.helpers.networks.parts import IN, bias, conv, integers, pool, resize
from tests.helpers.networks.tiny_tflite import build, tensor
from tests.helpers.random_graphs.generator import network_file, random_network
from tests.helpers.random_graphs.running import random_values
from tests.helpers.running.compiled import program, results
from tests.helpers.running.litert_reference import Reference

CHANGED, MOST = 127, 60
"""Of a changed row, and of all others: so far apart that each sum and maximum shows it."""

SAME = 0
WINDOWS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "MAX_POOL_2D", "AVERAGE_POOL_2D")
RESIZES = {
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
}
PLACES = {"corner": {}, "centers": {"halfPixelCenters": True}, "corners": {"alignCorners": True}}


def filled(dice, *shape):
    """A filter without zeros."""
    values = dice.choice([-1, 1], shape) * dice.integers(30, 128, shape)
    return tensor("w", shape, data=values.astype(np.int8), scale=0.02)


def rows_made(height, reach, stride, padding):
    return -(-height // stride) if padding == SAME else (height - reach) // stride + 1


def window_network(name, dice):
    """A window over an image three columns wide, at least two rows in and two out."""
    padding, depth, taps, stride = (int(dice.integers(*n)) for n in ((2,), (1, 4), (1, 6), (1, 4)))
    dilation = int(dice.integers(1, 4)) if "CONV_2D" in name else 1
    reach = (taps - 1) * dilation + 1
    height = int(dice.integers(max(2, reach - 2), 15) if padding == SAME else reach + 3)
    rows = rows_made(height, reach, stride, padding)
    image = tensor("image", (1, height, 3, depth), **IN)
    if name == "TRANSPOSE_CONV":
        rows = height * stride if padding == SAME else (height - 1) * stride + taps
        shape = (1, rows, 3, 3)
        options = {"padding": padding, "strideH": stride, "strideW": 1}
        given = [image, integers("shape", *shape), filled(dice, 3, taps, 1, depth)]
        return operator(name, given, [1, 2, 0], shape, ("TransposeConvOptions", options))
    if name.endswith("POOL_2D"):
        kind, fields = pool(taps, stride, padding)
        options = kind, fields | {"filterWidth": 1, "strideW": 1}
        return operator(name, [image], [0], (1, rows, 3, depth), options)
    options = {"padding": padding, "stride": (stride, 1), "dilation": (dilation, 1)}
    if name == "CONV_2D":
        given = [image, filled(dice, 3, taps, 1, depth), bias(3)]
        return operator(name, given, [0, 1, 2], (1, rows, 3, 3), conv(**options))
    given = [image, filled(dice, 1, taps, 1, depth), bias(depth)]
    options |= {"kind": "DepthwiseConv2DOptions", "depthMultiplier": 1}
    return operator(name, given, [0, 1, 2], (1, rows, 3, depth), conv(**options))


def operator(name, tensors, reads, shape, options):
    quantized = IN if name.endswith("POOL_2D") else {"scale": 0.3, "zero_point": 9}
    made = [*tensors, tensor("out", shape, **quantized)]
    return build(made, [(name, reads, [len(tensors)], options)], [0], [len(tensors)])


def images(shape, axis, dice):
    """An image, and it again and again with each of its rows changed."""
    image = dice.integers(-128, MOST, shape).astype(np.int8)
    changed = [image.copy() for _ in range(shape[axis])]
    for row, each in enumerate(changed):
        np.moveaxis(each, axis, 0)[row] = CHANGED
    return [image, *changed]


def by_litert(data):
    reference = Reference(data)

    def outputs(given):
        for image in given:
            reference.run(image)
            yield reference.interpreter.get_tensor(
                reference.interpreter.get_output_details()[0]["index"]
            )

    return outputs


def changes(graph, outputs, dice):
    """(rows in, rows out): whether a row of the input changes a row of the output."""
    source, made = (graph.tensors[t] for t in (*graph.inputs, *graph.outputs))
    before, *after = outputs(images(source.shape, row_axis(source), dice))
    axis = row_axis(made)
    differ = [np.moveaxis(before != each, axis, 0).reshape(row_count(made), -1) for each in after]
    return np.any(differ, axis=2)


def ranges(graph):
    """The rows of its input that the one operator of a network reads."""
    reads = row_reads(graph, graph.operators[0])
    return None if reads is None else reads[graph.inputs[0]]


def check(graph, outputs, dice, tight):
    """Every row that changes another is read; if ``tight``, the first and the last that is read
    change it, but where the border cuts what lies between the taps of a dilated window."""
    changed, reads = changes(graph, outputs, dice), ranges(graph)
    height, gaps = len(changed), window_dilation(graph.operators[0])[0] > 1
    for y, (begin, end) in enumerate(reads):
        assert set(np.flatnonzero(changed[:, y])) <= {*range(begin, end)}
        if tight and begin < end:
            assert changed[begin, y] or (gaps and begin == 0)
            assert changed[end - 1, y] or (gaps and end == height)


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_read_the_rows_that_they_cover(name):
    dice, read = np.random.default_rng(len(name)), 0
    while read < 40:
        data = window_network(name, dice)
        graph = parse_tflite(data, name)
        if row_count(graph.tensors[graph.outputs[0]]) > 1:
            check(graph, by_litert(data), dice, tight=True)
            read += 1


@pytest.mark.parametrize(("name", "places"), [*product(RESIZES, PLACES)])
def test_resized_images_read_the_rows_between_which_they_lie(name, places):
    dice = np.random.default_rng(3)
    for rows in (2, 3, 7, 9, 13, 14, 18, 25, 31):
        data = resize(name, RESIZES[name], (rows, 5), **PLACES[places])
        graph = parse_tflite(data, name)
        check(graph, by_litert(data), dice, tight=name == "RESIZE_NEAREST_NEIGHBOR")
        assert max(end - begin for begin, end in ranges(graph)) <= 2


@with_gcc
@pytest.mark.parametrize("places", PLACES)
def test_images_resized_as_onnx_has_it_read_their_rows(tmp_path, places):
    """No runtime has the rows of QDQ networks by themselves: they are those of the C code."""
    data = resize("RESIZE_BILINEAR", "ResizeBilinearOptions", (14, 5), **PLACES[places])
    graph = parse_tflite(data, "once")
    graph = replace(graph, operators=(replace(graph.operators[0], rounds_once=True),))
    made = program(graph, tmp_path, memory="layerwise")

    def by_c(given):
        written = results(made, b"".join(image.tobytes() for image in given))
        return np.frombuffer(written, np.int8).reshape(len(given), 1, 14, 5, 6)

    check(graph, by_c, np.random.default_rng(4), tight=False)


def changed_rows(graph, before, after):
    """For each activation tensor which of its rows differ between two runs."""
    found = {}
    for t, values in before.items():
        differ, axis = values != after[t], row_axis(graph.tensors[t])
        rows = differ[None] if axis is None else np.moveaxis(differ, axis, 0)
        found[t] = rows.reshape(len(rows), -1).any(axis=1)
    return found


def all_tensors(graph, reference, inputs):
    for index, values in inputs.items():
        reference.interpreter.set_tensor(index, values)
    reference.interpreter.invoke()
    made = (t for operator in graph.operators for t in operator.outputs)
    return {t: reference.tensor(t).copy() for t in {*graph.inputs, *made}}


def test_a_row_changes_only_if_a_row_that_it_reads_changes():
    """Each operator of random networks, as one row of an input changes after the other."""
    dice, seen = np.random.default_rng(5), set()
    for seed in range(60):
        data = network_file(random_network(seed))
        graph = parse_tflite(data, "random")
        try:
            reference = Reference(data)
            inputs = {t: random_values(graph.tensors[t], dice) for t in graph.inputs}
            before = all_tensors(graph, reference, inputs)
        except (RuntimeError, ValueError):  # LiteRT does not run it
            continue
        for index, row in rows_of_inputs(graph):
            other = inputs[index].copy()
            values = random_values(graph.tensors[index], dice)
            axis = row_axis(graph.tensors[index])
            np.moveaxis(other, axis, 0)[row] = np.moveaxis(values, axis, 0)[row]
            after = all_tensors(graph, reference, {**inputs, index: other})
            seen |= check_operators(graph, changed_rows(graph, before, after))
    assert seen >= {"CONCATENATION", "ADD", "SLICE", "SPLIT", "PAD", "TRANSPOSE", "SOFTMAX"}


def rows_of_inputs(graph):
    axes = {t: row_axis(graph.tensors[t]) for t in graph.inputs}
    return [(t, y) for t in axes if axes[t] is not None for y in range(row_count(graph.tensors[t]))]


def check_operators(graph, changed):
    """The names of those that kept some rows as another one changed."""
    seen = set()
    for operator in graph.operators:
        reads = row_reads(graph, operator)
        for output in operator.outputs if reads else ():
            for y in np.flatnonzero(changed[output]):
                assert any(changed[t][slice(*each[y])].any() for t, each in reads.items())
            if changed[output].any() and not changed[output].all():
                seen.add(operator.name)
    return seen
