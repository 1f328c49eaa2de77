"""The network graph: what is read from a .tflite, and what it costs."""

import random
from dataclasses import replace

import numpy as np
import pytest

from poseutils import PoseError
from poseutils.compiler.frontends import tflite
from poseutils.compiler.frontends.tflite import parse_tflite, read_tflite
from poseutils.compiler.graph import float_operators, layers, lifetimes, live_bytes, macs
from tests.helpers.networks.tiny_tflite import build, heatmap_model, tensor


def test_small_model_is_read_whole():
    graph = parse_tflite(heatmap_model(keypoints=3), "small")
    image, _, kernel, bias, heatmaps = graph.tensors
    assert [op.name for op in graph.operators] == ["QUANTIZE", "CONV_2D"]
    assert (graph.inputs, graph.outputs, graph.schema_version) == ((0,), (4,), 3)
    assert (image.name, image.shape, image.dtype, image.bytes, image.is_constant) == (
        "image",
        (1, 16, 24, 3),
        "uint8",
        1152,
        False,
    )
    assert (
        image.quantization.scales[0] == np.float32(1 / 255)
        and image.quantization.zero_points[0] == 0
    )
    assert kernel.is_parameter and bias.is_parameter and bias.bytes == 12
    assert not heatmaps.is_constant
    rows = layers(graph)
    assert [row["parameters"] for row in rows] == [0, 3 * 48 + 3]
    assert [row["macs"] for row in rows] == [0, 24 * 3 * 48]
    assert [row["live_bytes"] for row in rows] == [1152 + 1152, 1152 + 72]


def one_operator(name, shapes, output_shape):
    """A graph of one kernel: the first of ``shapes`` is the network's input, the others are
    constants."""
    tensors = [
        tensor(f"t{i}", shape, data=np.ones(shape, np.int8) if i else None)
        for i, shape in enumerate(shapes)
    ]
    order = list(range(len(shapes)))
    if name == "TRANSPOSE_CONV":
        tensors.append(tensor("shape", (4,), "INT32", np.array(output_shape, np.int32), scale=None))
        order = [2, 1, 0]
    data = build(
        [*tensors, tensor("out", output_shape)],
        [(name, order, [len(tensors)], OPTIONS.get(name))],
        [0],
        [len(tensors)],
    )
    return parse_tflite(data, name)


def convolution(kind, padding=0, stride=1):
    fields = {"padding": padding, "strideH": stride, "strideW": stride}
    return kind, fields | (
        {} if kind == "TransposeConvOptions" else {"dilationHFactor": 1, "dilationWFactor": 1}
    )


OPTIONS = {
    "CONV_2D": convolution("Conv2DOptions"),
    "DEPTHWISE_CONV_2D": convolution("DepthwiseConv2DOptions", padding=1),
    "TRANSPOSE_CONV": convolution("TransposeConvOptions", stride=2),
}


@pytest.mark.parametrize(
    ("name", "shapes", "output_shape", "expected"),
    [
        ("CONV_2D", [(1, 8, 8, 4), (6, 3, 3, 4)], (1, 8, 8, 6), 8 * 8 * 6 * 9 * 4),
        ("CONV_2D", [(1, 8, 8, 4), (6, 3, 3, 2)], (1, 8, 8, 6), 8 * 8 * 6 * 9 * 2),  # two groups
        ("DEPTHWISE_CONV_2D", [(1, 8, 8, 4), (1, 5, 5, 4)], (1, 4, 4, 4), 4 * 4 * 4 * 25),
        ("FULLY_CONNECTED", [(2, 10), (7, 10)], (2, 7), 2 * 7 * 10),
        ("TRANSPOSE_CONV", [(1, 4, 4, 3), (5, 2, 2, 3)], (1, 8, 8, 5), 4 * 4 * 3 * 4 * 5),
        ("BATCH_MATMUL", [(2, 5, 7), (2, 7, 3)], (2, 5, 3), 2 * 5 * 3 * 7),
        ("ADD", [(1, 8, 8, 4), (4,)], (1, 8, 8, 4), 0),
    ],
)
def test_macs_of_one_kernel(name, shapes, output_shape, expected):
    graph = one_operator(name, shapes, output_shape)
    assert macs(graph, graph.operators[0]) == expected


def skip_connection():
    """a -> b -> c, then c + c -> d; e is a second result of the second kernel that nobody reads.
    Twenty bytes, and ten."""
    tensors = [tensor(name, (20,) if name in "ab" else (10,)) for name in "abcde"]
    tensors.append(tensor("axis", (1,), "INT32", np.zeros(1, np.int32), scale=None))
    return parse_tflite(
        build(
            tensors, [("RELU", [0], [1]), ("SPLIT", [5, 1], [2, 4]), ("ADD", [2, 2], [3])], [0], [3]
        ),
        "skip",
    )


def test_a_tensor_lives_from_its_writer_to_its_last_reader():
    graph = skip_connection()
    assert lifetimes(graph) == {0: (-1, 0), 1: (0, 1), 2: (1, 2), 4: (1, 1), 3: (2, 3)}
    assert live_bytes(graph) == [40, 40, 20]


def test_an_output_lives_until_after_the_last_operator():
    chain = parse_tflite(
        build(
            [tensor(name, (10,)) for name in "abc"],
            [("RELU", [0], [1]), ("RELU", [0], [2])],
            [0],
            [1, 2],
        ),
        "early",
    )
    assert lifetimes(chain) == {0: (-1, 1), 1: (0, 2), 2: (1, 2)}


def test_indices_and_shapes_are_no_parameters():
    assert sum(row["parameters"] for row in layers(skip_connection())) == 0


def test_shared_weights_count_once():
    shared = [
        tensor("a", (1, 4)),
        tensor("w", (4, 4), data=np.ones((4, 4), np.int8)),
        tensor("b", (1, 4)),
        tensor("c", (1, 4)),
    ]
    rows = layers(
        parse_tflite(
            build(
                shared,
                [("FULLY_CONNECTED", [0, 1], [2]), ("FULLY_CONNECTED", [2, 1], [3])],
                [0],
                [3],
            ),
            "shared",
        )
    )
    assert [row["parameters"] for row in rows] == [16, 0]
    assert [row["macs"] for row in rows] == [16, 16]


def test_float_kernels_are_named():
    graph = one_operator("CONV_2D", [(1, 8, 8, 4), (6, 3, 3, 4)], (1, 8, 8, 6))
    floats = replace(graph, tensors=tuple(replace(each, dtype="float32") for each in graph.tensors))
    assert float_operators(graph) == [] and [op.name for op in float_operators(floats)] == [
        "CONV_2D"
    ]


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00" * 4, b"not a model at all, only text", b"\x1c\x00\x00\x00TFL2" + bytes(64)],
)
def test_other_files_are_refused(tmp_path, data):
    path = tmp_path / "other.tflite"
    path.write_bytes(data)
    with pytest.raises(PoseError, match=r"other\.tflite is not a \.tflite model"):
        read_tflite(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(PoseError, match="absent.tflite"):
        read_tflite(tmp_path / "absent.tflite")


@pytest.mark.parametrize("error", [IndexError, KeyError, TypeError, ValueError, AttributeError])
def test_a_bug_of_the_reader_is_no_damaged_file(monkeypatch, error):
    def bug(*given):
        raise error("a bug")

    monkeypatch.setattr(tflite, "read_attributes", bug)
    with pytest.raises(error, match="a bug"):
        parse_tflite(heatmap_model(), "sound.tflite")


def test_damage_anywhere_ends_in_a_graph_or_a_clear_error():
    good, dice, refused = heatmap_model(), random.Random(1), 0
    for _ in range(1000):
        bad = bytearray(good)
        for _ in range(dice.choice([1, 2, 8])):
            bad[dice.randrange(8, len(bad))] = dice.choice([0, 127, 255, dice.randrange(256)])
        try:
            layers(parse_tflite(bytes(bad), "bad.tflite"))
        except PoseError:
            refused += 1
    assert 200 < refused < 1000
