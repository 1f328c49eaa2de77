"""Who is who from frame to frame."""

import numpy as np
import pytest

from poseutils.keypoints import COCO17
from poseutils.poses import Poses, oks
from poseutils.prediction import Tracker
from poseutils.prediction.tracks import LOST, box_iou, similarity

SHAPE = np.random.default_rng(3).uniform(0, 1, (17, 2)) * (40, 100)


def people(*places, classes=None, boxes=True):
    """Poses of one shape, with their top left corners at these places."""
    points = np.array([SHAPE + place for place in places], np.float32).reshape(-1, 17, 2)
    count = len(points)
    corners = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    return Poses(
        points,
        np.ones((count, 17), np.float32),
        COCO17,
        boxes=corners if boxes else None,
        box_scores=np.ones(count) if boxes else None,
        classes=None if classes is None else np.array(classes),
    )


def test_the_similarity_is_the_mean_of_oks_and_iou():
    before, after = people((0, 0), (50, 20)), people((4, 2))
    found = similarity(before, after)
    width, height = np.ptp(before.keypoints[0], axis=0)
    shared = (width - 4) * (height - 2)
    iou = shared / (2 * width * height - shared)
    area = 0.53 * width * height
    expected = oks(after.keypoints[0], before.keypoints[0], np.ones(17), area, COCO17.sigma_array)
    assert found[0, 0] == pytest.approx((iou + expected) / 2, abs=1e-5)
    assert found.shape == (2, 1) and found[1, 0] < found[0, 0]
    assert similarity(before, before).diagonal() == pytest.approx(1)


def test_iou_of_boxes():
    boxes = np.array([(0, 0, 2, 2), (1, 1, 3, 3), (5, 5, 5, 5)], float)
    np.testing.assert_allclose(box_iou(boxes[:2], boxes), [(1, 1 / 7, 0), (1 / 7, 1, 0)])


@pytest.mark.parametrize("boxes", [True, False])
def test_two_people_who_pass_each_other_keep_their_ids(boxes):
    tracker, rng = Tracker(), np.random.default_rng(0)
    for i in range(60):
        places = np.array([(5 * i, 0), (300 - 5 * i, 12)]) + rng.normal(0, 0.5, (2, 2))
        order = rng.permutation(2)  # a detector sorts by score
        found = tracker.update(people(*places[order], boxes=boxes), i / 25)
        assert (found.track_ids == order + 1).all()
    assert tracker.count == 2


def test_the_most_similar_pair_is_matched_first():
    tracker = Tracker()
    tracker.update(people((0, 0), (10, 0)), 0)
    # The one in the middle resembles both; the other fits only the first
    assert tracker.update(people((6, 0), (-2, 0)), 0.04).track_ids.tolist() == [2, 1]


def test_a_person_unseen_for_a_while_keeps_the_id_and_a_lost_one_does_not():
    tracker = Tracker()
    tracker.update(people((0, 0), (200, 0)), 0)
    assert tracker.update(people((200, 0)), 0.5).track_ids.tolist() == [2]
    assert tracker.update(people((200, 0), (0, 0)), LOST).track_ids.tolist() == [2, 1]
    assert len(tracker.update(people(), LOST + 0.5)) == 0
    assert tracker.update(people((0, 0)), 2 * LOST + 1).track_ids.tolist() == [3]
    assert tracker.count == 3


def test_people_far_apart_or_of_another_class_are_others():
    tracker = Tracker()
    tracker.update(people((0, 0), classes=[0]), 0)
    assert tracker.update(people((0, 0), classes=[1]), 0.04).track_ids.tolist() == [2]
    assert tracker.update(people((500, 0), classes=[0]), 0.08).track_ids.tolist() == [3]


def test_coco_results_and_selections_have_the_id():
    found = Tracker().update(people((0, 0), (200, 0)), 0)
    assert [record["track_id"] for record in found[1:].to_coco(7)] == [2]
    assert "track_id" not in people((0, 0)).to_coco(7)[0]


def test_what_is_lost_is_forgotten():
    tracker = Tracker()
    for i in range(300):  # somebody new each time
        tracker.update(people((1000 * i, 0)), i / 10)
    assert tracker.count == 300 and len(tracker._people) <= LOST * 10 + 2
