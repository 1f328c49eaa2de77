"""Examples in files: made once and whole, read in an order that the seed determines."""

import hashlib
import logging
import shutil
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poseutils.datasets import shards
from poseutils.datasets.shards import WINDOW, Shards
from poseutils.errors import PoseError

DTYPE = np.dtype([("images", "u1", (4, 4, 3)), ("areas", "<f4")])
LENGTH, COUNT = 5, 48  # ten shards, the last one of three records


def records_of(rows):
    records = np.zeros(len(rows), DTYPE)
    records["images"] = (rows % 251)[:, None, None, None]
    records["areas"] = rows
    return records


class Maker:
    """Makes records, and keeps which; ``fails`` at a row."""

    def __init__(self, fails=None):
        self.made, self.fails = [], fails

    def __call__(self, rows):
        if self.fails in rows:
            raise PoseError("interrupted")
        self.made += rows.tolist()
        return records_of(rows)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(shards, "BYTES", LENGTH * DTYPE.itemsize)


def opened(folder, count=COUNT, **options):
    make = Maker(**options)
    return Shards(folder, make, count, DTYPE), make


def test_records_are_made_once_and_read_by_any_rows(tmp_path):
    kept, make = opened(tmp_path)
    rows = np.array([47, 3, 3, 20, 0, 46])
    np.testing.assert_array_equal(kept.read("areas", rows), rows)
    np.testing.assert_array_equal(kept.read("images", rows)[:, 3, 3, 2], rows)
    assert sorted(make.made) == [*range(5), *range(20, 25), *range(45, 48)]
    again, make = opened(tmp_path)
    np.testing.assert_array_equal(again.read("areas", rows), rows)
    assert not make.made


def test_an_interrupted_preparation_goes_on_where_it_stopped(tmp_path):
    kept, make = opened(tmp_path, fails=22)
    for _ in range(2):
        with pytest.raises(PoseError, match="interrupted"):
            kept.read("areas", np.arange(COUNT))
    assert make.made == list(range(20))
    (tmp_path / ".incomplete-left.npy").write_bytes(b"of a process that was killed")
    (tmp_path / "00003.sha256").unlink()  # as if it had been killed between the two files
    again, make = opened(tmp_path)
    np.testing.assert_array_equal(again.read("areas", np.arange(COUNT)), np.arange(COUNT))
    assert make.made == list(range(15, COUNT))


@pytest.mark.parametrize("name", ["00001.npy", "00001.sha256"])
@settings(max_examples=20)
@given(data=st.data())
def test_a_damaged_byte_is_found_and_the_shard_made_again(tmp_path, caplog, name, data):
    kept, _ = opened(tmp_path)
    kept.read("areas", np.arange(COUNT))
    whole = (tmp_path / name).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    bad = data.draw(st.sampled_from([changed, whole[:at]]))
    (tmp_path / name).write_bytes(bad)
    caplog.clear()
    again, make = opened(tmp_path)
    with caplog.at_level(logging.WARNING, "poseutils"):
        np.testing.assert_array_equal(again.read("areas", np.arange(COUNT)), np.arange(COUNT))
    assert make.made == list(range(5, 10)) and "00001.npy is damaged" in caplog.text
    assert (tmp_path / name).read_bytes() == whole


def test_the_sums_are_those_of_sha256sum(tmp_path):
    opened(tmp_path)[0].read("areas", np.arange(COUNT))
    for path in tmp_path.glob("*.npy"):
        expected = f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        assert path.with_suffix(".sha256").read_text() == expected


@given(count=st.integers(1, 200), seed=st.integers(0, 9))
def test_a_random_order_has_every_row_once_and_keeps_windows_together(tmp_path, count, seed):
    kept, _ = opened(tmp_path, count)
    order = kept.shuffled(np.random.default_rng(seed))
    np.testing.assert_array_equal(np.sort(order), np.arange(count))
    np.testing.assert_array_equal(order, kept.shuffled(np.random.default_rng(seed)))
    numbers = order // LENGTH
    shards_in_order = list(dict.fromkeys(numbers.tolist()))
    for start in range(0, len(shards_in_order), WINDOW):
        window = np.flatnonzero(np.isin(numbers, shards_in_order[start : start + WINDOW]))
        assert np.ptp(window) + 1 == len(window)


def test_the_next_window_is_made_ahead_and_no_more(tmp_path):
    kept, _ = opened(tmp_path)
    order = kept.shuffled(np.random.default_rng(0))
    kept.read("areas", order[:1])
    kept._pool.shutdown(wait=True)
    found = {int(path.stem) for path in tmp_path.glob("*.npy")}
    following = list(dict.fromkeys((order // LENGTH).tolist()))[WINDOW : 2 * WINDOW]
    assert found == {order[0] // LENGTH, *following}


def test_too_little_space_is_known_before_anything_is_written(tmp_path, monkeypatch):
    usage = namedtuple("usage", "free")(10 * LENGTH * DTYPE.itemsize - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(PoseError, match=r"48 examples need .* GiB in .*POSEUTILS_CACHE"):
        opened(tmp_path / "cache" / "examples")
    assert not list(tmp_path.iterdir())
