"""The journal of an evaluation: what was written comes back, and whatever is at the end of the
file."""

import numpy as np
import pytest

from poseutils.evaluation.journal import open_journal
from poseutils.keypoints import COCO17
from poseutils.poses import Poses


def some(rng, people, with_boxes=False, with_classes=False):
    boxes = {
        "boxes": rng.random((people, 4), np.float32),
        "box_scores": rng.random(people, np.float32),
    }
    classes = {"classes": rng.integers(0, 3, people)}
    return Poses(
        rng.normal(100, 80, (people, 17, 2)).astype(np.float32),
        rng.random((people, 17), np.float32),
        COCO17,
        **boxes if with_boxes else {},
        **classes if with_classes else {},
    )


def same(one, other):
    names = ("keypoints", "scores", "boxes", "box_scores", "classes")
    return all(np.array_equal(getattr(one, n), getattr(other, n)) for n in names)


@pytest.mark.parametrize("fields", [{}, {"with_boxes": True}, {"with_boxes": 1, "with_classes": 1}])
def test_what_was_written_comes_back(tmp_path, fields):
    rng = np.random.default_rng(1)
    poses = [some(rng, people, **fields) for people in (3, 0, 1)]
    journal = open_journal(tmp_path / "a.partial", COCO17)
    offsets = {9 - i: journal.append(9 - i, p, (480 + i, 70_000)) for i, p in enumerate(poses)}
    again = open_journal(tmp_path / "a.partial", COCO17)
    assert again.offsets() == journal.offsets() == offsets
    for i, expected in enumerate(poses):
        found, size = again.read(offsets[9 - i])
        assert same(found, expected) and size == (480 + i, 70_000)
        found.keypoints[:] = 0  # is the caller's


@pytest.mark.parametrize(
    "end", [b"\x93NUMPY\x01\x00v\x00{'descr': '<i8', 'fortran", b"\xff" * 999, bytes(40)]
)
def test_what_follows_the_last_whole_record_is_cut_off(tmp_path, end):
    rng, path = np.random.default_rng(2), tmp_path / "a.partial"
    journal = open_journal(path, COCO17)
    first, second = (journal.append(i, some(rng, 2), (48, 64)) for i in range(2))
    whole = path.read_bytes()
    for length in range(second, len(whole)):
        path.write_bytes(whole[:length])
        assert open_journal(path, COCO17).offsets() == {0: first}
        assert path.read_bytes() == whole[:second]
    path.write_bytes(whole + end)
    assert open_journal(path, COCO17).offsets() == {0: first, 1: second}
    assert path.read_bytes() == whole
