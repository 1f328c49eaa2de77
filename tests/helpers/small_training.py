"""A training that takes a moment: a network of two convolutions and pictures of two spots."""

import os
import signal

import numpy as np

from poseutils.keypoints import layout_from_names
from poseutils.training import Examples, fit
from poseutils.training.examples import LazyArray

PAIR = layout_from_names(["left_spot", "right_spot"])
AUGMENTATION = {"random_flip": {"mode": "horizontal"}, "random_brightness": {"factor": 0.2}}


def spots(count, seed=0, size=32):
    """Examples of a red and a green spot on noise."""
    random = np.random.default_rng(seed)
    points = np.concatenate(
        [random.uniform(6, size - 6, (count, 2, 2)), np.full((count, 2, 1), 2)], axis=-1
    ).astype(np.float32)
    images = random.uniform(0, 60, (count, size, size, 3))
    places = np.arange(size) + 0.5
    for k in range(2):
        x, y = points[:, k, 0, None, None], points[:, k, 1, None, None]
        images[..., k] += 190 * np.exp(
            -((places[None, None] - x) ** 2 + (places[None, :, None] - y) ** 2) / 8
        )
    return Examples(images.astype(np.uint8), points, np.full(count, 400, np.float32), PAIR)


def deadly(examples, reads):
    """The same examples; the process is killed when images are read for the so-manieth time."""
    count = [0]

    def rows(numbers):
        count[0] += 1
        if count[0] == reads:
            os.kill(os.getpid(), signal.SIGKILL)
        return examples.images[numbers]

    return Examples(
        LazyArray(rows, examples.images.shape, examples.images.dtype),
        examples.keypoints,
        examples.areas,
        examples.layout,
    )


def plain_network(size=32):
    """Two convolutions: what fit needs of a network, and quickly compiled."""
    import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((size, size, 3))
    x = keras.layers.Conv2D(8, 5, strides=4, padding="same", activation="relu")(image)
    return keras.Model(image, keras.layers.Conv2D(2, 3, padding="same", activation="sigmoid")(x))


def small_network(filters=8, dropout=0.2):
    """Two convolutions, with what has a state of its own between them: batch normalization and
    dropout."""
    import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(filters, 5, strides=4, padding="same", activation="relu")(image)
    x = keras.layers.Dropout(dropout)(keras.layers.BatchNormalization()(x))
    return keras.Model(image, keras.layers.Conv2D(2, 3, padding="same", activation="sigmoid")(x))


def small_fit(run_dir, network=None, **change):
    """Five epochs of eight batches, whose learning rate falls when the OKS does not rise."""
    settings = {
        "train": spots(32),
        "validation": spots(4, 1),
        "epochs": 5,
        "batch_size": 4,
        "optimizer": {"Adam": {"learning_rate": 0.01}},
        "callbacks": {"ReduceLROnPlateau": {"patience": 1, "factor": 0.5, "min_delta": 1.0}},
        "augmentation": AUGMENTATION,
    }
    return fit(network or small_network(), run_dir=run_dir, **{**settings, **change})
