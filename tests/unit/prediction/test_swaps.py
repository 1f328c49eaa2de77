"""Swapped left and right keypoints are found again, and people who turn around are left alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poseutils.keypoints import COCO17, layout_from_names
from poseutils.poses import Poses
from poseutils.prediction import swapped_back
from poseutils.prediction.frames import Frame

RATE, FRAMES = 25, 60
LEFT = [k for k, other in enumerate(COCO17.mirror) if k < other]
OUTWARD = np.array([0, *[0.5, -0.5] * 8])
"""Of each keypoint from the middle of the body, in its width; the nose is in the middle."""


def turning(start=0.0, turns=0.0, frames=FRAMES, noise=0.0):
    """Poses of a body of 60 × 200 pixels that walks and turns about its axis, seen by a camera far
    away: an angle of 0 is from behind."""
    rng = np.random.default_rng(0)
    for i in range(frames):
        angle = start + 2 * np.pi * turns * i / frames
        x = 150 + 2 * i + 60 * OUTWARD * np.cos(angle)
        swing = 25 * np.sin(2 * np.pi * i / RATE) * np.sign(OUTWARD) * np.abs(np.sin(angle))
        points = np.stack([x + swing, 50 + 200 * np.arange(17) / 16], axis=1)
        points += rng.normal(0, noise, points.shape)
        scores = np.linspace(0.5, 0.9, 17, dtype=np.float32)
        yield (
            Frame(i + 1, i / RATE, np.zeros((1, 1, 3), np.uint8)),
            Poses(points[None].astype(np.float32), scores[None], COCO17, track_ids=np.array([1])),
        )


def swap(poses, pairs):
    """Poses with left and right swapped in pairs, given by their left keypoints."""
    order = np.arange(17)
    for k in pairs:
        order[[k, COCO17.mirror[k]]] = COCO17.mirror[k], k
    return replace(poses, keypoints=poses.keypoints[:, order], scores=poses.scores[:, order])


def equal(found, expected):
    return [f.number for f, _ in found] == [f.number for f, _ in expected] and all(
        np.array_equal(a.keypoints, b.keypoints) and np.array_equal(a.scores, b.scores)
        for (_, a), (_, b) in zip(found, expected, strict=True)
    )


@settings(deadline=None, max_examples=20)
@given(st.data())
def test_short_swaps_are_undone(data):
    """Any pairs, for up to a quarter of a second, in a body seen from behind or the front, with as
    many frames before and after them."""
    truth = list(turning(start=data.draw(st.sampled_from([0.0, np.pi])), noise=1.0))
    begin = data.draw(st.integers(8, FRAMES - 14))
    end = begin + data.draw(st.integers(1, 6))
    pairs = data.draw(st.lists(st.sampled_from(LEFT), min_size=1, unique=True))
    given_ = [(f, swap(p, pairs) if begin <= i < end else p) for i, (f, p) in enumerate(truth)]
    assert not equal(given_, truth)
    assert equal(list(swapped_back(given_)), truth)


@given(st.floats(0, 2 * np.pi), st.floats(-1.2, 1.2), st.floats(0, 1.5))
@settings(deadline=None, max_examples=20)
def test_a_person_who_walks_and_turns_around_is_left_alone(start, turns, noise):
    """By up to half a turn a second. Left passes right; whether they swap there, where they are in
    nearly the same place, makes no difference."""
    given_ = list(turning(start, turns, noise=noise))
    for (_, before), (_, after) in zip(given_, swapped_back(given_), strict=True):
        assert np.abs(after.keypoints - before.keypoints).max() < 10


def test_a_network_that_changes_its_mind_for_good_is_believed():
    truth = list(turning())
    given_ = [(f, swap(p, LEFT) if i < 20 else p) for i, (f, p) in enumerate(truth)]
    found = list(swapped_back(given_))
    assert equal(found[40:], truth[40:]) and equal(found[:12], given_[:12])


def test_two_people_and_gaps():
    """Each by themselves; a person who is not detected for some frames is the same afterwards."""
    truth = []
    for i, (frame, poses) in enumerate(turning()):
        both = replace(
            poses,
            keypoints=np.concatenate([poses.keypoints, poses.keypoints + 300]),
            scores=poses.scores.repeat(2, axis=0),
            track_ids=np.array([4, 9]),
        )
        truth.append((frame, both[:1] if 20 <= i < 25 else both[:0] if i == 30 else both))
    given_ = list(truth)
    for i in (26, 27):
        frame, poses = truth[i]
        keypoints = poses.keypoints.copy()
        keypoints[1] = swap(poses, LEFT).keypoints[1]
        given_[i] = frame, replace(poses, keypoints=keypoints)
    found = list(swapped_back(given_))
    assert [len(p) for _, p in found] == [len(p) for _, p in truth]
    for (_, a), (_, b) in zip(found, truth, strict=True):
        np.testing.assert_array_equal(a.keypoints, b.keypoints)


@pytest.mark.parametrize("names", [("a", "b"), ("left_a", "b")])
def test_a_layout_without_pairs_is_left_alone(names):
    layout = layout_from_names(names)
    frames = [
        (f, Poses(p.keypoints[:, :2], p.scores[:, :2], layout, track_ids=p.track_ids))
        for f, p in turning(frames=20)
    ]
    assert equal(list(swapped_back(frames)), frames)
