"""Points that Optuna draws; their trainings are written as if they had been."""

import json
import math

import pytest
from optuna.trial import TrialState

from poseutils.errors import PoseError
from poseutils.sweeps.drawn import STUDY, Drawn
from poseutils.sweeps.points import ERROR
from poseutils.sweeps.results import result_of
from poseutils.sweeps.space import read_space
from tests.helpers.sweeping import epochs_begun, trained, write_config

RANGE = ["training.optimizer.Adam.learning_rate=1e-5..1e-1"]
EPOCHS = 4


@pytest.fixture
def draw(tmp_path):
    """Opens the study anew, as each driver does."""
    return lambda *attributes, trials=9: Drawn(
        read_space(attributes or RANGE, ranges=True), tmp_path, trials, seed=1
    )


@pytest.fixture
def begun(tmp_path):
    """Prepares a point, and trains it so far."""
    config = write_config(tmp_path)

    def begin(point, val_oks):
        point.prepare(config, (), allow_custom_code=False)
        trained(point, val_oks, EPOCHS)
        return point

    return begin


def learning_rate(point):
    return float(point.values[RANGE[0].partition("=")[0]])


def test_a_range_is_drawn_within_its_ends_and_repeated_by_its_seed(tmp_path):
    def rates(name):
        folder = tmp_path / name
        folder.mkdir()
        drawn = Drawn(read_space(RANGE, ranges=True), folder, 20, seed=1)
        return [learning_rate(point) for point in drawn.left()]

    first = rates("a")
    assert len(set(first)) == 20 and all(1e-5 <= rate <= 1e-1 for rate in first)
    assert 5 <= sum(rate < 1e-3 for rate in first) <= 15  # as many below as above the middle
    assert first == rates("b")


def test_it_learns_from_what_was_trained(draw, begun):
    """The later half is nearer to the best rate than the earlier one."""
    drawn, distances = draw(trials=24), []
    for point in drawn.left():
        distances.append(abs(math.log10(learning_rate(point) / 0.03)))
        begun(point, [1 - distances[-1] / 4] * EPOCHS)
        drawn.finish(point)
    assert sum(distances[12:]) < sum(distances[:12]) / 2


def test_equal_values_are_one_point(draw, begun):
    drawn = draw("model.alpha=0.35,0.5", trials=12)
    for point in drawn.left():
        begun(point, [float(point.values["model.alpha"])] * EPOCHS)
        drawn.finish(point)
    assert sorted(point.values["model.alpha"] for point in drawn.points) == ["0.35", "0.5"]
    assert list(draw("model.alpha=0.35,0.5", trials=12).left()) == []


def test_equal_values_share_a_point_that_still_runs(draw, begun):
    drawn = draw("model.alpha=0.35,0.5", trials=8)
    points = list(drawn.left())
    assert len(points) == 2
    for point in points:
        drawn.finish(begun(point, [0.5] * EPOCHS))
    assert list(draw("model.alpha=0.35,0.5", trials=8).left()) == []


def test_a_driver_that_was_stopped_is_followed_by_another(draw, begun):
    first = draw(trials=4)
    left = first.left()
    done, interrupted = next(left), next(left)
    begun(done, [0.5] * EPOCHS)
    first.finish(done)
    begun(interrupted, [0.25])

    second = draw(trials=4)
    points = list(second.left())
    assert points[0].values == interrupted.values and points[0].folder == interrupted.folder
    assert [point.number for point in points] == [1, 2, 3]
    assert [point.number for point in second.points] == [0, 1, 2, 3]
    assert [point.number for point in draw(trials=6).left()] == [1, 2, 3, 4, 5]


def test_a_trial_of_which_nothing_was_drawn_is_given_up(draw):
    draw()._study.ask()  # what is left of a driver that was killed in the middle
    points = list(draw(trials=3).left())
    assert [point.number for point in points] == [1, 2]
    assert all(point.values for point in draw(trials=3).points)


def test_what_falls_behind_is_pruned(draw, begun):
    drawn = draw()
    left = drawn.left()
    for _ in range(5):  # from the fifth on Optuna knows a median
        point = begun(next(left), [0.5, 0.6, 0.7, 0.8])
        drawn.watch(point)
        drawn.finish(point)
        assert not point.is_pruned
    good, bad = begun(next(left), [0.55]), begun(next(left), [0.1])
    for point in (good, bad):
        drawn.watch(point)
    assert bad.is_pruned and bad.is_finished and not good.is_pruned
    drawn.finish(bad)
    assert [point.number for point in draw(trials=7).left()] == [good.number]


def test_a_failure_is_told_and_not_drawn_again(draw, begun):
    drawn = draw(trials=2)
    for point in drawn.left():
        begun(point, [0.5])
        (point.folder / ERROR).write_text("diverged")
        drawn.finish(point)
    assert list(draw(trials=2).left()) == [] and epochs_begun(point.folder) == []


def test_before_the_first_epoch_there_is_nothing_to_tell(draw, begun):
    drawn = draw(trials=1)
    point = next(drawn.left())
    begun(point, [])
    drawn.watch(point)
    assert point.progress() is None and result_of(point).oks is None
    drawn.finish(point)
    assert drawn._study.get_trials()[0].state == TrialState.FAIL


def test_a_study_goes_on_after_an_incomplete_last_line(draw, begun, tmp_path):
    begun(next(draw(trials=2).left()), [0.5] * EPOCHS)
    study = tmp_path / STUDY
    study.write_bytes(study.read_bytes()[:-20])
    left = list(draw(trials=3).left())  # of the first trial the value is lost
    assert [point.number for point in left] == [1, 2]
    assert all(isinstance(json.loads(line), dict) for line in study.read_text().splitlines())


def test_a_damaged_study_is_named(draw, tmp_path):
    (tmp_path / STUDY).write_text("no study\n")
    with pytest.raises(PoseError, match=r"study.log: damaged \("):
        draw()
