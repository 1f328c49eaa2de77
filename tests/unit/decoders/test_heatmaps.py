from dataclasses import replace

import numpy as np
import pytest

from poseutils.decoders import KEEP_ALL, InputSpec, Thresholds, heatmaps_spe
from poseutils.decoders.options import REFINEMENTS
from poseutils.errors import PoseError
from poseutils.keypoints import COCO17, layout_for

VIEW = InputSpec(192, 256)
WITHIN = {"argmax": 0.5, "quarter": 0.25, "centroid": 0.1, "dark": 0.05}
"""Cells by which a drawn Gaussian may be missed along an axis; ``argmax`` and ``quarter`` cannot do
better."""


def gaussians(points, sigma=1.5, shape=(48, 64)):
    """Points (K, 2) x, y in cells, whose centers are at +0.5 -> (1, H, W, K) maps."""
    y, x = (np.arange(n) + 0.5 for n in shape)
    across, down = np.square(x[:, None] - points[:, 0]), np.square(y[:, None] - points[:, 1])
    return np.exp(-(down[:, None] + across) / (2 * sigma**2)).astype(np.float32)[None]


def places(maps, refine, view=VIEW):
    """Keypoints (K, 2) of the first image, in cells."""
    poses = heatmaps_spe.decode(
        heatmaps_spe.find({"x": maps}, view),
        view,
        layout_for(maps.shape[3]),
        replace(KEEP_ALL, refine=refine),
    )
    return poses[0].keypoints[0] / 4


def drawn(seed, count=200, margin=6.0):
    rng = np.random.default_rng(seed)
    return rng.uniform(margin, (64 - margin, 48 - margin), (count, 2))


def quantized(maps):
    """As an int8 network gives them: 256 levels from 0 to just below 1, so that the top
    saturates."""
    return (np.rint(maps * 256).clip(0, 255) / 256).astype(np.float32)


def test_argmax_is_the_center_of_the_highest_cell():
    maps = np.random.default_rng(0).uniform(0, 0.5, (2, 48, 64, 17)).astype(np.float32)
    maps[0, 10, 20, 3] = 0.9
    maps[1, 47, 63, 16] = 0.8
    first, second = heatmaps_spe.decode(
        heatmaps_spe.find({"x": maps}, VIEW), VIEW, COCO17, replace(KEEP_ALL, refine="argmax")
    )
    np.testing.assert_allclose(first.keypoints[0, 3], (82, 42))
    np.testing.assert_allclose(second.keypoints[0, 16], (254, 190))
    assert first.scores[0, 3] == np.float32(0.9) and second.scores[0, 16] == np.float32(0.8)


@pytest.mark.parametrize("refine", REFINEMENTS)
def test_channels_first_and_batches(refine):
    maps = np.concatenate([gaussians(drawn(seed, 17)) for seed in range(3)])
    view = InputSpec(192, 256, channels_first=True)
    limits = replace(KEEP_ALL, refine=refine)
    together = heatmaps_spe.decode(
        heatmaps_spe.find({"x": maps.transpose(0, 3, 1, 2)}, view), view, COCO17, limits
    )
    for image, poses in zip(maps, together, strict=True):
        alone = heatmaps_spe.decode({"heatmaps": image[None]}, VIEW, COCO17, limits)[0]
        np.testing.assert_array_equal(poses.keypoints, alone.keypoints)
        np.testing.assert_array_equal(poses.scores[0], image.max(axis=(0, 1)))


@pytest.mark.parametrize("refine", REFINEMENTS)
@pytest.mark.parametrize("height", [1.0, 0.7, 0.01])
def test_a_gaussian_is_found_between_cells(refine, height):
    points = drawn(1)
    assert (
        np.abs(places(height * gaussians(points), refine) - points).max() <= WITHIN[refine] + 1e-4
    )


@pytest.mark.parametrize("refine", REFINEMENTS)
@pytest.mark.parametrize("sigma", [1.5, 2.0, 3.0])
def test_a_quantized_gaussian_is_found_nearly_as_well(refine, sigma):
    points = drawn(2, margin=10)
    # A wide peak's flat top ties several cells, of which argmax takes the first; and no small
    # window holds all of it.
    slack = 0.1 * sigma + (0.5 if refine in ("argmax", "quarter") else 0)
    assert (
        np.abs(places(quantized(gaussians(points, sigma)), refine) - points).max()
        <= WITHIN[refine] + slack
    )


def test_each_refinement_is_better_than_the_one_before():
    points = drawn(3)
    errors = {
        name: np.linalg.norm(places(quantized(gaussians(points)), name) - points, axis=1).mean()
        for name in REFINEMENTS
    }
    assert errors["argmax"] > errors["quarter"] > errors["centroid"] > errors["dark"]


@pytest.mark.parametrize("refine", REFINEMENTS)
def test_moving_or_flipping_the_map_moves_or_flips_the_point(refine):
    rng = np.random.default_rng(4)
    maps = gaussians(drawn(4, 50, margin=12)) + rng.uniform(0, 0.05, (1, 48, 64, 50)).astype(
        np.float32
    )
    found = places(maps, refine)
    np.testing.assert_allclose(
        places(np.roll(maps, (3, -5), axis=(1, 2)), refine), found + (-5, 3), atol=1e-4
    )
    np.testing.assert_allclose(
        places(maps[:, :, ::-1], refine), (64, 0) + found * (-1, 1), atol=1e-4
    )
    np.testing.assert_allclose(places(maps[:, ::-1], refine), (0, 48) + found * (1, -1), atol=1e-4)


@pytest.mark.parametrize("refine", REFINEMENTS)
def test_a_maximum_on_the_border_stays_near_and_inside(refine):
    edge = np.array(
        [
            (0.2, 20.0),
            (63.9, 20.0),
            (30.0, 0.1),
            (30.0, 47.8),
            (0.0, 0.0),
            (64.0, 48.0),
            (-0.5, 48.5),
        ]
    )
    found = places(gaussians(edge), refine)
    assert (found >= 0).all() and (found <= (64, 48)).all()
    assert np.abs(found - edge.clip(0, (64, 48))).max() <= 1.6


@pytest.mark.parametrize("refine", REFINEMENTS)
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0, -3.0, 1e-42, 3e38])
def test_a_constant_map_gives_a_place_inside(refine, value):
    found = places(np.full((1, 48, 64, 3), value, np.float32), refine)
    assert np.isfinite(found).all() and (found >= 0).all() and (found <= (64, 48)).all()


@pytest.mark.parametrize("refine", REFINEMENTS)
def test_any_map_gives_a_place_near_its_maximum(refine):
    rng = np.random.default_rng(5)
    for maps in (
        rng.normal(0, 1, (1, 48, 64, 17)),
        rng.normal(-50, 10, (1, 48, 64, 17)),
        np.where(rng.uniform(size=(1, 48, 64, 17)) < 0.01, 1.0, -np.inf),
        rng.integers(0, 3, (1, 48, 64, 17)) * 0.5,
    ):
        maps = maps.astype(np.float32)
        away = np.abs(places(maps, refine) - places(maps, "argmax"))
        assert away.max() <= {"argmax": 0, "quarter": 0.25, "dark": 2}.get(refine, 3)


def test_a_saturated_plateau_is_left_for_its_middle():
    maps = np.zeros((1, 48, 64, 1), np.float32)
    maps[0, 20:23, 30:35] = 255 / 256
    middle = (32.5, 21.5)
    assert np.linalg.norm(places(maps, "argmax") - middle) > 2.2  # the first of equal cells
    assert np.linalg.norm(places(maps, "dark") - middle) < 0.7


def test_a_low_plateau_and_a_second_peak_beside_do_not_pull():
    point = np.array([(30.3, 20.6)])
    beside = 0.3 + 0.6 * gaussians(point) + 0.1 * gaussians(point + (4, 0))
    assert (
        np.abs(places(beside, "dark") - point).max()
        < 0.15
        < np.abs(places(beside, "centroid") - point).max()
    )


@pytest.mark.parametrize("size", [(2, 2), (3, 5), (4, 64)])
@pytest.mark.parametrize("refine", REFINEMENTS)
def test_maps_smaller_than_the_window(refine, size):
    maps = np.random.default_rng(6).uniform(0, 1, (2, *size, 3)).astype(np.float32)
    view = InputSpec(4 * size[0], 4 * size[1])
    found = places(maps, refine, view)
    assert (found >= 0).all() and (found <= size[::-1]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_broken_network_is_named(bad):
    maps = gaussians(drawn(7, 3))
    maps[0, 5, 5, 1] = bad
    with pytest.raises(PoseError, match="NaN or infinity in its heatmaps \\(1 of 3 values read\\)"):
        places(maps, "dark")


def test_unknown_refinements_are_refused():
    with pytest.raises(PoseError, match="refine='taylor': expected one of argmax, quarter"):
        Thresholds(refine="taylor")


def test_the_given_maps_are_not_changed():
    maps = gaussians(drawn(8, 1))  # of one keypoint: the axes swap without a copy
    before = maps.copy()
    places(maps, "dark")
    np.testing.assert_array_equal(maps, before)
