"""Networks whose tensors share memory, as C beside LiteRT; and the proof of the memory plan."""

from dataclasses import replace

import pytest

from poseutils import PoseError
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.compiler.memory import arena
from poseutils.compiler.memory import check as plan_check
from poseutils.compiler.memory.arena import plan_arguments
from poseutils.compiler.memory.check import PlanError, Region, check_plan
from poseutils.compiler.memory.planner import Plan
from poseutils.compiler.memory.schedule import Schedule, Step
from poseutils.deployment import export
from tests.helpers.marks import with_gcc
from tests.helpers.networks.parts import IN, bias, conv, filters, int8, integers, random_values
from tests.helpers.networks.tiny_tflite import build, heatmap_model, tensor
from tests.helpers.running.compiled import run
from tests.helpers.running.litert_reference import Reference

SIGMOID = {"scale": 1 / 256, "zero_point": -128}
FINER = {"scale": 0.02, "zero_point": 5}


class Network:
    """A .tflite in the making; each method adds an operator and gives the index of its result."""

    def __init__(self, *shapes):
        self.tensors = [tensor(f"in{i}", shape, **IN) for i, shape in enumerate(shapes)]
        self.operators = []
        self.inputs = list(range(len(shapes)))

    def add(self, made):
        self.tensors.append({**made, "name": f"{made['name']}{len(self.tensors)}"})
        return len(self.tensors) - 1

    def operator(self, name, inputs, shape, options=None, quantized=IN):
        output = self.add(tensor(name.lower(), shape, **quantized))
        self.operators.append((name, list(inputs), [output], options))
        return output

    def conv(self, source, channels):
        *image, depth = self.tensors[source]["shape"]
        weights = [self.add(filters("w", (channels, 1, 1, depth))), self.add(bias(channels))]
        return self.operator("CONV_2D", [source, *weights], (*image, channels), conv())

    def concatenate(self, axis, *sources, quantized=IN):
        shape = list(self.tensors[sources[0]]["shape"])
        shape[axis] = sum(self.tensors[t]["shape"][axis] for t in sources)
        return self.operator(
            "CONCATENATION",
            sources,
            tuple(shape),
            ("ConcatenationOptions", {"axis": axis}),
            quantized,
        )

    def reshape(self, source, *shape):
        return self.operator(
            "RESHAPE", [source, self.add(integers("shape", *shape))], shape, ("ReshapeOptions", {})
        )

    def slice(self, source, begin, size):
        return self.operator(
            "SLICE",
            [source, self.add(integers("begin", *begin)), self.add(integers("size", *size))],
            size,
        )

    def transposed(self, source):
        _, height, width, depth = self.tensors[source]["shape"]
        order = self.add(integers("order", 0, 2, 1, 3))
        return self.operator("TRANSPOSE", [source, order], (1, width, height, depth))

    def same(self, name, *sources, **quantized):
        return self.operator(
            name, sources, self.tensors[sources[0]]["shape"], None, quantized or IN
        )

    def build(self, *outputs):
        return build(self.tensors, self.operators, self.inputs, list(outputs))


def output_read_last():
    """[a · sigmoid(b), a, b]: the last operators read outputs as large as their results."""
    net = Network((1, 4, 5, 3))
    a, b = net.conv(0, 6), net.conv(0, 6)
    return net.build(net.same("MUL", a, net.same("LOGISTIC", b, **SIGMOID)), a, b)


def concatenations_share_an_input(axis):
    """It is the first of two results and the last of others; beside itself; beside two others."""
    net = Network((1, 4, 5, 3))
    a, b, c = (net.conv(0, 6) for _ in range(3))
    made = [
        net.concatenate(axis, *sources) for sources in ((a, b), (a, c), (c, b), (b, b), (c, a, b))
    ]
    return net.build(*(net.conv(each, 2) for each in made))


def ssd_heads():
    """Boxes and scores of two images, each as a list that is computed once more, concatenated."""
    net, lists = Network((1, 4, 6, 8)), {1: [], 4: []}
    images = net.conv(0, 6), net.conv(net.slice(0, (0, 1, 2, 0), (1, 2, 3, 8)), 7)
    for image in images:
        for columns, made in lists.items():
            head = net.conv(image, 2 * columns)
            rows = 2 * net.tensors[head]["shape"][1] * net.tensors[head]["shape"][2]
            made.append(net.reshape(head, 1, rows, columns))
    anchors = [
        net.add(
            tensor("anchors", net.tensors[t]["shape"], data=int8(*net.tensors[t]["shape"]), **IN)
        )
        for t in lists[4]
    ]
    scores = net.concatenate(
        1, *(net.same("QUANTIZE", t, **FINER) for t in lists[1]), quantized=FINER
    )
    boxes = net.concatenate(1, *(net.same("ADD", *each) for each in zip(lists[4], anchors)))
    return net.build(net.same("LOGISTIC", scores, **SIGMOID), boxes)


def operand_repeats_its_own_part():
    """x + a row of x: in place, the row would be another before the second row is computed."""
    net = Network((4, 6))
    x = net.same("QUANTIZE", 0, scale=0.1, zero_point=3)
    return net.build(net.same("SUB", x, net.slice(x, (1, 0), (1, 6))))


NETWORKS = {
    "an output that is read last": output_read_last,
    "shared inputs, channels": lambda: concatenations_share_an_input(3),
    "shared inputs, rows": lambda: concatenations_share_an_input(1),
    "heads of a detector": ssd_heads,
    "an operand that repeats": operand_repeats_its_own_part,
}


@with_gcc
@pytest.mark.parametrize("name", NETWORKS)
def test_shared_memory_gives_the_reference_bits(tmp_path, name):
    data = NETWORKS[name]()
    graph, reference = parse_tflite(data, name), Reference(data)
    inputs = [random_values(graph.tensors[t]) for t in graph.inputs]
    for index, values in zip(graph.inputs, inputs):
        reference.interpreter.set_tensor(index, values)
    reference.interpreter.invoke()
    assert run(graph, inputs, tmp_path) == b"".join(
        reference.tensor(t).tobytes() for t in graph.outputs
    )


# ---------------------------------------------------------------- the proof


@pytest.fixture(scope="module", params=NETWORKS)
def planned(request):
    """The arguments of ``check_plan`` for a plan that is right."""
    data = NETWORKS[request.param]()
    compiled = compile_graph(parse_tflite(data, "right"), "right", "file", "network")
    return plan_arguments(compiled.arena)


def test_a_plan_that_is_right_passes(planned):
    check_plan(**planned)


def test_an_arena_that_is_a_byte_too_small_is_refused(planned):
    ends = [region.end for region in (*planned["regions"].values(), *planned["scratch"].values())]
    with pytest.raises(PlanError, match="outside of the arena"):
        check_plan(**planned | {"arena_bytes": max(ends) - 1})


def test_tensors_of_which_each_is_read_with_the_other_cannot_share_bytes(planned):
    """Any two operands of an operator, and any two outputs, one laid over the other."""
    graph, regions = planned["graph"], planned["regions"]
    groups = [[t for t in operator.inputs if t in regions] for operator in graph.operators] + [
        list(graph.outputs)
    ]
    for a, b in {
        (a, b)
        for group in groups
        for a in group
        for b in group
        if not regions[a].touches(regions[b])
    }:
        with pytest.raises(PlanError):
            check_plan(
                **planned
                | {"regions": regions | {a: replace(regions[a], offset=regions[b].offset)}}
            )


def chain(outputs=("c",)):
    """in -> a -> b -> c in contiguous regions that do not overlap; b is computed with scratch."""
    net = Network((4, 6))
    a = net.same("QUANTIZE", 0, scale=0.1)
    b = net.same("SOFTMAX", a)
    c = net.same("ADD", a, b)
    index = {"in": 0, "a": a, "b": b, "c": c}
    graph = parse_tflite(net.build(*(index[name] for name in outputs)), "chain")
    regions = {t: Region(24 * t, 1, 24, 24) for t in index.values()}
    scratch = {1: Region(96, 1, 8, 8)}
    return index, {
        "graph": graph,
        "schedule": Schedule((Step(0, None), Step(1, None), Step(2, None))),
        "regions": regions,
        "arena_bytes": 104,
        "scratch": scratch,
        "in_place": {0, 2},
        "strided": {0, 1, 2},
    }


def test_two_tensors_in_one_place_are_refused_by_name():
    index, given = chain()
    given["regions"][index["b"]] = given["regions"][index["a"]]
    with pytest.raises(
        PlanError,
        match="'quantize1' is overwritten by tensor 'softmax2' by operator 1, SOFTMAX of",
    ):
        check_plan(**given)


def test_an_operand_that_is_read_later_is_not_written_over():
    index, given = chain(outputs=("c", "a"))
    given["regions"][index["c"]] = given["regions"][index["a"]]
    with pytest.raises(
        PlanError, match="'quantize1' is overwritten by tensor 'add3' before the caller reads it"
    ):
        check_plan(**given)
    _, once = chain()
    once["regions"][index["c"]] = once["regions"][index["a"]]
    check_plan(**once)
    with pytest.raises(PlanError, match="'quantize1' is overwritten by tensor 'add3'"):
        check_plan(**once | {"in_place": {0}})


@pytest.mark.parametrize(("offset", "name"), [(24, "quantize1"), (52, "softmax2")])
def test_scratch_over_an_operand_or_the_result_is_refused(offset, name):
    _, given = chain()
    given["scratch"][1] = Region(offset, 1, 8, 8)
    with pytest.raises(
        PlanError,
        match=f"'{name}' is overwritten by the scratch of operator 1, SOFTMAX of 'softmax2'",
    ):
        check_plan(**given)


def test_a_wrong_row_stride_is_refused():
    index, given = chain()
    given["regions"][index["b"]] = Region(48, 4, 6, 7)
    check_plan(
        **given
        | {
            "arena_bytes": 200,
            "scratch": {1: Region(120, 1, 8, 8)},
            "regions": given["regions"] | {3: Region(90, 1, 24, 24)},
        }
    )
    with pytest.raises(PlanError, match="overlaps itself"):
        check_plan(**given | {"regions": given["regions"] | {index["b"]: Region(48, 4, 6, 5)}})
    with pytest.raises(PlanError, match="is not contiguous for operator 1"):
        check_plan(**given | {"strided": {0, 2}})
    with pytest.raises(PlanError, match="'add3' is not contiguous for the caller"):
        check_plan(**given | {"regions": given["regions"] | {index["c"]: Region(72, 4, 6, 7)}})


def test_floats_and_scratch_are_aligned():
    net = Network((2, 3))
    net.operators.append(
        ("DEQUANTIZE", [0], [net.add(tensor("real", (2, 3), "FLOAT32", scale=None))], None)
    )
    graph = parse_tflite(net.build(1), "real")
    given = {"graph": graph, "schedule": Schedule((Step(0, None),)), "arena_bytes": 64}
    given |= {"in_place": (), "strided": {0}}
    check_plan(
        **given,
        regions={0: Region(1, 1, 6, 6), 1: Region(8, 1, 24, 24)},
        scratch={0: Region(32, 1, 8, 8)},
    )
    with pytest.raises(PlanError, match="'real1' is not aligned to 4 bytes"):
        check_plan(**given, regions={0: Region(0, 1, 6, 6), 1: Region(10, 1, 24, 24)}, scratch={})
    with pytest.raises(PlanError, match="the scratch of .* is not aligned"):
        check_plan(
            **given,
            regions={0: Region(0, 1, 6, 6), 1: Region(8, 1, 24, 24)},
            scratch={0: Region(34, 1, 8, 8)},
        )


def test_the_proof_knows_nothing_of_the_planner():
    source = open(plan_check.__file__, encoding="utf-8").read()
    assert "storage" not in source and "planner" not in source


def test_a_part_is_copied_where_it_would_keep_a_large_tensor_alive():
    """A slice of x is read after two tensors as large as x are computed: a copy of it is enough."""
    net = Network((1, 16, 16, 8))
    x = net.transposed(0)
    part = net.slice(x, (0, 0, 0, 0), (1, 1, 16, 8))
    y = net.transposed(net.transposed(x))
    graph = parse_tflite(net.build(y, net.transposed(part)), "part")
    plan = compile_graph(graph, "part", "file", "network").plan
    assert plan.size == plan.bound == 2 * 2048 + 128


def test_a_wrong_plan_is_no_damaged_file_and_writes_no_folder(tmp_path, monkeypatch):
    (tmp_path / "net.tflite").write_bytes(heatmap_model())
    everything_at_zero = lambda buffers: Plan((0,) * len(buffers), 1 << 16, 0)  # noqa: E731
    monkeypatch.setattr(arena, "plan", everything_at_zero)
    with pytest.raises(PlanError, match="tensor 'quantized' is overwritten by .*'heatmaps'"):
        export(tmp_path / "net.tflite", tmp_path / "out")
    assert not issubclass(PlanError, PoseError) and not (tmp_path / "out").exists()
