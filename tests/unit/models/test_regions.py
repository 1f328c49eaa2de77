"""Regions: what is cut out stands upright, whatever the image, and the real networks see hands and
heads in it."""

import numpy as np
import pytest

import poseutils as pu
from poseutils.crops import (
    Region,
    cut,
    region_of_box,
    region_of_face,
    region_of_hand,
    region_of_palm,
    turned,
    upright_hand,
)
from poseutils.keypoints import HAND21, HEAD468
from poseutils.poses import Poses

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
    assert palm == Region(
        (50, 65 - 25), (130, 130), 0
    )  # half the height up, 2.6 times the longer side
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


# ---------------------------------------------------------------- the real files


def looker(name, image):
    """What the model sees in a region of the image, in pixels of the image."""
    model = pu.load_model(name, num_threads=2)

    def look(region):
        pixels, transform = cut(image, region, model.input_size)
        (poses,) = model.decode(model.run(pixels[None].astype(np.float32)))
        return poses.transformed(transform.inverse)

    return look


def error_of_hand(keypoints, sample):
    """Mean distance of labeled points over the larger side of the box."""
    labeled = sample.keypoints[0, :, 2] > 0
    distance = np.linalg.norm(keypoints - sample.keypoints[0, :, :2], axis=1)[labeled].mean()
    return distance / (sample.boxes[0, 2:] - sample.boxes[0, :2]).max()


@pytest.mark.parametrize("index", range(6))
def test_hands_are_read_from_any_direction(asset, index):
    asset("models/033_hand_landmark_full_quant_pc_uf_handl.tflite")
    sample = pu.load_dataset(asset("hands"))[index]
    look = looker("hand_landmarks_224", pu.read_image(sample.path))
    for start in (0, 0.5, 2.0):
        hand = look(upright_hand(look, turned(region_of_box(sample.boxes[0]), start)))
        assert error_of_hand(hand.keypoints[0], sample) < 0.13


@pytest.mark.parametrize("index", range(6))
def test_hands_are_read_from_the_palms_found_and_again_from_themselves(asset, index):
    asset("models/033_hand_landmark_full_quant_pc_uf_handl.tflite")
    asset("models/033_palm_detection_full_quant_pc_uf_od.tflite")
    sample = pu.load_dataset(asset("hands"))[index]
    image = pu.read_image(sample.path)
    look, palms = (
        looker("hand_landmarks_224", image),
        pu.load_model("palm_detection_192", num_threads=2).predict(image),
    )
    hands = [
        look(region_of_palm(points, box))
        for points, box in zip(palms.keypoints, palms.boxes, strict=True)
    ]
    errors = [error_of_hand(hand.keypoints[0], sample) for hand in hands]
    assert min(errors) < 0.13
    again = look(region_of_hand(hands[int(np.argmin(errors))].keypoints[0]))
    assert error_of_hand(again.keypoints[0], sample) < 0.13


def test_right_hands_are_right_ones_and_left_in_a_mirror(asset):
    """FreiHAND photographs right hands only (Zimmermann et al., ICCV 2019)."""
    asset("models/033_hand_landmark_full_quant_pc_uf_handl.tflite")
    for sample in pu.load_dataset(asset("hands")):
        if not sample.path.name.startswith("freihand"):
            continue
        image = pu.read_image(sample.path)
        look, region = looker("hand_landmarks_224", image), region_of_box(sample.boxes[0])
        hand = look(upright_hand(look, region))
        mirror = np.ascontiguousarray(image[:, ::-1])
        look = looker("hand_landmarks_224", mirror)
        other = look(
            upright_hand(
                look, Region((image.shape[1] - region.center[0], region.center[1]), region.size)
            )
        )
        assert hand.handedness[0] > 0.5 > other.handedness[0]
        assert np.ptp(hand.world[0], axis=0).max() < 0.25  # a hand in meters


def test_world_coordinates_turn_back_with_the_region(asset):
    """However a hand was turned for the network, its wrist and fingers lie in meters as they lie in
    the image."""
    asset("models/033_hand_landmark_full_quant_pc_uf_handl.tflite")
    for sample in pu.load_dataset(asset("hands")):
        look = looker("hand_landmarks_224", pu.read_image(sample.path))
        hand = look(upright_hand(look, region_of_box(sample.boxes[0])))
        image, world = (
            points[9] - points[0] for points in (hand.keypoints[0], hand.world[0, :, :2])
        )
        assert image @ world > 0.9 * np.linalg.norm(image) * np.linalg.norm(world)


def test_a_mirrored_head_has_its_mesh_mirrored(asset):
    """The table of mirrored vertices holds for what the network gives: of all others, a random one
    would be far off."""
    asset("models/face_landmarks_v1_192_int8_pc.onnx")
    sample = pu.load_dataset(asset("faces"))[0]
    image = pu.read_image(sample.path)
    region = region_of_box(sample.boxes[0])
    mesh = looker("head_landmarks_192", image)(region).keypoints[0]
    other = looker("head_landmarks_192", np.ascontiguousarray(image[:, ::-1]))(
        Region((image.shape[1] - region.center[0], region.center[1]), region.size)
    ).keypoints[0]
    back = other[list(HEAD468.mirror)] * (-1, 1) + (image.shape[1], 0)
    distance = np.linalg.norm(back - mesh, axis=1) / np.linalg.norm(mesh[263] - mesh[33])
    assert distance.mean() < 0.05 and distance.max() < 0.15


def test_a_head_is_on_its_labeled_points(asset):
    from poseutils.keypoints import IBUG68_FROM_MESH468

    asset("models/face_landmarks_v1_192_int8_pc.onnx")
    sample = pu.load_dataset(asset("faces"))[0]
    look, truth = (
        looker("head_landmarks_192", pu.read_image(sample.path)),
        sample.keypoints[0, :, :2],
    )
    mesh = look(region_of_box(sample.boxes[0])).keypoints[0]
    error = np.linalg.norm(mesh[list(IBUG68_FROM_MESH468)] - truth, axis=1) / np.linalg.norm(
        truth[45] - truth[36]
    )
    assert error.mean() < 0.08  # a shoulder hides a part of the jaw
    assert error[27:48].mean() < 0.05  # nose and eyes
