from dataclasses import replace

import numpy as np
import pytest

from poseutils.keypoints import COCO17, HAND21
from poseutils.poses import Poses, join, oks, person_scores


def some_poses(count=3, seed=0):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 50, (count, 2))
    return Poses(
        rng.uniform(0, 100, (count, 17, 2)).astype(np.float32),
        rng.uniform(0, 1, (count, 17)).astype(np.float32),
        COCO17,
        np.concatenate([corner, corner + 40], axis=1).astype(np.float32),
        rng.uniform(0, 1, count).astype(np.float32),
    )


def test_oks_equals_pycocotools():
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(3)
    truth = rng.uniform(0, 200, (4, 17, 2)).round(1)
    visible = rng.integers(0, 3, (4, 17))
    found = truth + rng.normal(0, 8, truth.shape)
    areas = rng.uniform(2000, 9000, 4)

    def flat(points, third):
        return np.concatenate([points, third[..., None]], axis=2).reshape(4, 51).tolist()

    coco = COCO()
    coco.dataset = {
        "images": [{"id": 1}],
        "categories": [{"id": 1}],
        "annotations": [
            {
                "id": i + 1,
                "image_id": 1,
                "category_id": 1,
                "iscrowd": 0,
                "keypoints": k,
                "area": a,
                "bbox": [0, 0, 200, 200],
                "num_keypoints": int((v > 0).sum()),
            }
            for i, (k, a, v) in enumerate(zip(flat(truth, visible), areas, visible, strict=True))
        ],
    }
    coco.createIndex()
    results = coco.loadRes(
        [
            {"image_id": 1, "category_id": 1, "keypoints": k, "score": 1 - i / 10}
            for i, k in enumerate(flat(found, visible))
        ]
    )
    evaluator = COCOeval(coco, results, "keypoints")
    evaluator.params.imgIds = [1]
    evaluator._prepare()
    expected = evaluator.computeOks(1, 1)
    ours = oks(found[:, None], truth[None], visible[None], areas[None], COCO17.sigma_array)
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


def test_oks_of_nobody_labeled_is_nan():
    points = np.zeros((17, 2))
    assert np.isnan(oks(points, points, np.zeros(17), np.array(100.0), COCO17.sigma_array))


def test_coco_results():
    poses = some_poses()
    records = poses.to_coco(7)
    assert [r["image_id"] for r in records] == [7] * 3
    points = np.array(records[1]["keypoints"]).reshape(17, 3)
    np.testing.assert_allclose(points[:, :2], poses.keypoints[1], atol=1e-3)
    np.testing.assert_allclose(records[1]["bbox"][2:], (40, 40), atol=1e-3)


def test_moving_scales_points_and_boxes_alike():
    poses = some_poses()
    moved = poses.transformed(np.array([[2, 0, 3], [0, 0.5, -1]]))
    np.testing.assert_allclose(moved.keypoints, poses.keypoints * (2, 0.5) + (3, -1), rtol=1e-5)
    np.testing.assert_allclose(
        moved.boxes[:, 2:], poses.boxes[:, 2:] * (2, 0.5) + (3, -1), rtol=1e-5
    )


def some_hands(count=3, seed=1):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 50, (count, 2))
    return Poses(
        rng.uniform(0, 100, (count, 21, 2)).astype(np.float32),
        rng.uniform(0, 1, (count, 21)).astype(np.float32),
        HAND21,
        np.concatenate([corner, corner + (30, 10)], axis=1).astype(np.float32),
        rng.uniform(0, 1, count).astype(np.float32),
        world=rng.uniform(-0.1, 0.1, (count, 21, 3)).astype(np.float32),
        handedness=rng.uniform(0, 1, count).astype(np.float32),
    )


def turn(angle, scale=1.0):
    return scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


@pytest.mark.parametrize("angle", [0.3, np.pi / 2, -2.5])
def test_turning_keeps_what_is_in_a_box_in_it_and_world_coordinates_their_size(angle):
    hands = some_hands()
    moved = hands.transformed(np.column_stack([turn(angle, 1.7), (5, -9)]))
    for x, y in ((0, 1), (0, 3), (2, 1), (2, 3)):
        corner = hands.boxes[:, [x, y]] @ turn(angle, 1.7).T + (5, -9)
        assert (corner > moved.boxes[:, :2] - 1e-3).all() and (
            corner < moved.boxes[:, 2:] + 1e-3
        ).all()
    sides = np.abs(turn(angle, 1.7)) @ (30, 10)  # of the upright box around a turned one
    np.testing.assert_allclose(
        moved.boxes[:, 2:] - moved.boxes[:, :2], np.tile(sides, (3, 1)), rtol=1e-4
    )
    np.testing.assert_allclose(
        moved.world[..., :2], hands.world[..., :2] @ turn(angle).T, atol=1e-6
    )
    np.testing.assert_array_equal(moved.world[..., 2], hands.world[..., 2])
    np.testing.assert_array_equal(moved.handedness, hands.handedness)


def test_world_coordinates_do_not_stretch_with_the_image():
    hands = some_hands()
    stretched = hands.transformed(np.column_stack([turn(0.4) @ np.diag((3, 0.5)), (0, 0)]))
    np.testing.assert_allclose(
        stretched.world[..., :2], hands.world[..., :2] @ turn(0.4).T, atol=1e-6
    )


def test_a_mirrored_right_hand_is_a_left_one():
    hands = some_hands()
    mirrored = hands.transformed(np.array([[-1, 0, 200], [0, 1, 0]]))
    np.testing.assert_allclose(mirrored.handedness, 1 - hands.handedness)
    np.testing.assert_allclose(mirrored.world, hands.world * (-1, 1, 1), atol=1e-7)


def test_joining_undoes_taking_apart():
    hands = some_hands(4)
    joined = join([hands[:1], hands[1:1], hands[1:]])
    for name in ("keypoints", "scores", "boxes", "box_scores", "world", "handedness"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(hands, name))
    assert join([some_poses(), some_poses()]).world is None
    for wrong in ([], [some_poses(), hands]):
        with pytest.raises(ValueError, match="one layout"):
            join(wrong)


def test_selecting_people():
    poses = some_poses()
    assert len(poses[1]) == 1 and len(poses[:2]) == 2 and len(poses[poses.box_scores > 2]) == 0
    np.testing.assert_array_equal(poses[np.array([2, 0])].boxes, poses.boxes[[2, 0]])
    hands = some_hands()
    np.testing.assert_array_equal(hands[2].world, hands.world[2:])
    np.testing.assert_array_equal(hands[:2].handedness, hands.handedness[:2])


def test_shapes_must_fit_the_layout():
    with pytest.raises(ValueError, match="expects"):
        Poses(np.zeros((1, 7, 2)), np.zeros((1, 7)), COCO17)


def test_the_score_of_a_person_is_the_mean_of_the_highest_half():
    """Rounded up, whatever the order; a box has its own."""
    poses = some_poses()
    without = replace(poses, boxes=None, box_scores=None)
    expected = [np.mean(sorted(map(float, row))[-9:]) for row in poses.scores]
    np.testing.assert_allclose(without.person_scores, expected, rtol=1e-7)
    assert without.person_scores.dtype == np.float32
    np.testing.assert_array_equal(person_scores(poses.scores[:, ::-1]), without.person_scores)
    np.testing.assert_array_equal(poses.person_scores, poses.box_scores)
    assert person_scores(np.float32([[0.2, 0.6, 0.4]])) == np.float32(0.5)
    assert person_scores(np.float32([[0.25]])) == np.float32(0.25)
    assert person_scores(np.zeros((0, 17), np.float32)).shape == (0,)
