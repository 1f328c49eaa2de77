"""The memory planner: nothing that lives together overlaps, and little room is lost."""

import random
from dataclasses import replace
from math import prod

import numpy as np
import pytest

from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends.tflite import read_tflite
from poseutils.compiler.memory.planner import ALIGNMENT, Buffer, lower_bound, plan


def overlaps(a, b, at, bt):
    together = a.first <= b.last and b.first <= a.last
    return together and at < bt + b.size and bt < at + a.size


@pytest.mark.parametrize("seed", range(20))
def test_no_two_that_live_together_overlap(seed):
    dice = random.Random(seed)
    buffers = []
    for _ in range(60):
        first = dice.randrange(50)
        buffers.append(Buffer(dice.randrange(1, 5000), first, first + dice.randrange(10)))
    made = plan(buffers)
    for i, a in enumerate(buffers):
        assert made.offsets[i] % ALIGNMENT == 0 and made.offsets[i] + a.size <= made.size
        assert not any(
            overlaps(a, b, made.offsets[i], made.offsets[j]) for j, b in enumerate(buffers) if j > i
        )
    assert made.bound == lower_bound(buffers) <= made.size <= 1.25 * made.bound
    assert plan(buffers) == made


def test_a_chain_needs_its_two_largest_neighbors():
    chain = [Buffer(size, i, i + 1) for i, size in enumerate([1600, 3200, 320, 4000, 160])]
    assert plan(chain).size == 3200 + 1600


def test_variations_fill_the_gap_that_simple_orders_leave():
    """Five buffers of which one must lie below two that come later: by size alone it does not."""
    buffers = [
        Buffer(64, 0, 1),
        Buffer(32, 0, 2),
        Buffer(64, 2, 3),
        Buffer(32, 1, 3),
        Buffer(32, 3, 4),
    ]
    assert plan(buffers).size == lower_bound(buffers) == 128


def test_nothing_to_place():
    assert plan([]).size == 0


@pytest.mark.parametrize(("size", "kib"), [(192, 256), (256, 452), (320, 704)])
def test_yolov8n_of_other_sizes(asset, size, kib):
    """The network for 256 x 256 with the shapes that it has for another input: what it computes is
    void, what it needs is not."""
    graph = read_tflite(asset("models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite"))
    resized = replace(graph, tensors=tuple(_resized(tensor, size) for tensor in graph.tensors))
    assert resized.tensors[resized.inputs[0]].shape == (1, size, size, 3)
    assert compile_graph(resized, "resized", "quantized", "network").plan.size <= kib * 1024


def _resized(tensor, size):
    """Images and candidates in proportion; channels, and weights, as they are."""
    boxes = {
        1024: (size // 8) ** 2,
        256: (size // 16) ** 2,
        64: (size // 32) ** 2,
        1344: 21 * (size // 32) ** 2,
    }
    shape = [boxes[1344] if n == 1344 else n for n in tensor.shape]
    if len(shape) == 4 and 1344 not in tensor.shape and not tensor.is_constant:
        rows = (
            1 if shape[1] == shape[2] else 2
        )  # channels come first before the candidates are put in a row
        shape[rows : rows + 2] = [n * size // 256 for n in shape[rows : rows + 2]]
    elif len(shape) == 3 and shape[1] in (51, 65):
        shape[2] = boxes.get(tensor.shape[2], shape[2])
    data = None if tensor.data is None else np.resize(tensor.data, shape)
    return replace(
        tensor,
        shape=tuple(shape),
        bytes=tensor.bytes // max(1, tensor.elements) * prod(shape),
        data=data,
    )
