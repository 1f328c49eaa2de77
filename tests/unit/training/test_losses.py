"""What a heatmap network is asked for, and the losses, beside their formulas in NumPy."""

import numpy as np
import pytest

from poseutils.config import load_config
from poseutils.decoders import InputSpec
from poseutils.decoders.heatmaps_spe import decode, encode
from poseutils.errors import PoseError
from poseutils.keypoints import layout_from_names
from poseutils.models.networks.keras_files import keras_library
from poseutils.training.losses import LOSSES, heatmap_loss
from poseutils.training.validation import final_activation_of, make_loss

SIZE, CELLS = (64, 96), (16, 24)


def test_heatmaps_are_gaussians_around_places_between_cells():
    heatmaps = encode([[[50.0, 22.0, 2]]], (64, 96), (16, 24), sigma=1.5)[0, :, :, 0]
    rows, columns = np.mgrid[:16, :24]
    expected = np.exp(-((columns + 0.5 - 12.5) ** 2 + (rows + 0.5 - 5.5) ** 2) / (2 * 1.5**2))
    np.testing.assert_allclose(heatmaps, expected, atol=1e-6)
    assert heatmaps[5, 12] == 1


def test_the_mean_of_a_heatmap_is_the_keypoint():
    heatmap = encode([[[93.7, 101.2]]], (192, 192), (48, 48))[0, :, :, 0]
    centers = (np.arange(48) + 0.5) * 4
    assert (
        heatmap.sum(0) @ centers / heatmap.sum(),
        heatmap.sum(1) @ centers / heatmap.sum(),
    ) == pytest.approx((93.7, 101.2), abs=0.02)


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_only_labeled_keypoints_inside_the_image_count(activation):
    loss = heatmap_loss(SIZE, CELLS, activation)
    heatmaps = np.full((1, *CELLS, 5), 0.1, np.float32)
    outside = [[30, 30, 0], [96.5, 10, 2], [10, -1, 1], [10, 80, 2]]
    keypoints = np.array([[[80, 20, 2], *outside]], np.float32)
    changed = heatmaps.copy()
    changed[..., 1:] = 0.9
    assert float(loss(keypoints, changed)) == pytest.approx(float(loss(keypoints, heatmaps)))
    alone = loss(keypoints[:, :1], heatmaps[..., :1])
    assert float(loss(keypoints, heatmaps)) == pytest.approx(float(alone), rel=1e-5) != 0
    assert float(loss(np.zeros((1, 5, 3), np.float32), heatmaps)) == 0


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_predicted_keypoints_weigh_as_much_as_their_score(activation):
    loss = heatmap_loss(SIZE, CELLS, activation)
    heatmaps = np.random.default_rng(1).random((1, *CELLS, 2), np.float32)
    keypoints = np.array([[[10, 20, 2], [30, 40, 0.25]]], np.float32)
    one, other = (float(loss(keypoints[:, k : k + 1], heatmaps[..., k : k + 1])) for k in (0, 1))
    assert one != pytest.approx(other, rel=0.01)
    both = float(loss(keypoints, heatmaps))
    assert both == pytest.approx((one + 0.25 * other) / 1.25, rel=1e-5)


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_the_target_itself_has_the_least_loss(activation):
    keypoints = np.array([[[31, 22, 2]]], np.float32)
    target = encode(keypoints, (64, 64), (16, 16))
    target = target / target.sum() if activation == "softmax" else target
    loss = heatmap_loss((64, 64), (16, 16), activation)
    assert float(loss(keypoints, target)) < min(
        float(loss(keypoints, np.roll(target, 1, axis=1))), float(loss(keypoints, target * 0.8))
    )


def test_one_hot_heatmaps_mark_the_cell_that_a_keypoint_lies_in():
    keypoints = np.array(
        [[[0, 0, 2], [95.9, 63.9, 2], [47.9, 32, 1], [96, 10, 2], [-0.1, 10, 2]]], np.float32
    )
    heatmaps = encode(keypoints, SIZE, CELLS, sigma=0)[0]
    assert [np.argwhere(heatmaps[:, :, k]).tolist() for k in range(5)] == [
        [[0, 0]],
        [[15, 23]],
        [[8, 11]],
        [],
        [],
    ]
    assert set(np.unique(heatmaps)) == {0, 1}


def test_targets_of_a_softmax_sum_to_one():
    keypoints = np.array([[[10, 20, 2], [0, 0, 2], [9000, 9000, 0]]], np.float32)
    for sigma in (0, 0.7, 3):
        targets = encode(keypoints, SIZE, CELLS, sigma, sum_to_one=True)
        np.testing.assert_allclose(targets.sum(axis=(1, 2)), [[1, 1, 0]], atol=1e-5)


@pytest.mark.parametrize("sigma", [0, 1.5])
@pytest.mark.parametrize("sum_to_one", [False, True])
def test_targets_of_keras_are_those_of_numpy(sigma, sum_to_one):
    keypoints = np.array([[[10.3, 20, 2], [95.9, 63.9, 2], [97, 10, 0]]], np.float64)
    of_keras = encode(keypoints, SIZE, CELLS, sigma, sum_to_one, xp=keras_library().ops).numpy()
    assert of_keras.dtype == np.float32
    np.testing.assert_allclose(
        of_keras, encode(keypoints, SIZE, CELLS, sigma, sum_to_one), rtol=1e-5, atol=1e-7
    )


def test_decoding_inverts_encoding_of_an_input_that_is_not_square():
    keypoints = np.array([[[30.3, 26, 2], [68.2, 39.7, 2], [40, 31.1, 1]]], np.float32)
    layout = layout_from_names(["tip", "middle", "end"])
    (poses,) = decode({"heatmaps": encode(keypoints, SIZE, CELLS)}, InputSpec(*SIZE), layout)
    np.testing.assert_allclose(poses.keypoints[0], keypoints[0, :, :2], atol=0.05)


# ---------------------------------------------------------------- each loss by its formula


def batch(activation):
    """Keypoints of two people, visible, hidden, without label and outside, and heatmaps of a
    network."""
    rng = np.random.default_rng(3)
    keypoints = np.concatenate(
        [rng.uniform(0, 64, (2, 4, 2)), rng.integers(1, 3, (2, 4, 1))], axis=-1
    ).astype(np.float32)
    keypoints[0, 1, 2] = 0
    keypoints[1, 3, 0] = 97
    heatmaps = rng.uniform(0.01, 0.9, (2, *CELLS, 4)).astype(np.float32)
    return keypoints, heatmaps / heatmaps.sum(
        axis=(1, 2), keepdims=True
    ) if activation == "softmax" else heatmaps


def expected_targets(keypoints, sigma, activation):
    rows, columns = np.mgrid[: CELLS[0], : CELLS[1]]
    targets = np.zeros((2, *CELLS, 4))
    for b in range(2):
        for k in range(4):
            x, y = keypoints[b, k, :2].astype(np.float64) / 4
            if sigma:
                targets[b, :, :, k] = np.exp(
                    -((columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2) / (2 * sigma**2)
                )
            else:
                targets[b, :, :, k] = (rows == int(y)) & (columns == int(x))
    if activation == "softmax":
        return targets / np.maximum(targets.sum(axis=(1, 2), keepdims=True), 1e-6)
    return targets


def expected_loss(name, targets, heatmaps, weights):
    p = heatmaps.astype(np.float64)
    if name == "mse":
        cells = (targets - p) ** 2
    elif name == "quality_focal":
        cells = (targets - p) ** 2 * -(targets * np.log(p) + (1 - targets) * np.log(1 - p))
    else:
        cells = -targets * np.log(p)
    return (weights * cells.sum(axis=(1, 2))).sum() / weights.sum()


@pytest.mark.parametrize(
    "arguments",
    [{}, {"sigma": 0}, {"sigma": 2.5, "occluded_weight": 0.25, "keypoint_weights": [1, 2, 0, 0.5]}],
)
@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("mse", "sigmoid"),
        ("mse", "softmax"),
        ("quality_focal", "sigmoid"),
        ("cross_entropy", "softmax"),
    ],
)
def test_a_loss_is_its_formula(name, activation, arguments):
    keypoints, heatmaps = batch(activation)
    weights = np.array([[1, 0, 1, 1], [1, 1, 1, 0]], np.float64)
    weights *= np.where(
        keypoints[..., 2] == 1, arguments.get("occluded_weight", 1), 1
    ) * arguments.get("keypoint_weights", 1)
    targets = expected_targets(keypoints, arguments.get("sigma", 1.5), activation)
    found = heatmap_loss(SIZE, CELLS, activation, {name: arguments})(keypoints, heatmaps)
    assert float(found) == pytest.approx(expected_loss(name, targets, heatmaps, weights), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_labeled_is_no_loss_and_no_gradient(name):
    import tensorflow as tf

    activation = "softmax" if name == "cross_entropy" else "sigmoid"
    keypoints, heatmaps = batch(activation)
    heatmaps = tf.Variable(heatmaps)
    with tf.GradientTape() as tape:
        loss = heatmap_loss(SIZE, CELLS, activation, {name: {}})(
            np.concatenate([keypoints[..., :2], 0 * keypoints[..., 2:]], -1), heatmaps
        )
    assert float(loss) == 0 and not np.any(tape.gradient(loss, heatmaps).numpy())


def test_a_loss_that_does_not_go_with_the_network():
    with pytest.raises(
        PoseError,
        match="cross_entropy, which is for networks that "
        "end in softmax.*choose mse or quality_focal",
    ):
        heatmap_loss(SIZE, CELLS, "sigmoid", {"cross_entropy": {}})
    with pytest.raises(
        PoseError, match="quality_focal.*end in sigmoid.*choose mse or cross_entropy"
    ):
        heatmap_loss(SIZE, CELLS, "softmax", {"quality_focal": {}})


# ---------------------------------------------------------------- which loss


def network(last):
    import keras

    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(2, 4, strides=4)(image)
    return keras.Model(image, last(keras.layers, x))


def softmax_of_rows(layers, x):
    return layers.Reshape((8, 8, 2))(
        layers.Permute((2, 1))(
            layers.Activation("softmax")(layers.Permute((2, 1))(layers.Reshape((64, 2))(x)))
        )
    )


@pytest.mark.parametrize(
    ("last", "activation"),
    [
        (lambda layers, x: layers.Activation("sigmoid")(x), "sigmoid"),
        (lambda layers, x: layers.ReLU(max_value=1.0)(x), "sigmoid"),
        (lambda layers, x: layers.Softmax(axis=(1, 2))(x), "softmax"),
        (
            lambda layers, x: layers.Reshape((8, 8, 2))(
                layers.Softmax(axis=1)(layers.Reshape((64, 2))(x))
            ),
            "softmax",
        ),
        (softmax_of_rows, "softmax"),
    ],
)
def test_the_loss_fits_the_last_activation(last, activation):
    model = network(last)
    assert final_activation_of(model) == activation
    keypoints = np.array([[[10, 20, 2], [5, 6, 1]]], np.float32)
    heatmaps = np.full((1, 8, 8, 2), 1 / 64, np.float32)
    usual = {"sigmoid": "mse", "softmax": "cross_entropy"}[activation]
    assert float(make_loss(model)(keypoints, heatmaps)) == float(
        make_loss(model, {usual: {}})(keypoints, heatmaps)
    )
    assert float(make_loss(model, {"mse": {"sigma": 0}})(keypoints, heatmaps)) == pytest.approx(
        63 / 64**2 + (63 / 64) ** 2, rel=1e-5
    )


SMALL = "model: {model_type: heatmaps_spe}\ndataset: {keypoints: 3}\ntraining: {loss: %s}"


def test_a_configuration_names_the_loss(load, tmp_path):
    config = load(SMALL % "{mse: {sigma: 0, occluded_weight: 1/2, keypoint_weights: [1, 2, 1]}}")
    assert config.training.loss == {
        "mse": {"sigma": 0, "occluded_weight": 0.5, "keypoint_weights": [1, 2, 1]}
    }
    assert load_config(config.save(tmp_path / "saved.yaml")).training.loss == config.training.loss
    assert load(SMALL % "{cross_entropy: }").training.loss == {"cross_entropy": {}}
    empty = load(SMALL % "")
    assert (
        empty.training.loss is None
        and load_config(empty.save(tmp_path / "saved.yaml")).training.loss is None
    )
    assert load(SMALL % "", "training.loss={mse: {sigma: 2}}").training.loss == {
        "mse": {"sigma": 2}
    }


@pytest.mark.parametrize(
    ("loss", "says"),
    [
        ("{mae: {}}", "training.loss.mae: unknown attribute"),
        ("{mse: {}, quality_focal: {}}", "a name and its arguments"),
        ("mse", "training.loss: 'mse' given; expected a name and its arguments"),
        ("{mse: {sigma: -1}}", "training.loss.mse.sigma: -1 given; expected a number from 0 up"),
        ("{mse: {keypoint_weights: [0, 0, 0]}}", "not all 0"),
        (
            "{mse: {keypoint_weights: [1, 1]}}",
            "training.loss.mse.keypoint_weights: 2 numbers "
            "given; expected one for each of 3 keypoints",
        ),
    ],
)
def test_a_loss_that_is_not_there(refusal, loss, says):
    assert says in refusal(SMALL % loss)
