"""Augmentation: keypoints and labels stay on the pixels that they mark, whatever is done to
them."""

import inspect

import numpy as np
import pytest

from poseutils.config.calls import AUGMENTATIONS as ARGUMENTS
from poseutils.training.augmentation import AUGMENTATIONS, make_augment
from poseutils.training.augmentation.augment import WARPING
from poseutils.training.augmentation.geometry import GEOMETRIC
from tests.helpers.augmentations import IDENTITY, STRONG, noise, paired, scattered

SIGMA = 2.0
FILLED = {
    name: {**STRONG[name], "fill_mode": "constant"}
    for name in GEOMETRIC
    if name not in ("random_crop", "random_flip")
}
MOVING = {
    **FILLED,
    "random_crop": {"crop_width": (0.7, 0.9), "crop_height": (0.6, 0.9)},
    "random_flip": {"mode": "horizontal_and_vertical"},
    "random_periodic_resizing": STRONG["random_periodic_resizing"],
}


def test_every_augmentation_has_arguments_here():
    assert set(STRONG) == set(AUGMENTATIONS)


def dots(points, size=96):
    """(B, size, size, 3) images with one soft dot each, at (B, 2) points."""
    centers = np.arange(size) + 0.5
    across, down = (
        np.exp(-((centers - points[:, axis, None]) ** 2) / (2 * SIGMA**2)) for axis in (0, 1)
    )
    return np.repeat((255 * down[:, :, None] * across[:, None, :])[..., None], 3, axis=-1).astype(
        np.float32
    )


def places(images):
    """(B, 2): the centers of the dots."""
    light = images[..., 0].astype(np.float64)
    rows, columns = np.arange(light.shape[1]) + 0.5, np.arange(light.shape[2]) + 0.5
    total = light.sum(axis=(1, 2))
    return np.stack(
        [light.sum(axis=1) @ columns / total, light.sum(axis=2) @ rows / total], axis=-1
    )


def affine(before, after):
    """The linear part (2, 2) of the affine map between (K, 2) points, and the largest error of the
    map in pixels."""
    known = np.concatenate([before, np.ones((len(before), 1))], axis=1)
    solution = np.linalg.lstsq(known, after, rcond=None)[0]
    return solution[:2], np.abs(known @ solution - after).max()


def unswapped(points, moved, layout):
    """Moved keypoints (K, 3) in the order of the pixels: where the map mirrors, left and right must
    have changed places."""
    candidates = [moved, moved[list(layout.mirror)]]
    linear, error = zip(*(affine(points[:, :2], candidate[:, :2]) for candidate in candidates))
    swapped = int(error[1] < error[0])
    assert error[swapped] < 0.01
    assert (np.linalg.det(linear[swapped]) < 0) == bool(swapped)
    return candidates[swapped]


def untouched(white, place, reach=5 * SIGMA):
    """Whether all around a place of a warped white image is white: no border, nor what is beyond,
    came near."""
    x, y = place.astype(int)
    window = white[
        max(0, y - int(reach)) : y + int(reach), max(0, x - int(reach)) : x + int(reach), 0
    ]
    return window.shape == (2 * int(reach), 2 * int(reach)) and window.min() > 254


def check_dots_stay_on_keypoints(operations, keypoints, seed, batch=24):
    """Draws one keypoint of each image, warps image and keypoints, and finds the drawn one within
    half a pixel."""
    layout, points = paired(keypoints), scattered(batch, keypoints, seed=seed)
    drawn = np.arange(batch) % keypoints
    augment, black = make_augment(operations, layout), dots(points[np.arange(batch), drawn, :2])
    images, moved = (t.numpy() for t in augment(black, points, (seed, 7)))
    white = augment(np.full_like(black, 255), points, (seed, 7))[0].numpy()
    expected = np.stack(
        [unswapped(before, after, layout)[k] for before, after, k in zip(points, moved, drawn)]
    )
    whole = np.array([untouched(image, place) for image, place in zip(white, expected[:, :2])])
    assert whole.sum() >= batch // 3
    assert (expected[whole, 2] == 2).all()
    off = np.abs(places(images[whole]) - expected[whole, :2])
    assert off.max() <= 0.5, f"{operations}: {off.max():.2f} pixels"


@pytest.mark.parametrize("keypoints", [7, 17, 21])
@pytest.mark.parametrize("name", MOVING)
def test_drawing_then_warping_is_warping_then_drawing(name, keypoints):
    check_dots_stay_on_keypoints(
        {name: {**MOVING[name], "change_rate": 0.8}}, keypoints, seed=keypoints
    )


@pytest.mark.parametrize("name", FILLED)
def test_nearest_neighbors_too(name):
    check_dots_stay_on_keypoints({name: {**MOVING[name], "interpolation": "nearest"}}, 7, seed=1)


@pytest.mark.parametrize("seed", range(12))
def test_chains_of_any_order(seed):
    rng = np.random.default_rng(seed)
    pool = {**MOVING, "random_blur": {"filter_size": (1, 4), "padding": "constant"}}
    operations = {
        str(name): dict(pool[name]) for name in rng.permutation(list(pool))[: rng.integers(3, 7)]
    }
    for name in set(operations) & set(FILLED):
        # Neighbors that differ cannot share a warp
        operations[name]["fill_value"] = float(rng.choice([0, 0.01]))
    check_dots_stay_on_keypoints(operations, 17, seed)


@pytest.mark.parametrize(
    "mode, change", [("horizontal", [[-1, 0], [0, 1]]), ("vertical", [[1, 0], [0, -1]])]
)
def test_flips_are_exact(mode, change):
    images, points = noise(3), scattered(3, 7)
    flipped, moved = make_augment({"random_flip": {"mode": mode, "change_rate": 1}}, paired(7))(
        images, points, (0, 0)
    )
    np.testing.assert_array_equal(
        flipped, images[:, ::-1] if mode == "vertical" else images[:, :, ::-1]
    )
    back = moved.numpy()[:, list(paired(7).mirror)]
    np.testing.assert_allclose(
        back[..., :2] - 48, (points[..., :2] - 48) @ np.array(change, np.float32), atol=1e-4
    )


def test_both_flips_are_left_right_or_upside_down_or_a_half_turn():
    points = np.array([[[10, 20, 2], [40, 60, 1]]] * 60, np.float32)
    augment = make_augment(
        {"random_flip": {"mode": "horizontal_and_vertical", "change_rate": 1}}, paired(2)
    )
    found = {
        tuple(p[:, :2].round(3).ravel().tolist())
        for p in augment(noise(60), points, (0, 5))[1].numpy()
    }
    # Left and right stay only in the half turn
    assert found == {
        (56, 60, 86, 20),
        (40, 36, 10, 76),
        (86, 76, 56, 36),
    }


def test_shears_slide_by_the_sine():
    points = np.array([[[48, 68, 2], [68, 48, 2]]], np.float32)
    for name, expected in [
        ("random_shear_x", [[58, 68], [68, 48]]),
        ("random_shear_y", [[48, 68], [68, 58]]),
    ]:
        moved = make_augment({name: {"factor": (1 / 12, 1 / 12)}}, paired(2))(
            noise(1), points, (0, 0)
        )[1]
        np.testing.assert_allclose(moved[0, :, :2], expected, atol=1e-3)


def test_crops_are_stretched_to_the_whole():
    crop = {
        "crop_center_x": 0.25,
        "crop_center_y": 0.75,
        "crop_width": 0.5,
        "crop_height": 0.5,
        "interpolation": "nearest",
        "change_rate": 1,
    }
    images, points = noise(1), np.array([[[12, 60, 2], [60, 60, 2]]], np.float32)
    cropped, moved = make_augment({"random_crop": crop}, paired(2))(images, points, (0, 0))
    np.testing.assert_array_equal(
        cropped, np.repeat(np.repeat(images[:, 48:, :48], 2, axis=1), 2, axis=2)
    )
    np.testing.assert_allclose(moved, [[[24, 24, 2], [120, 24, 0]]], atol=1e-4)


def test_a_crop_that_sticks_out_is_cut():
    crop = {
        "crop_center_x": 0,
        "crop_center_y": 0.5,
        "crop_width": 1,
        "crop_height": 1,
        "change_rate": 1,
    }
    moved = make_augment({"random_crop": crop}, paired(2))(noise(1), scattered(1, 2), (0, 0))[1]
    np.testing.assert_allclose(moved[..., 0], scattered(1, 2)[..., 0] * 2, rtol=1e-5)


# ---------------------------------------------------------------- labels


def test_a_keypoint_that_leaves_is_unlabeled_for_good():
    away = {"random_translation": {"width_factor": (0.5, 0.5), "height_factor": 0}}
    points = np.array([[[20, 40, 2], [60, 40, 1], [70, 40, 0]]], np.float32)
    moved = make_augment(away, paired(3))(noise(1), points, (0, 0))[1].numpy()
    np.testing.assert_allclose(moved[0], [[68, 40, 2], [108, 40, 0], [118, 40, 0]], atol=1e-4)
    there_and_back = {**away, "random_invert": {}, "random_zoom": {"width_factor": (1, 1)}}
    assert make_augment(there_and_back, paired(3))(noise(1), points, (0, 0))[1].numpy()[
        0, :, 2
    ].tolist() == [2, 0, 0]


def test_in_one_warp_nothing_is_lost_between():
    """Neighbors move pixels once: what would leave and come back is seen, and stays labeled."""
    operations = {
        "random_translation": {"width_factor": (0.5, 0.5), "height_factor": 0},
        "random_zoom": {"width_factor": (1, 1)},
    }
    images, moved = make_augment(operations, paired(7))(
        dots(np.array([[90, 48]])), np.full((1, 7, 3), [90, 48, 2], np.float32), (0, 0)
    )
    np.testing.assert_allclose(moved[0, 0], [93, 48, 2], atol=1e-3)
    assert images.numpy()[0, 48, 92, 0] > 150


def test_a_mirror_between_shares_the_warp_of_its_neighbors():
    turn = {"random_rotation": {"factor": (0.125, 0.125), "fill_mode": "constant"}}
    back = {
        "random_shear": {"factor": 0, "fill_mode": "constant"},
        "random_zoom": {"width_factor": 0, "fill_mode": "wrap"},
    }
    images = noise(1)
    one = make_augment(
        {**turn, "random_flip": {"mode": "horizontal", "change_rate": 1}}, paired(2)
    )(images, scattered(1, 2), (0, 0))[0]
    same = make_augment(
        {"random_flip": {"mode": "horizontal", "change_rate": 1}, **turn, **back}, paired(2)
    )
    assert (
        one.numpy()[0, 0, 0, 0] == same(images, scattered(1, 2), (0, 0))[0].numpy()[0, 0, 0, 0] == 0
    )


def test_several_people_go_along():
    points = np.stack([scattered(4, 17, seed=s) for s in range(3)], axis=1)
    operations = {
        name: MOVING[name]
        for name in ("random_rotation", "random_flip", "random_zoom", "random_periodic_resizing")
    }
    moved = make_augment(operations, paired(17))(noise(4), points, (1, 2))[1].numpy()
    assert moved.shape == points.shape
    one = make_augment(operations, paired(17))(noise(4), points[:, 1], (1, 2))[1]
    np.testing.assert_allclose(moved[:, 1], one, atol=1e-4)


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize("name", IDENTITY)
def test_arguments_of_nothing_leave_bytes_as_they_are(name):
    images, points = noise(2), scattered(2, 7)
    changed, moved = make_augment({name: {**IDENTITY[name], "change_rate": 1}}, paired(7))(
        images, points, (3, 4)
    )
    np.testing.assert_array_equal(np.rint(changed), images)
    np.testing.assert_allclose(moved, points, atol=1e-4)


@pytest.mark.parametrize("name", sorted(set(STRONG) - {"random_periodic_resizing"}))
def test_a_share_of_the_images_is_changed_and_no_value_leaves_its_range(name):
    images = noise(300, 32)
    changed = make_augment({name: {**STRONG[name], "change_rate": 0.3}}, paired(2))(
        images, scattered(300, 2, 8, 24), (5, 6)
    )[0].numpy()
    assert 0.22 < (np.abs(changed - images) > 0.5).any(axis=(1, 2, 3)).mean() < 0.38
    assert 0 <= changed.min() and changed.max() <= 255


def test_keypoints_move_with_the_images_that_are_changed():
    images, points = noise(200, 32), scattered(200, 2, 8, 24)
    changed, moved = make_augment(
        {"random_zoom": {"width_factor": (0.2, 0.3), "change_rate": 0.3}}, paired(2)
    )(images, points, (5, 6))
    np.testing.assert_array_equal(
        (changed.numpy() != images).any(axis=(1, 2, 3)), (moved.numpy() != points).any(axis=(1, 2))
    )


@pytest.mark.parametrize("name", STRONG)
def test_images_of_a_batch_are_changed_differently_and_the_same_seed_alike(name):
    images, points = np.repeat(noise(1), 8, axis=0), np.repeat(scattered(1, 7), 8, axis=0)
    augment = make_augment({name: STRONG[name]}, paired(7))
    once, again = (augment(images, points, (1, 2))[0].numpy() for _ in range(2))
    np.testing.assert_array_equal(once, again)
    if name != "random_periodic_resizing":
        assert (once != augment(images, points, (5, 9))[0].numpy()).any()
        assert (once != once[:1]).any()


def test_all_of_them_in_a_compiled_function_are_what_they_are_outside():
    import tensorflow as tf

    augment = make_augment(STRONG, paired(17))
    images = tf.constant(noise(4))
    points = tf.constant(scattered(4, 17))
    seed = tf.constant([3, 4], tf.int64)
    inside = tf.function(augment, autograph=False)(images, points, seed)
    outside = augment(images, points, seed)
    np.testing.assert_allclose(inside[1], outside[1], atol=1e-3)
    assert inside[0].shape == outside[0].shape
    assert np.abs(inside[0].numpy() - outside[0].numpy()).mean() < 1


# ---------------------------------------------------------------- sizes


# ---------------------------------------------------------------- what cannot be


def test_configuration_and_operations_have_the_same_names_and_arguments():
    assert set(ARGUMENTS) == set(AUGMENTATIONS)
    for name, arguments in ARGUMENTS.items():
        parameters = list(inspect.signature(AUGMENTATIONS[name]).parameters.values())[2:]
        required = {p.name for p in parameters if p.default is p.empty}
        assert {a.removesuffix("!") for a in arguments if a.endswith("!")} == required
        extra = {a.removesuffix("!") for a in arguments} - {p.name for p in parameters}
        assert extra <= set(WARPING) and {p.name for p in parameters} - {"change_rate"} <= {
            a.removesuffix("!") for a in arguments
        }
