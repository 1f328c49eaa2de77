"""Regions: where the next crop looks."""

import numpy as np
import pytest

from poseutils.crops import (
    Region,
    region_of_face,
    region_of_hand,
    region_of_palm,
    turned,
    upright_hand,
)
from poseutils.keypoints import COCO17, HAND21, layout_from_names
from poseutils.models.video import region_to_follow
from poseutils.poses import Poses


def standing(scores=0.9):
    """A person of 17 keypoints who stands at (200, 100) to (260, 300), the hips at (230, 200)."""
    points = np.tile([230.0, 120.0], (17, 1))
    points[5:7] = [(260, 140), (200, 140)]
    points[11:13] = [(245, 200), (215, 200)]
    points[15:17] = [(245, 300), (215, 300)]
    return Poses(points[None].astype(np.float32), np.full((1, 17), scores, np.float32), COCO17)


def test_where_to_look_next():
    region = region_to_follow(standing(), (1000, 1000))
    assert region.center == pytest.approx((230, 200)) and region.angle == 0
    # 1.2 × the farthest point, the feet, both ways; 1.9 × the torso is less
    assert region.size == pytest.approx((240, 240))
    assert region_to_follow(standing(scores=0.1), (1000, 1000)) is None
    assert region_to_follow(standing(), (200, 230)) is None  # fills the frame
    assert region_to_follow(standing()[:0], (1000, 1000)) is None


def test_where_to_look_next_without_a_torso():
    layout = layout_from_names(["a", "b", "c"])
    points = np.array([[[100, 100], [200, 100], [150, 180]]], np.float32)
    region = region_to_follow(Poses(points, np.ones((1, 3), np.float32), layout), (1000, 1000))
    assert region.center == pytest.approx((150, 140)) and region.size == pytest.approx((120, 120))


UPRIGHT_PALM = np.array(
    [(50, 90), (42, 50), (50, 48), (58, 50), (66, 55), (40, 85), (33, 75)], float
)


UPRIGHT_FACE = np.array([(30, 40), (70, 40), (50, 60), (50, 80), (10, 45), (90, 45)], float)


def upright_hand_points(seed=0):
    """(21, 2) an open hand, fingers up, in a square of about 100."""
    x = np.array([20, 38, 50, 62, 74])[:, None] + np.zeros(4)
    y = (
        np.array([80, 50, 48, 50, 55])[:, None]
        - np.array([0, 15, 25, 34]) * np.array([0.7, 1, 1.1, 1, 0.8])[:, None]
    )
    fingers = np.stack([x, y], axis=2).reshape(20, 2)
    return np.concatenate([[(52, 98)], fingers]) + np.random.default_rng(seed).normal(0, 1, (21, 2))


def moved(points, angle, scale=1.0, shift=(0, 0)):
    """Points turned clockwise as one sees it, scaled and shifted."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return scale * np.asarray(points) @ turn.T + shift


MAKERS = {
    "palm": (
        lambda p: region_of_palm(
            p, np.array([p[:, 0].min(), p[:, 1].min(), p[:, 0].max(), p[:, 1].max()])
        ),
        UPRIGHT_PALM,
    ),
    "face": (
        lambda p: region_of_face(
            p, np.array([p[:, 0].min(), p[:, 1].min(), p[:, 0].max(), p[:, 1].max()])
        ),
        UPRIGHT_FACE,
    ),
    "hand": (region_of_hand, upright_hand_points()),
}


@pytest.mark.parametrize("angle", np.linspace(-3, 3, 7))
@pytest.mark.parametrize("maker", MAKERS)
def test_what_is_turned_in_the_image_stands_upright_in_its_region(maker, angle):
    make, points = MAKERS[maker]
    tilted = moved(points, angle, 1.3, (200, 150))
    inside = make(tilted).transform((256, 256)).to_input(tilted)
    if maker == "face":
        assert inside[0, 1] == pytest.approx(inside[1, 1], abs=1e-6) and inside[0, 0] < inside[1, 0]
    else:
        middle = 2 if maker == "palm" else 10
        assert inside[0, 1] > inside[middle, 1] and abs(inside[0, 0] - inside[middle, 0]) < 10
    assert (inside > 0).all() and (inside < 256).all()


def test_a_region_fills_an_input_that_is_not_square():
    region = Region(center=(50, 40), size=(20, 60), angle=np.pi / 2)  # upright once lay to the left
    transform = region.transform((30, 100))
    corners = [(80, 30), (80, 50), (20, 50), (20, 30)]
    np.testing.assert_allclose(region.corners(), corners, atol=1e-5)
    expected = [(0, 0), (100, 0), (100, 30), (0, 30)]
    np.testing.assert_allclose(transform.to_input(np.array(corners, float)), expected, atol=1e-5)


@pytest.mark.parametrize("angle", [0.0, 0.7, -2.0, 3.1])
def test_the_region_of_a_hand_moves_with_the_hand(angle):
    points = upright_hand_points()
    one, other = region_of_hand(points), region_of_hand(moved(points, angle, 2.5, (40, -7)))
    np.testing.assert_allclose(other.center, moved(one.center, angle, 2.5, (40, -7)), rtol=1e-9)
    np.testing.assert_allclose(other.size, np.multiply(one.size, 2.5), rtol=1e-9)
    assert np.cos(other.angle - one.angle - angle) == pytest.approx(1)


def test_sizes_and_shifts_are_those_of_mediapipe_s_graphs():
    palm = region_of_palm(
        np.array([(50, 90), (0, 0), (50, 40), (0, 0), (0, 0), (0, 0), (0, 0)], float),
        np.array([30, 40, 70, 90.0]),
    )
    # Half the height up, 2.6 times the longer side
    assert palm == Region((50, 65 - 25), (130, 130), 0)
    face = region_of_face(UPRIGHT_FACE, np.array([0, 10, 100, 90.0]))
    assert face == Region((50, 50), (150, 150), 0)


def test_points_in_one_spot_still_have_a_region():
    for region in (
        region_of_hand(np.full((21, 2), 7.0)),
        region_of_palm(np.full((7, 2), 7.0), np.full(4, 7.0)),
    ):
        assert min(region.size) > 0 and np.isfinite(region.corners()).all()


@pytest.mark.parametrize("start", np.linspace(0, 6, 13))
def test_a_hand_is_set_upright_by_a_network_that_only_knows_upright_hands(start):
    points, angle = moved(upright_hand_points(), 1.9, 1.0, (100, 100)), 1.9
    rng = np.random.default_rng(5)

    def look(region):
        lean = (region.angle - angle + np.pi) % (2 * np.pi) - np.pi
        seen = (
            points
            if abs(lean) < 1.2
            else moved(points - points.mean(0), rng.uniform(-3, 3)) + points.mean(0)
        )
        return Poses(seen[None].astype(np.float32), np.full((1, 21), 0.5, np.float32), HAND21)

    region = upright_hand(look, turned(Region((60, 130), (150, 150)), start))
    assert np.cos(region.angle - region_of_hand(points).angle) == pytest.approx(1, abs=1e-4)
    assert region.center == (60, 130)
