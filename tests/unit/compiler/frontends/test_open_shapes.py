"""Sizes that a file leaves to the runtime, and that follow from its operators: what Keras' layers
on sequences become."""

import numpy as np
import pytest

from poseutils import PoseError
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends.tflite import parse_tflite
from tests.helpers.marks import with_gcc
from tests.helpers.networks.open_shapes import (
    SHAPE,
    dense_on_sequence,
    moved,
    named,
    numbers,
    recurrent,
)
from tests.helpers.networks.parts import IN, OUT, int8, integers
from tests.helpers.networks.tiny_tflite import tensor
from tests.helpers.running.compiled import run
from tests.helpers.running.litert_reference import Reference


@with_gcc
@pytest.mark.parametrize("make", [dense_on_sequence, recurrent, moved])
def test_placeholders_give_way_to_the_shapes_of_a_run(tmp_path, make):
    data = make()
    graph, reference = parse_tflite(data, "open"), Reference(data)
    values = int8(*graph.tensors[graph.inputs[0]].shape)
    reference.run(values)
    (output,) = graph.outputs
    made = reference.tensor(output)
    assert graph.tensors[output].shape == made.shape
    assert run(graph, [values], tmp_path) == made.tobytes()


def test_what_follows_from_a_placeholder_follows_from_the_shape_of_a_run():
    """The result of FULLY_CONNECTED is stored for one row as if that were fixed."""
    graph = parse_tflite(dense_on_sequence(made=(1, 2)), "open")
    assert {t.name: t.shape for t in graph.tensors}["made"] == (6, 2)
    assert all(t.is_fixed for t in graph.tensors)


def test_a_shape_that_does_not_fit_is_damage_even_if_it_is_open():
    y = tensor("y", (1, 6, 2), signature=(-1, 6, 2), **OUT)
    with pytest.raises(
        PoseError, match=r"which writes 'y': the shape \[1, 6, 3\] for 'made' of shape \(6, 2\)"
    ):
        parse_tflite(dense_on_sequence(channels=integers("channels", 3), y=y), "open")


def test_a_shape_that_the_input_decides_stays_open():
    tensors = {
        "x": tensor("x", (1, 6), **IN),
        "sizes": numbers("sizes", 2),
        "y": tensor("y", (1, 1), signature=(-1, -1), **IN),
    }
    graph = parse_tflite(
        named(tensors, [("RESHAPE", ["x", "sizes"], ["y"])], ["x", "sizes"], ["y"]), "open"
    )
    with pytest.raises(PoseError, match="open leaves the shape of 'y' open"):
        compile_graph(graph, "open", "file", "network")


def constant_outputs():
    """A constant that another operator reads too, a shape, and numbers that nobody reads."""
    tensors = {
        "x": tensor("x", (4, 6), **IN),
        "w": tensor("w", (4, 6), data=int8(4, 6), **IN),
        "y": tensor("y", (4, 6), **OUT),
        "shape": numbers("shape", 2),
        "real": tensor("real", (3,), "FLOAT32", np.array([0.5, -1, 2], np.float32), scale=None),
    }
    operators = [("ADD", ["x", "w"], ["y"], ("AddOptions", {})), ("SHAPE", ["x"], ["shape"], SHAPE)]
    return named(tensors, operators, ["x"], ["w", "y", "shape", "real"])


def only_constants():
    tensors = {"x": tensor("x", (4, 6), **IN), "shape": numbers("shape", 2)}
    return named(tensors, [("SHAPE", ["x"], ["shape"], SHAPE)], ["x"], ["shape"])


@with_gcc
@pytest.mark.parametrize("make", [constant_outputs, only_constants])
def test_outputs_that_are_constants_are_copied(tmp_path, make):
    data = make()
    graph, reference = parse_tflite(data, "constant"), Reference(data)
    values = int8(4, 6)
    reference.run(values)
    expected = b"".join(reference.tensor(t).tobytes() for t in graph.outputs)
    assert run(graph, [values], tmp_path) == expected
