"""Plans of the learning rate: the zoo's formulas, epoch by epoch, and what steers a real
training."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

from poseutils.config.calls import CALLBACKS, OPTIMIZERS
from poseutils.config.calls import SCHEDULES as ARGUMENTS
from poseutils.keypoints import layout_from_names
from poseutils.training import Examples, fit
from poseutils.training.schedules import SCHEDULES, make_schedule

HELD = {"initial_lr": 0.01, "hold_steps": 4, "decay_steps": 10, "end_lr": 0.001}


def rates(name, epochs=30, **arguments):
    schedule = make_schedule(name, arguments)
    return [schedule(epoch, 0.5) for epoch in range(epochs)]


def held(epoch):
    """Epochs since the hold of four, which in the zoo ends at the third epoch."""
    return epoch - 4 + 1


def test_linear():
    expected = [
        0.01 if e < 3 else 0.001 if e >= 14 else 0.01 - 0.009 / 10 * held(e) for e in range(30)
    ]
    assert rates("LRLinearDecay", **HELD) == pytest.approx(expected)
    assert rates("LRLinearDecay", **HELD)[12:15] == pytest.approx([0.0019, 0.001, 0.001])


def test_exponential():
    expected = [0.01 if e < 3 else max(0.004, 0.01 * math.exp(-0.1 * held(e))) for e in range(30)]
    assert rates(
        "LRExponentialDecay", initial_lr=0.01, hold_steps=4, decay_rate=0.1, min_lr=0.004
    ) == pytest.approx(expected)
    assert rates("LRExponentialDecay", initial_lr=0.01, hold_steps=0, decay_rate=0.1)[
        29
    ] == pytest.approx(0.01 * math.exp(-3))


def test_steps():
    got = rates("LRStepDecay", initial_lr=1, step_size=5, decay_rate=0.5, min_lr=0.1)
    assert got[:15] == [1] * 4 + [0.5] * 5 + [0.25] * 5 + [0.125]
    assert got[-1] == 0.1


def test_cosine():
    expected = [
        0.01 if e < 4 else 0.001 + 0.009 * 0.5 * (1 + math.cos(math.pi * min(held(e), 10) / 10))
        for e in range(30)
    ]
    assert rates("LRCosineDecay", **HELD) == pytest.approx(expected)
    assert rates("LRCosineDecay", **HELD)[13] == pytest.approx(0.001)


def test_warmup_then_cosine():
    got = rates(
        "LRWarmupCosineDecay",
        initial_lr=0.001,
        warmup_steps=5,
        max_lr=0.011,
        hold_steps=3,
        decay_steps=10,
        end_lr=0.001,
    )
    rising = [0.001 + 0.002 * e for e in range(4)]
    falling = [
        0.001 + 0.01 * 0.5 * (1 + math.cos(math.pi * min(e - 8, 10) / 10)) for e in range(8, 30)
    ]
    assert got == pytest.approx([*rising, *[0.011] * 4, *falling])


def test_cosine_with_restarts():
    got = rates(
        "LRCosineDecayRestarts",
        71,
        initial_lr=0.01,
        first_decay_steps=10,
        end_lr=0.001,
        t_mul=2,
        m_mul=0.5,
    )

    def at(e):
        period, start = (0, 0) if e < 10 else (1, 10) if e < 30 else (2, 30) if e < 70 else (3, 70)
        done = (e - start) / (10 * 2**period)
        return 0.01 * ((1 - 0.1) * 0.5 * 0.5**period * (1 + math.cos(math.pi * done)) + 0.1)

    assert got == pytest.approx([at(e) for e in range(71)])
    assert got[10] == pytest.approx(0.0055) and got[30] == pytest.approx(0.00325)
    even = rates(
        "LRCosineDecayRestarts", initial_lr=0.01, first_decay_steps=10, end_lr=0.001, t_mul=1
    )
    assert even[:10] == even[10:20] == even[20:]


def test_polynomial():
    expected = [
        0.01 if e < 3 else 0.009 * (1 - min(held(e), 10) / 10) ** 0.5 + 0.001 for e in range(30)
    ]
    assert rates("LRPolynomialDecay", **HELD) == pytest.approx(expected)
    line = rates("LRPolynomialDecay", **HELD, power=1)
    assert np.diff(line[3:14]) == pytest.approx([-0.0009] * 10)


def test_polynomial_with_restarts():
    def at(e):
        whole = 10 * math.ceil(held(e) / 10)
        return 0.01 if held(e) <= 0 else 0.009 * (1 - held(e) / whole) ** 0.7 + 0.001

    got = rates("LRPolynomialDecayRestarts", **HELD)
    assert got == pytest.approx([at(e) for e in range(30)])
    assert got[13] == pytest.approx(0.001) and got[14] > 0.005


def test_pieces():
    got = rates(
        "LRPiecewiseConstantDecay", 12, boundaries=[3, 7, 10], values=[0.1, 0.05, 0.02, 0.01]
    )
    assert got == [0.1] * 3 + [0.05] * 4 + [0.02] * 3 + [0.01] * 2


def test_an_expression_sees_the_epoch_and_the_rate_before_it():
    schedule = make_schedule(
        "LearningRateScheduler", {"schedule": "lr if epoch < 2 else lr * 0.5", "verbose": 1}
    )
    assert [schedule(1, 0.4), schedule(2, 0.4)] == [0.4, 0.2]


def test_the_configuration_knows_the_arguments_of_each_schedule():
    assert list(ARGUMENTS) == list(SCHEDULES)
    for name, table in ARGUMENTS.items():
        _, *parameters = inspect.signature(SCHEDULES[name]).parameters.values()
        assert [f"{p.name}!" if p.default is p.empty else p.name for p in parameters] == list(table)


# ---------------------------------------------------------------- in a training


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Trains one convolution on four noisy images, with what it is given."""
    import keras

    inputs = keras.Input((32, 32, 3))
    outputs = keras.layers.Conv2D(2, 1, strides=4, activation="sigmoid")(inputs)
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (4, 32, 32, 3)).astype(np.uint8)
    keypoints = np.concatenate(
        [rng.uniform(4, 28, (4, 2, 2)), np.full((4, 2, 1), 2)], axis=-1
    ).astype(np.float32)
    examples = Examples(
        images, keypoints, np.full(4, 400.0), layout_from_names(["left_spot", "right_spot"])
    )

    def run(**options):
        return fit(
            model,
            examples,
            examples,
            run_dir=tmp_path_factory.mktemp("run"),
            batch_size=4,
            **options,
        )

    return run


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("LRLinearDecay", {"initial_lr": 0.1, "hold_steps": 1, "decay_steps": 2, "end_lr": 0.01}),
        ("LRPiecewiseConstantDecay", {"boundaries": [1, 2], "values": [0.3, 0.2, 0.1]}),
        ("LearningRateScheduler", {"schedule": "0.1 if epoch == 0 else lr * 0.5"}),
    ],
)
def test_a_schedule_steers_the_training(train, name, arguments):
    given = train(
        epochs=3, callbacks={name: arguments, "ModelCheckpoint": {"monitor": "val_oks"}}
    ).history["learning_rate"]
    schedule, expected = make_schedule(name, arguments), [0.1]
    expected = [schedule(0, 0.003)]
    for epoch in (1, 2):
        expected.append(schedule(epoch, expected[-1]))
    assert given == pytest.approx(expected) and given[0] > given[2]


@pytest.mark.parametrize("table, module", [(OPTIMIZERS, "optimizers"), (CALLBACKS, "callbacks")])
def test_the_configuration_knows_the_arguments_of_keras(table, module):
    import keras

    for name, arguments in table.items():
        if name in SCHEDULES:
            continue
        parameters = inspect.signature(getattr(getattr(keras, module), name)).parameters
        known = {argument.removesuffix("!") for argument in arguments} - {"raise_error"}
        assert known <= set(parameters), name
