"""Local regression against NumPy's polynomials, and what it does to a noisy video."""

import numpy as np
import pytest

from poseutils.keypoints import layout_from_names
from poseutils.poses import AREA_OF_BOX, Poses, oks
from poseutils.prediction import Tracker, smooth, smoothing
from poseutils.prediction.frames import Frame
from poseutils.synthetic import robot_arm
from tests.helpers.jitter import jitter

LAYOUT = layout_from_names(robot_arm.NAMES, robot_arm.SKELETON)


@pytest.fixture
def plain(monkeypatch):
    """Least squares without what is added to it."""
    monkeypatch.setattr(smoothing, "ROUNDS", 0)
    monkeypatch.setattr(smoothing, "PENALTIES", (0.0, 0.0, 0.0))


def test_it_is_the_weighted_polynomial_of_numpy(plain):
    rng = np.random.default_rng(1)
    times = np.sort(rng.uniform(-1, 1, 9))
    points, weights = rng.normal(0, 20, (9, 4, 2)), rng.uniform(0.1, 2, (9, 4))
    found = smoothing._regression(times, points, weights)
    for k, axis in np.ndindex(4, 2):
        fitted = np.polyfit(times, points[:, k, axis], 2, w=np.sqrt(weights[:, k]))
        np.testing.assert_allclose(found[k, axis], fitted[2])


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


def video_of(points, scores=None, boxes=None, ids=(1,), rate=25):
    """A video of points (F, N, K, 2)."""
    scores = np.ones(points.shape[:3]) if scores is None else scores
    layout = layout_from_names([f"k{k}" for k in range(points.shape[2])])
    return [
        (
            Frame(i + 1, i / rate, np.zeros((1, 1, 3), np.uint8)),
            Poses(
                each.astype(np.float32),
                scores[i].astype(np.float32),
                layout,
                boxes=None if boxes is None else boxes[i],
                track_ids=np.array(ids),
            ),
        )
        for i, each in enumerate(points)
    ]


def smoothed(video):
    return np.array([poses.keypoints for _, poses in smooth(video)])


def accelerated(frames):
    """(F, 1, 2, 2) two points that move with constant acceleration."""
    i = np.arange(frames)
    places = [(3.0 * i, 50 + i * i / 4), (300 - 2 * i, 100 - 5.0 * i)]
    return np.moveaxis(np.array(places), 2, 0)[:, None]


@pytest.mark.parametrize("frames", [1, 2, 3, 30])
def test_steady_movement_is_kept(frames):
    np.testing.assert_allclose(smoothed(video_of(accelerated(frames))), accelerated(frames), atol=1)


@pytest.mark.parametrize("length", [1, 2])
def test_a_jump_of_a_frame_or_two_is_not_followed(length):
    points = accelerated(30)
    points[12 : 12 + length, 0, 1] += (40, -60)
    np.testing.assert_allclose(smoothed(video_of(points)), accelerated(30), atol=1)


def test_a_jump_for_good_is_followed():
    points = np.full((30, 1, 2, 2), 20.0)
    points[15:] += 50
    found = smoothed(video_of(points))
    for part in (slice(12), slice(18, None)):
        np.testing.assert_allclose(found[part], points[part], atol=1)


def test_low_scores_count_less():
    """Half of the frames are wrong, with a fifth of the score."""
    points, scores = np.full((30, 1, 2, 2), 20.0), np.ones((30, 1, 2))
    points[::2, 0, 0] += 30
    scores[::2, 0, 0] = 0.2
    assert np.abs(smoothed(video_of(points, scores)) - 20).max() < 3
    assert np.abs(smoothed(video_of(points)) - 20).max() > 10


def test_people_are_smoothed_apart_and_boxes_too():
    """The second person is not in frame 4."""
    rng = np.random.default_rng(4)
    points = np.concatenate([rng.normal(0, 1, (20, 1, 2, 2)), rng.normal(500, 1, (20, 1, 2, 2))], 1)
    boxes = np.tile(np.array([(0.0, 0, 100, 100), (500, 500, 600, 600)]), (20, 1, 1))
    boxes[::2, 1, 3] += 1
    video = video_of(points, boxes=boxes, ids=(4, 9))
    video[4] = (video[4][0], video[4][1][:1])
    found = [poses for _, poses in smooth(video)]
    assert [poses.track_ids.tolist() for poses in found] == [[4, 9]] * 4 + [[4]] + [[4, 9]] * 15
    alone = smoothed(video_of(points[:, :1], boxes=boxes[:, :1]))
    np.testing.assert_array_equal([poses.keypoints[0] for poses in found], alone[:, 0])
    np.testing.assert_allclose(found[0].boxes[0], boxes[0, 0], atol=0.01)
    assert 600.2 < found[10].boxes[1, 3] < 600.8
