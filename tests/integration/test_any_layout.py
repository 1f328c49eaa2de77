"""Hands of 21 keypoints and an object of seven, from text labels to a trained network, by a
configuration alone."""

import colorsys

import cv2
import numpy as np
import pytest

import poseutils as pu
from poseutils.datasets import training_datasets
from poseutils.training import (
    configured_examples,
    configured_fit,
    configured_network,
    load_keras,
    training_batches,
)

SIZE = 64
NAMES = ["nose", "left_wing", "right_wing", "left_foot", "right_foot", "tail", "crest"]
MIRROR = [0, 2, 1, 4, 3, 5, 6]
CONFIG = """
model:
  {{model_type: {kind}, alpha: 0.35, input_shape: "(64, 64, 3)", final_activation: {activation}}}
dataset: {{keypoints: {count}, {names} oks_sigmas: 0.1, training_path: train, validation_path: val}}
data_augmentation: {{random_flip: {{mode: horizontal}}, random_brightness: {{factor: 0.1}}}}
training:
  {{batch_size: 8, epochs: {epochs}, loss: {loss}, optimizer: {{Adam: {{learning_rate: 0.01}}}}}}
"""


def draw(folder, count, mirror, seed):
    """Pictures of dots in three rows, shifted at random, each of its own color but for those that
    are each other's mirror image: of these the left one lies left."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    keypoints = len(mirror)
    rows = 12 + 18 * np.column_stack(
        [np.arange(keypoints) // 3 * 6 / keypoints, np.arange(keypoints) % 3]
    )
    for index in range(count):
        points = rows + rng.uniform(-8, 8, 2) + rng.uniform(-2, 2, (keypoints, 2))
        for left, right in ((k, mirror[k]) for k in range(keypoints) if mirror[k] > k):
            points[[left, right], 0] = (
                rng.uniform(8, SIZE / 2 - 6),
                rng.uniform(SIZE / 2 + 6, SIZE - 8),
            )
        image = rng.integers(0, 40, (SIZE, SIZE, 3)).astype(np.uint8)
        for k in range(keypoints):
            color = [255 * c for c in colorsys.hsv_to_rgb(min(k, mirror[k]) / keypoints, 0.9, 1)]
            cv2.circle(
                image,
                tuple(np.round(points[k] * 16 - 8).astype(int).tolist()),
                3 * 16,
                color,
                cv2.FILLED,
                cv2.LINE_AA,
                4,
            )
        cv2.imwrite(str(folder / f"{index:03}.png"), image[:, :, ::-1])
        numbers = np.column_stack([points / SIZE, np.full(keypoints, 2)]).ravel()
        (folder / f"{index:03}.txt").write_text(
            " ".join(f"{n:g}" for n in (0, 0.5, 0.5, 1, 1, *numbers))
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "mirror", "names", "activation", "loss", "epochs", "gain"),
    [
        ("hand_spe", list(range(21)), "", "softmax", "{cross_entropy: {sigma: 1}}", 4, 0.4),
        (
            "heatmaps_spe",
            MIRROR,
            f"keypoint_names: [{', '.join(NAMES)}],",
            "sigmoid",
            "{quality_focal: {sigma: 1}}",
            4,
            0.3,
        ),
    ],
)
def test_other_keypoints_are_trained_like_peoples(
    tmp_path, kind, mirror, names, activation, loss, epochs, gain
):
    draw(tmp_path / "train", 64, mirror, seed=1)
    draw(tmp_path / "val", 16, mirror, seed=2)
    (tmp_path / "user_config.yaml").write_text(
        CONFIG.format(
            kind=kind,
            count=len(mirror),
            names=names,
            activation=activation,
            loss=loss,
            epochs=epochs,
        )
    )
    config = pu.load_config(tmp_path / "user_config.yaml")
    assert config.ignored == []
    train, validation = (
        configured_examples(config, dataset) for dataset in training_datasets(config)
    )
    assert list(train.layout.mirror) == mirror and len(train) == 64
    pairs = [(k, other) for k, other in enumerate(mirror) if other > k]
    for _, points in training_batches(train, 8, config.data_augmentation, seed=1):
        # Flipped or not
        assert all(
            (points[:, left, 0] < points[:, right, 0]).numpy().all() for left, right in pairs
        )
    network = configured_network(config, len(train.layout))
    result = configured_fit(config, network, train, validation, tmp_path / "run")
    assert result.history["loss"][-1] < result.history["loss"][0]
    assert result.best_oks > result.initial_oks + gain
    saved = load_keras(result.path)
    assert saved.output_shape == (None, 16, 16, len(mirror))
