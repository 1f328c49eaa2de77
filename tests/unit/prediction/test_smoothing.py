"""The one-euro filter against the paper's formulas, and what it does to a noisy video."""

import math

import numpy as np
import pytest

from poseutils.keypoints import layout_from_names
from poseutils.poses import AREA_OF_BOX, Poses, oks
from poseutils.prediction import OneEuro, Smoother, Tracker, smooth
from poseutils.prediction.frames import Frame
from poseutils.prediction.smoothing import medians
from poseutils.synthetic import robot_arm
from tests.helpers.jitter import jitter

LAYOUT = layout_from_names(robot_arm.NAMES, robot_arm.SKELETON)


def paper(values, rate, min_cutoff, beta, speed_cutoff=1.0):
    """Algorithm 1 of Casiez et al., of one number a time."""

    def alpha(cutoff):
        tau = 1 / (2 * math.pi * cutoff)
        return 1 / (1 + tau * rate)

    filtered, speed, out = None, 0.0, []
    for value in values:
        if filtered is None:
            filtered = value
        else:
            change = (value - filtered) * rate
            speed = alpha(speed_cutoff) * change + (1 - alpha(speed_cutoff)) * speed
            weight = alpha(min_cutoff + beta * abs(speed))
            filtered = weight * value + (1 - weight) * filtered
        out.append(filtered)
    return out


@pytest.mark.parametrize("min_cutoff, beta, rate", [(1, 0, 25), (0.5, 3, 30), (2, 20, 10)])
def test_it_is_the_filter_of_the_paper(min_cutoff, beta, rate):
    values, size = np.random.default_rng(1).normal(0, 20, 50).cumsum(), 80.0
    one = OneEuro(min_cutoff, beta)
    ours = [one(np.array([(v, 7)]), i / rate, size) for i, v in enumerate(values)]
    expected = np.array(paper(values / size, rate, min_cutoff, beta)) * size
    np.testing.assert_allclose(np.array(ours)[:, 0, 0], expected)
    np.testing.assert_allclose(np.array(ours)[:, 0, 1], 7)


def test_near_and_far_are_smoothed_alike():
    values = np.random.default_rng(2).normal(0, 5, (40, 7, 2)).cumsum(axis=0)
    near, far = OneEuro(), OneEuro()
    for i, points in enumerate(values):
        ours = near(points, i / 25, 100.0)
        np.testing.assert_allclose(far(points / 10, i / 25, 10.0), ours / 10, rtol=1e-9)


def arm_video(noise=1.5, frames=150, rate=25):
    """An arm that swings and rests, at each frame its true keypoints and those a network finds."""
    rng = np.random.default_rng(5)
    for i in range(frames):
        swing = np.sin(2 * np.pi * i / 100) * (i < 100)
        truth = robot_arm.arm(_Bent(swing))
        yield (
            Frame(i + 1, i / rate, np.zeros((1, 1, 3), np.uint8)),
            truth,
            Poses(
                (truth + rng.normal(0, noise, truth.shape))[None].astype(np.float32),
                np.ones((1, 7), np.float32),
                LAYOUT,
            ),
        )


class _Bent:
    """In place of a random generator: every joint at the same part of its range."""

    def __init__(self, swing):
        self.part = 0.5 + 0.4 * swing

    def uniform(self, low, high):
        return low + self.part * (high - low)


def measured(poses, truth):
    """Mean OKS and jitter in pixels."""
    points = np.array([p.keypoints[0] for p in poses])
    area = AREA_OF_BOX * np.ptp(truth, axis=1).prod(axis=1)
    similar = oks(points, truth, np.ones(7), area, LAYOUT.sigma_array)
    return similar.mean(), jitter(points - truth)


def test_it_halves_the_jitter_of_a_known_arm_at_equal_oks():
    frames, truth, found = zip(*arm_video())
    tracker = Tracker()
    tracked = [(f, tracker.update(p, f.seconds)) for f, p in zip(frames, found)]
    smoothed = list(smooth(tracked))
    assert [f.number for f, _ in smoothed] == [f.number for f in frames]
    before = measured(found, np.array(truth))
    after = measured([poses for _, poses in smoothed], np.array(truth))
    assert after[1] < 0.5 * before[1] and after[0] > before[0]


def test_a_filter_of_the_past_alone_costs_little():
    frames, truth, found = zip(*arm_video())
    tracker, smoother = Tracker(), Smoother()
    after = [
        smoother.update(tracker.update(p, f.seconds), f.seconds) for f, p in zip(frames, found)
    ]
    before, after = measured(found, np.array(truth)), measured(after, np.array(truth))
    assert after[1] < 0.8 * before[1] and after[0] > before[0] - 0.01


def test_a_median_removes_a_jump_of_one_frame_and_keeps_steady_movement():
    """The second person is not in frame 4, so that their frames 3 to 5 stay as they are."""

    def people(i):
        points = np.array([(3.0 * i, 50 + i * i), (9.0, 100 - 5.0 * i)])
        jump = (40, -60) if i == 6 else (0, 0)
        both = np.stack([points + jump, points + 200])
        some, layout = both[: 1 + (i != 4)], layout_from_names(("a", "b"))
        scores = np.ones((len(some), 2), np.float32)
        return Poses(some, scores, layout, track_ids=np.array([7, 3])[: len(some)])

    given = [(Frame(i + 1, i / 25, np.zeros((1, 1, 3), np.uint8)), people(i)) for i in range(10)]
    found = [poses for _, poses in medians(given)]
    for i, (poses, (_, before)) in enumerate(zip(found, given, strict=True)):
        np.testing.assert_array_equal(poses.keypoints[1:], before.keypoints[1:])
        if i not in (5, 6, 7):
            np.testing.assert_array_equal(poses.keypoints[0], before.keypoints[0])
    np.testing.assert_array_equal(found[6].keypoints[0], [(21, 75), (9, 65)])


def test_people_are_smoothed_apart_boxes_too_and_the_lost_are_forgotten():
    smoother, arms = Smoother(), list(arm_video(frames=30))
    for frame, _, poses in arms:
        both = Poses(
            np.concatenate([poses.keypoints, poses.keypoints + 500]),
            np.ones((2, 7), np.float32),
            LAYOUT,
            boxes=np.array([(0, 0, 100, 100), (500, 500, 600, 600 + frame.number % 2)]),
            track_ids=np.array([4, 9]),
        )
        found = smoother.update(both, frame.seconds)
        np.testing.assert_allclose(found.keypoints[1] - 500, found.keypoints[0], atol=1.5)
    assert found.boxes[0].tolist() == [0, 0, 100, 100] and 600.2 < found.boxes[1, 3] < 600.8
    smoother.update(found[:0], 100.0)
    assert not smoother._filters and not smoother._seen
