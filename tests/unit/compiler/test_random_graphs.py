"""Random legal networks as C, byte for byte against LiteRT; and what once failed, shrunk."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from poseutils.deployment.verify.emulator import EMULATED
from tests.helpers.marks import slow_except, with_gcc, with_qemu
from tests.helpers.random_graphs import running
from tests.helpers.random_graphs.description import Description, Step, Value
from tests.helpers.random_graphs.emulating import compare_emulated
from tests.helpers.random_graphs.generator import FAMILIES, network_file, random_network
from tests.helpers.random_graphs.running import Outcome, compare
from tests.helpers.random_graphs.shrinking import shrink

SEEDS, BATCH = range(200), 25
SHRUNK = sorted((Path(running.__file__).parents[1] / "shrunk_graphs").glob("*.tflite"))


def network(seed):
    return network_file(random_network(seed))


def failures(outcomes):
    return {key: outcome for key, outcome in outcomes.items() if outcome.failed}


def test_the_same_seed_gives_the_same_bytes():
    assert [network(seed) for seed in range(20)] == [network(seed) for seed in range(20)]


@with_gcc
@pytest.mark.parametrize("first", slow_except(SEEDS[: 3 * BATCH], SEEDS[::BATCH]))
def test_random_networks_give_the_reference_bytes(first):
    outcomes = compare({seed: network(seed) for seed in range(first, first + BATCH)})
    assert failures(outcomes) == {}
    equal = [outcome for outcome in outcomes.values() if outcome.kind == "equal"]
    assert len(equal) >= 0.9 * BATCH


def test_random_networks_have_every_operator():
    networks = [random_network(seed) for seed in SEEDS]
    assert {step.name for each in networks for step in each.steps} == set(FAMILIES)


@with_gcc
def test_what_once_failed_gives_the_reference_bytes():
    outcomes = compare({path.stem: path.read_bytes() for path in SHRUNK})
    assert Counter(outcome.kind for outcome in outcomes.values()) == {"equal": len(SHRUNK)}, (
        failures(outcomes)
    )


@pytest.mark.slow
@with_qemu
@pytest.mark.parametrize("core", EMULATED)
def test_cores_give_the_reference_bytes(core):
    outcomes = compare_emulated({seed: network(seed) for seed in SEEDS[:20]}, core)
    assert failures(outcomes) == {}


@with_gcc
@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (".b_sign = 1", ".b_sign = -1", "wrong bytes"),
        ("ARENA_BYTES 32", "ARENA_BYTES 16", "sanitizer"),
        ("    pose_add(", "    __builtin_trap();\n    pose_add(", "crash"),
        ("    pose_add(", "    pose_ad(", "does not compile"),
    ],
)
def test_what_goes_wrong_is_seen(monkeypatch, old, new, kind):
    sound = running.network_files

    def damaged(compiled, name):
        files = sound(compiled, name)
        assert name != "g1" or any(old in text for text in files.values())
        return {
            file: text.replace(old, new) if name == "g1" else text for file, text in files.items()
        }

    monkeypatch.setattr(running, "network_files", damaged)
    value = Value((1, 3, 5), 0.5, 7)
    adding = Description(
        {"a": value, "b": value},
        (Step("ADD", ("a", "b"), ("c",), {"to": [0.7, -3], "activation": 0}),),
        ("c",),
    )
    data = network_file(adding)
    assert [outcome.kind for outcome in compare({"sound": data, "damaged": data}).values()] == [
        "equal",
        kind,
    ]


def test_what_fails_is_shrunk():
    """A fault that needs a TANH, and a CONCATENATION of something with itself."""

    def judge(networks):
        names = [
            {step.name for step in each.steps if step.name == "TANH" or _doubles(step)}
            for each in networks
        ]
        return [Outcome("wrong bytes" if len(each) == 2 else "equal") for each in names]

    faulty = next(each for each in map(random_network, range(1000)) if judge([each])[0].failed)
    everything = tuple(name for step in faulty.steps for name in step.writes)
    small = shrink(replace(faulty, outputs=everything), judge)
    assert sorted(step.name for step in small.steps) == ["CONCATENATION", "TANH"]
    assert all(set(value.shape) == {1} for value in small.inputs.values())


def _doubles(step):
    return step.name == "CONCATENATION" and len(set(step.reads)) < len(step.reads)
