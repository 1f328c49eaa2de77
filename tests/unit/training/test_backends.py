"""The networks, their targets and losses on other backends of Keras than TensorFlow: the same
numbers; and trainings there."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from poseutils.images import fit_to, read_image
from poseutils.models.networks.keras_files import load_keras
from poseutils.models.networks.runtimes import compiled

NAME, KEYPOINTS = "st_movenet_lightning_heatmaps", 17
SHAPE = (64, 96, 3)
LOSSES = {
    "sigmoid": ({"quality_focal": {}}, {"mse": {"sigma": 0}}),
    "softmax": (
        {"cross_entropy": {"sigma": 2, "keypoint_weights": [1, 0.5] * 8 + [3]}},
        {"mse": {"occluded_weight": 0.5}},
    ),
}
# What runs in a Python of its own: the weights, images and keypoints come from one file, the
# heatmaps and losses go into another.
CODE = f"""
import sys
import keras, numpy as np
from poseutils.training import build_model
from poseutils.training.losses import heatmap_loss
given, found = np.load(sys.argv[1]), {{}}
for activation, losses in {LOSSES!r}.items():
    model = build_model({NAME!r}, {SHAPE!r}, {KEYPOINTS}, 0.35, activation)
    model.set_weights([given[str(i)] for i in range(len(model.weights))])
    heatmaps = found[activation] = model.predict_on_batch(given["images"])
    for loss in losses:
        loss_of = heatmap_loss({SHAPE[:2]!r}, model.output_shape[1:3], activation, loss)
        value = loss_of(given["keypoints"], heatmaps)
        found[f"{{activation}}.{{next(iter(loss))}}"] = keras.ops.convert_to_numpy(value)
np.savez(sys.argv[2], **found)
print(keras.backend.backend())
"""

# A training of two epochs, at two sizes of images, and what the network then finds on the first
# images.
TRAINING = f"""
import sys
import keras, numpy as np
import poseutils as pu
from poseutils.training import build_model, fit, load_examples
from poseutils.models.networks.runtimes import compiled
examples = load_examples(pu.load_dataset(sys.argv[1]), (64, 64)).first(24)
model = build_model({NAME!r}, (64, 64, 3), {KEYPOINTS}, 0.35)
sizes = {{"random_periodic_resizing": {{"image_sizes": [(64, 64), (96, 96)], "period": 2}}}}
options = dict(epochs=2, batch_size=4, augmentation=sizes, mixed_precision=False)
outcome = fit(model, examples, examples.first(8), run_dir=sys.argv[2], **options)
(heatmaps,) = compiled(model)(examples.images[:2] / np.float32(127.5) - 1)
found = dict(loss=outcome.history["loss"], images=examples.images[:2], heatmaps=heatmaps)
np.savez(sys.argv[2] + "/found.npz", **found)
print(keras.backend.backend())
"""


def run(backend, given, found, code=CODE):
    environment = os.environ | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    ran = subprocess.run(
        [sys.executable, "-c", code, str(given), str(found)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split()[-1] == backend
    return dict(np.load(found / "found.npz" if found.is_dir() else found))


@pytest.fixture(scope="module")
def on_tensorflow(tmp_path_factory, repository):
    """The file with what each backend is given, the shipped weights among it, and what TensorFlow
    makes of it."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("backends")
    weights = load_keras(
        repository / "data/models/st_movenet_lightning_heatmaps_a035_192.keras"
    ).get_weights()
    places = rng.uniform(-4, 70, (2, KEYPOINTS, 2))
    visibility = rng.integers(0, 3, (2, KEYPOINTS, 1))
    pictures = [
        fit_to(read_image(repository / f"data/synthetic-people/val/00000{i}.jpg"), SHAPE[:2])[0]
        for i in (1, 2)
    ]
    given = {
        "images": np.stack(pictures) / 127.5 - 1,
        "keypoints": np.concatenate([places, visibility], axis=-1),
    }
    given = {name: values.astype(np.float32) for name, values in given.items()} | {
        str(i): w for i, w in enumerate(weights)
    }
    np.savez(folder / "given.npz", **given)
    found = run("tensorflow", folder / "given.npz", folder / "found.npz")
    # There is something to compare
    assert 10 * np.median(found["sigmoid"]) < found["sigmoid"].max() < 0.99 and len(found) == 6
    return folder / "given.npz", found


@pytest.fixture(params=["jax", "torch"])
def backend(request):
    if not importlib.util.find_spec(request.param):
        pytest.skip(f"{request.param} is not installed; install it to run Keras on it")
    return request.param


@pytest.mark.slow
def test_another_backend_gives_the_same_heatmaps_and_losses(backend, on_tensorflow, tmp_path):
    given, expected = on_tensorflow
    found = run(backend, given, tmp_path / "found.npz")
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_another_backend_trains(backend, repository, tmp_path):
    found = run(backend, repository / "data/synthetic-people/train", tmp_path, TRAINING)
    assert found["loss"][1] < found["loss"][0]
    (heatmaps,) = compiled(load_keras(tmp_path / "model.keras"))(
        found["images"] / np.float32(127.5) - 1
    )
    np.testing.assert_allclose(heatmaps, found["heatmaps"], atol=1e-4)
    assert (tmp_path / "checkpoint.npz").is_file() and any((tmp_path / "logs").iterdir())
