from dataclasses import replace

import numpy as np
import pytest

from poseutils.decoders import (
    DECODERS,
    ONE_PERSON_TYPES,
    InputSpec,
    Thresholds,
    find_outputs,
    guess_model_type,
    hand_spe,
    head_spe,
    spe,
    thresholds_of,
    yolo_mpe,
)
from poseutils.errors import PoseError
from poseutils.keypoints import COCO17, HAND21, HEAD468, layout_for

VIEW = InputSpec(192, 256)


def test_movenet_gives_y_before_x():
    points = np.zeros((1, 1, 17, 3), np.float32)
    points[0, 0, 5] = (0.25, 0.5, 0.7)
    (poses,) = spe.decode(spe.find({"x": points}, VIEW), VIEW, COCO17)
    np.testing.assert_allclose(poses.keypoints[0, 5], (128, 48))
    assert poses.scores[0, 5] == np.float32(0.7)


@pytest.mark.parametrize(
    "names",
    [
        ("Identity:0", "Identity_1:0", "Identity_2:0", "Identity_3:0"),
        (
            "StatefulPartitionedCall:0",
            "StatefulPartitionedCall:1",
            "StatefulPartitionedCall:2",
            "StatefulPartitionedCall:3",
        ),
        ("landmarks", "presence", "handedness", "world_landmarks"),
    ],
)
def test_hand_tensors_by_name_in_any_order(names):
    rng = np.random.default_rng(2)
    tensors = dict(
        zip(
            names,
            [
                rng.uniform(0, 224, (1, 63)),
                np.array([[0.9]]),
                np.array([[0.2]]),
                rng.uniform(-0.1, 0.1, (1, 63)),
            ],
            strict=True,
        )
    )
    view = InputSpec(224, 224)
    for order in (names, names[::-1], (names[2], names[3], names[1], names[0])):
        found = hand_spe.find({name: tensors[name] for name in order}, view)
        assert (
            found["presence"] == 0.9
            and found["handedness"] == 0.2
            and np.abs(found["world"]).max() < 1
        )
        (poses,) = hand_spe.decode(found, view, HAND21)
        np.testing.assert_allclose(
            poses.keypoints[0], tensors[names[0]].reshape(21, 3)[:, :2], rtol=1e-6
        )


def test_head_with_two_or_three_numbers_a_point():
    points = np.random.default_rng(0).uniform(0, 192, (1, 468, 3)).astype(np.float32)
    view = InputSpec(192, 192, channels_first=True)
    flat = head_spe.find({"landmarks": points[:, :, :2].reshape(1, 1, 1, 936)}, view)
    deep = head_spe.find({"a": points.reshape(1, 1, 1, 1404), "b": np.array([[[[0.75]]]])}, view)
    one, other = head_spe.decode(flat, view, HEAD468)[0], head_spe.decode(deep, view, HEAD468)[0]
    np.testing.assert_array_equal(one.keypoints, other.keypoints)
    assert (one.scores == 1).all() and (other.scores == 0.75).all()


def test_presence_as_a_probability_or_a_logit():
    points = np.zeros((1, 1404), np.float32)
    for given, expected in (
        (0.3, 0.3),
        (1.0, 1.0),
        (3.0, 1 / (1 + np.exp(-3))),
        (-2.0, 1 / (1 + np.exp(2))),
        (-500.0, 0),
    ):
        (poses,) = head_spe.decode(
            head_spe.find({"a": points, "b": np.full((1, 1), given)}, VIEW), VIEW, HEAD468
        )
        np.testing.assert_allclose(poses.scores, expected, rtol=1e-5, atol=1e-30)


def test_hands_have_world_coordinates_and_a_side_where_the_network_gives_them():
    rng = np.random.default_rng(0)
    tensors = {"Identity": rng.uniform(0, 224, (2, 63)), "Identity_1": np.ones((2, 1))}
    (bare, _) = hand_spe.decode(hand_spe.find(tensors, VIEW), VIEW, HAND21)
    assert bare.world is None and bare.handedness is None
    tensors |= {
        "Identity_2": np.array([[0.2], [0.7]]),
        "Identity_3": rng.uniform(-0.1, 0.1, (2, 63)),
    }
    first, second = hand_spe.decode(hand_spe.find(tensors, VIEW), VIEW, HAND21)
    np.testing.assert_allclose((first.handedness, second.handedness), [[0.2], [0.7]], rtol=1e-6)
    np.testing.assert_allclose(second.world, tensors["Identity_3"][1].reshape(1, 21, 3), rtol=1e-6)


SHAPES = {
    "heatmaps_spe": {"a": (1, 48, 64, 7)},
    "spe": {"a": (1, 1, 7, 3)},
    "yolo_mpe": {"a": (1, 26, 1008)},
    "hand_spe": {"Identity": (1, 63), "Identity_1": (1, 1)},
    "head_spe": {"a": (1, 936)},
    "detector": {"a": (1, 24 * 32 * 2 + 12 * 16 * 6, 18), "b": (1, 24 * 32 * 2 + 12 * 16 * 6, 1)},
}


@pytest.mark.parametrize("model_type", SHAPES)
def test_each_type_is_recognized_and_every_other_refused(model_type):
    outputs = {name: np.zeros(shape, np.float32) for name, shape in SHAPES[model_type].items()}
    assert guess_model_type(outputs, VIEW) == model_type
    for other in SHAPES.keys() - {model_type}:
        with pytest.raises(
            PoseError,
            match=f"model_type='{other}' expects .*the model gives "
            f".*These outputs fit model_type='{model_type}'",
        ):
            find_outputs(other, outputs, VIEW)


def test_unknown_types_shapes_and_thresholds():
    with pytest.raises(PoseError, match="model_type='movenet': expected one of heatmaps_spe"):
        find_outputs("movenet", {}, VIEW)
    assert guess_model_type({"x": np.zeros((1, 1000))}, VIEW) is None
    assert (
        layout_for(yolo_mpe.count_keypoints({"candidates": np.zeros((1, 26, 1008))}, VIEW)).name
        == "custom7"
    )
    with pytest.raises(PoseError, match="expected confidence"):
        Thresholds(confidence=2)


@pytest.mark.parametrize("model_type", ONE_PERSON_TYPES)
def test_a_network_of_one_person_finds_one_above_the_confidence(model_type):
    """At it or below, none; with 0, all, negative scores too; of each image by itself."""
    scores = np.float32([0.75, 0.5, 0.25, -1.0])  # exact, so that 0.5 is no more than 0.5
    if model_type == "spe":
        array = np.concatenate([np.full((4, 1, 17, 2), 0.5), np.ones((4, 1, 17, 1))], axis=3)
        array[..., 2] = scores[:, None, None]
    else:
        array = np.broadcast_to(scores[:, None, None, None], (4, 48, 64, 17))
    found = find_outputs(model_type, {"x": array.astype(np.float32)}, VIEW)
    for confidence, people in ((0.5, [1, 0, 0, 0]), (0.25, [1, 1, 0, 0]), (0, [1, 1, 1, 1])):
        limits = Thresholds(confidence=confidence)
        poses = DECODERS[model_type].decode(found, VIEW, COCO17, limits)
        assert [len(one) for one in poses] == people
        np.testing.assert_array_equal(
            np.concatenate([one.person_scores for one in poses]), scores[: sum(people)]
        )


def test_heatmaps_that_sum_to_one_keep_all_unless_a_confidence_is_given():
    softmax = replace(VIEW, sums_to_one=True)
    assert thresholds_of("heatmaps_spe", VIEW).confidence > 0
    assert thresholds_of("heatmaps_spe", softmax).confidence == 0
    assert thresholds_of("heatmaps_spe", softmax, confidence=0.1, refine="argmax") == Thresholds(
        confidence=0.1, refine="argmax"
    )
