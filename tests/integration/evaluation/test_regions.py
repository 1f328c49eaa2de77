"""Regions: what is cut out stands upright, whatever the image, and the real networks see hands and
heads in it."""

import numpy as np
import pytest

import poseutils as pu
from poseutils.crops import (
    Region,
    cut,
    region_of_box,
    region_of_hand,
    region_of_palm,
    turned,
    upright_hand,
)
from poseutils.keypoints import HEAD468

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
    look = looker("hand_landmarks_224", image)
    palms = pu.load_model("palm_detection_192", num_threads=2).predict(image)
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
    look = looker("head_landmarks_192", pu.read_image(sample.path))
    truth = sample.keypoints[0, :, :2]
    mesh = look(region_of_box(sample.boxes[0])).keypoints[0]
    error = np.linalg.norm(mesh[list(IBUG68_FROM_MESH468)] - truth, axis=1) / np.linalg.norm(
        truth[45] - truth[36]
    )
    assert error.mean() < 0.08  # a shoulder hides a part of the jaw
    assert error[27:48].mean() < 0.05  # nose and eyes
