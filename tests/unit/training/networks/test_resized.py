"""Training at several sizes: batches of each, and one network for all of them."""

import keras
import numpy as np
import pytest

from poseutils.errors import PoseError
from poseutils.training import Examples, build_model, fit, load_keras, training_batches, validate
from poseutils.training.networks.resized import at_size
from tests.helpers.augmentations import noise, paired, scattered
from tests.helpers.small_training import plain_network

SIZES = [[32, 64], [64, 32], [96, 96]]


def examples(count=24, size=64):
    images = noise(count, size).astype(np.uint8)
    return Examples(
        images, scattered(count, 2, 8, size - 8), np.full(count, 900, np.float32), paired(2)
    )


def sizes_of(batches):
    return [tuple(images.shape[1:3]) for images, _ in batches]


def test_a_size_is_kept_for_a_period_and_drawn_again_each_epoch():
    batches = training_batches(
        examples(), 2, {"random_periodic_resizing": {"image_sizes": SIZES, "period": 3}}, seed=4
    )
    assert len(batches) == 12
    epochs = [sizes_of(batches) for _ in range(4)]
    assert all(
        len(set(epoch[start : start + 3])) == 1 for epoch in epochs for start in range(0, 12, 3)
    )
    assert {size for epoch in epochs for size in epoch} == {tuple(size) for size in SIZES}
    assert len({tuple(epoch) for epoch in epochs}) > 1
    again = training_batches(
        examples(), 2, {"random_periodic_resizing": {"image_sizes": SIZES, "period": 3}}, seed=4
    )
    assert [sizes_of(again) for _ in range(4)] == epochs


def test_without_resizing_all_have_one_size():
    batches = training_batches(examples(), 2, {"random_rotation": {"factor": 0.1}})
    assert set(sizes_of(batches)) == {(64, 64)}


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_a_network_at_another_size_is_the_one_built_for_it(activation):
    keras.utils.set_random_seed(1)
    network = build_model("st_movenet_lightning_heatmaps", (64, 64, 3), 3, 0.35, activation)
    fresh = build_model("st_movenet_lightning_heatmaps", (96, 128, 3), 3, 0.35, activation)
    resized = at_size(network, (96, 128))
    assert resized.output_shape == (None, 24, 32, 3)
    network.set_weights(
        [
            w + 0.01 * np.random.default_rng(0).normal(size=w.shape) ** 2
            for w in network.get_weights()
        ]
    )
    fresh.set_weights(network.get_weights())
    images = np.random.default_rng(0).uniform(-1, 1, (2, 96, 128, 3)).astype(np.float32)
    np.testing.assert_allclose(resized(images), fresh(images), atol=1e-5)
    assert at_size(network, (64, 64)) is network


def test_a_network_of_one_size_only():
    image = keras.Input((32, 32, 3))
    x = keras.layers.Dense(8 * 8 * 2)(keras.layers.Flatten()(image))
    network = keras.Model(image, keras.layers.Reshape((8, 8, 2))(x))
    with pytest.raises(
        PoseError, match=r"built for images of \(32, 32\) and cannot take \(64, 64\)\. Give it"
    ):
        at_size(network, (64, 64))


def test_fit_trains_at_all_sizes_and_saves_the_network_at_its_own(tmp_path):
    trained = plain_network(64)
    resizing = {
        "random_periodic_resizing": {"image_sizes": SIZES, "period": 2},
        "random_flip": {"mode": "horizontal"},
    }
    result = fit(
        trained,
        examples(),
        examples(8),
        epochs=6,
        batch_size=4,
        run_dir=tmp_path,
        augmentation=resizing,
    )
    assert result.history["loss"][-1] < result.history["loss"][0]
    saved = load_keras(result.path)
    assert saved.input_shape == (None, 64, 64, 3)
    assert validate(saved, examples(8))["val_oks"] == pytest.approx(result.best_oks, abs=1e-6)
