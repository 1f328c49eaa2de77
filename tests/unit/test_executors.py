"""Ranges of items done elsewhere: all of them, in order, and shorter toward the end."""

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from poseutils.executors import LONGEST, _ranges, ahead, in_ranges


@given(st.integers(0, 2000), st.integers(4, 64))
def test_ranges_are_all_items_in_order_and_shorter_toward_the_end(count, parts):
    ranges = list(_ranges(range(count), parts))
    assert [item for each in ranges for item in each] == list(range(count))
    lengths = [len(each) for each in ranges]
    assert lengths == sorted(lengths, reverse=True)
    assert all(1 <= length <= LONGEST for length in lengths)
    # The last range makes no process wait for more than a part of what is left
    assert all(length <= max(1, sum(lengths[i:]) / parts) for i, length in enumerate(lengths))


def test_no_more_is_done_ahead_than_asked_for():
    done = []
    with ThreadPoolExecutor(1) as pool:
        futures = ahead(pool.submit, done.append, range(100), 3)
        for number in range(5):
            next(futures)[1].result()
            assert len(done) <= number + 4
        futures.close()
    assert len(done) < 100


def squares(numbers):
    return [number**2 for number in numbers]


def test_processes_give_the_results_in_order():
    assert list(in_ranges(squares, range(50), 2)) == squares(range(50))
    assert list(in_ranges(squares, [], 2)) == []
