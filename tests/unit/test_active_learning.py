"""What a model doubts is labeled next."""

import numpy as np
import pytest

import poseutils as pu
from poseutils import PoseError, labeling
from poseutils.models.predictor import Prediction
from poseutils.synthetic.robot_arm import SIZE, make_arms
from tests.helpers.stand_ins import INT8


@pytest.fixture(scope="module")
def model():
    return pu.load_model(INT8, model_type="heatmaps_spe")


@pytest.fixture(scope="module")
def people(repository):
    return pu.load_dataset(repository / "data/synthetic-people/val").single()[:10]


class Detector:
    """A model of several people, whose scores stand in the name of the image: 5, 5-1 or none."""

    gives_one_pose, layout = False, pu.layout_from_names(["a", "b"])

    def predict_each(self, images):
        for path in images:
            scores = np.array([[int(s) / 10] * 2 for s in path.split("-") if s], np.float32)
            poses = pu.Poses(np.zeros((len(scores), 2, 2)), scores.reshape(-1, 2), self.layout)
            yield Prediction(path, None, poses)


def test_an_image_is_as_doubtful_as_the_least_sure_person_and_most_so_without_one():
    order = labeling.by_doubt(Detector(), ["5", "5-1", "", "3"], progress=False)
    assert [str(path) for path in order] == [".", "5-1", "3", "5"]


def test_an_image_that_cannot_be_read_is_left_out_with_a_warning(model, people, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="broken.png.*left out"):
        found = labeling.by_doubt(model, [tmp_path / "broken.png", people[0].path], progress=False)
    assert list(found) == [people[0].path] and len(found[people[0].path]) == 1


def test_rounds_label_the_lowest_scores_of_what_is_left(model, people):
    scores = {s.path: model.predict(s.path, confidence=0).scores.mean() for s in people}
    trained = []

    def train(labeled):
        trained.append([sample.path for sample in labeled])
        return model

    rounds = list(labeling.label_in_rounds(people, people, train, [2, 5, 6]))
    first = trained[0]
    others = sorted((s.path for s in people if s.path not in first), key=scores.__getitem__)
    assert trained == [first, first + others[:3], first + others[:4]]
    assert [(one.images, len(one.labeled)) for one in rounds] == [(2, 2), (5, 5), (6, 6)]
    expected = pu.evaluate(model, people, progress=False).metrics["oks"]
    assert [one.oks for one in rounds] == [expected] * 3

    trained.clear()
    list(labeling.label_in_rounds(people, people, train, [2, 6], doubtful=False))
    drawn = [people[index].path for index in np.random.default_rng(0).permutation(10)]
    assert trained == [drawn[:2], drawn[:6]] and first == drawn[:2]


@pytest.mark.parametrize("sizes", [[], [0, 2], [3, 3], [4, 2], [5, 11]])
def test_refuses_sizes_that_do_not_grow_within_the_pool(model, people, sizes):
    with pytest.raises(PoseError, match="increasing numbers from 1 to 10"):
        next(labeling.label_in_rounds(people, people, lambda labeled: model, sizes))


def test_an_arm_at_rest_is_straight_and_the_rest_is_the_same(tmp_path):
    resting = pu.load_dataset(make_arms(tmp_path / "a", "arms", 100, seed=3, at_rest=0.7))
    working = pu.load_dataset(make_arms(tmp_path / "b", "arms", 100, seed=3))
    points = np.concatenate([sample.keypoints[:, :, :2] for sample in resting])
    straight = np.abs(points[:, 3, 0] - points[:, 0, 0]) < 0.04 * SIZE
    assert 60 <= straight.sum() <= 85
    assert all(
        rest.path.read_bytes() == work.path.read_bytes()
        for rest, work, is_straight in zip(resting, working, straight, strict=True)
        if not is_straight
    )
