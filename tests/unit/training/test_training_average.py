"""Weights that the optimizer averages over steps are those that are measured and kept."""

import numpy as np
import pytest

from poseutils.training import load_keras
from poseutils.training.validation import validate
from tests.helpers.small_training import small_fit, small_network, spots

STEPS, MOMENTUM = 12, 0.5


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A training of a step an epoch: what it gave, and the weights after each step, plain and
    averaged."""
    network, plain = small_network(), []
    done = small_fit(
        tmp_path_factory.mktemp("run"),
        network,
        epochs=STEPS,
        batch_size=32,
        callbacks={},
        optimizer={"SGD": {"learning_rate": 0.05, "use_ema": True, "ema_momentum": MOMENTUM}},
        on_epoch=lambda *_: plain.append([value.numpy() for value in network.trainable_variables]),
    )
    averages = [plain[0]]
    for weights in plain[1:]:
        averages.append(
            [MOMENTUM * a + (1 - MOMENTUM) * w for a, w in zip(averages[-1], weights, strict=True)]
        )
    return done, network, plain, averages


def test_the_average_is_kept_and_training_goes_on_from_the_weights_themselves(trained):
    done, network, plain, averages = trained
    assert done.best_epoch > 1
    best, saved = averages[done.best_epoch - 1], load_keras(done.path).trainable_variables
    for kept, file, expected, raw in zip(
        network.trainable_variables, saved, best, plain[done.best_epoch - 1], strict=True
    ):
        np.testing.assert_allclose(kept, expected, atol=1e-6)
        np.testing.assert_array_equal(kept, file)
        assert np.abs(kept - raw).max() > 1e-5


def test_the_average_is_measured(trained):
    done, network, _, _ = trained
    measured = validate(network, spots(4, 1))
    for name in ("val_oks", "val_loss"):
        assert done.history[name][done.best_epoch - 1] == pytest.approx(measured[name], rel=1e-4)
