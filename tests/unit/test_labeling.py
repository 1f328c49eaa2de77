"""Datasets with predicted labels: what stays, what the model adds, and its scores."""

import json

import numpy as np
import pytest
from PIL import Image

import poseutils as pu
from poseutils import plots
from poseutils.__main__ import main
from poseutils.datasets.coco import to_coco
from poseutils.datasets.label_checks import people_of
from poseutils.errors import PoseError
from poseutils.labeling import label
from tests.helpers.stand_ins import INT8

HEAD, BODY = slice(0, 5), slice(5, 17)
COUNT = 4


@pytest.fixture(scope="module")
def model():
    return pu.load_model(INT8, model_type="heatmaps_spe")


@pytest.fixture(scope="module")
def whole(repository):
    return pu.load_dataset(repository / "data/synthetic-people/val")[:COUNT]


@pytest.fixture
def headless(whole, tmp_path):
    """The folder of a dataset of a few images in which nothing of a head is labeled."""
    folder = tmp_path / "headless"
    (folder / "images").mkdir(parents=True)
    document = to_coco(whole)
    for annotation in document["annotations"]:
        annotation["keypoints"][: 3 * 5] = [0] * 15
    (folder / "person_keypoints.json").write_text(json.dumps(document))
    for sample in whole:
        (folder / "images" / sample.path.name).symlink_to(sample.path)
    return folder


def test_what_is_labeled_stays_and_the_rest_is_predicted(headless, whole, model, tmp_path):
    done = label(model, headless, tmp_path / "out", min_score=0.4, progress=False)
    labeled = pu.load_dataset(tmp_path / "out")
    assert (done.images, done.people, len(labeled)) == (COUNT, sum(map(len, whole)), COUNT)
    for before, after in zip(whole, labeled, strict=True):
        assert after.path.read_bytes() == before.path.read_bytes()
        np.testing.assert_array_equal(after.boxes, before.boxes)
        was = before.keypoints[:, BODY, 2:] > 0
        np.testing.assert_array_equal(
            np.where(was, after.keypoints[:, BODY], 0), np.where(was, before.keypoints[:, BODY], 0)
        )
        found = model.predict(before.path, boxes=before.boxes)
        sure = found.scores[:, HEAD] >= 0.4
        np.testing.assert_allclose(
            after.visibility[:, HEAD],
            np.where(sure, np.minimum(found.scores[:, HEAD], 0.99), 0),
            atol=0.006,
        )
        np.testing.assert_allclose(
            after.keypoints[:, HEAD, :2][sure], found.keypoints[:, HEAD][sure], atol=0.006
        )
    visibility = np.concatenate([sample.visibility.ravel() for sample in labeled])
    assert done.predicted == ((visibility > 0) & (visibility < 1)).sum() > 5 * COUNT / 2
    assert done.kept == (visibility >= 1).sum() > 0
    assert labeled.summary()["predicted"] == done.predicted and "predicted" not in whole.summary()


def test_predicted_keypoints_are_shown_apart(headless, model, tmp_path):
    import matplotlib.pyplot as plt

    label(model, headless, tmp_path / "out", progress=False)
    for folder, shown in ((headless, 3), (tmp_path / "out", 4)):
        dataset = pu.load_dataset(folder)
        plots.show_visibility(people_of(dataset), dataset.layout)
        (axes,) = plt.gcf().axes
        ends = [bar.get_x() + bar.get_width() for bar in axes.containers[-1]]
        assert len(axes.containers) == shown and ends == pytest.approx([1] * 17)
    plt.close("all")
    whole, labeled = (pu.load_dataset(folder).summary() for folder in (headless, tmp_path / "out"))
    for rows in ([whole, labeled], [labeled, whole]):
        assert f"| {labeled['predicted']} |" in plots.table(rows).data


def test_images_without_labels_get_the_people_that_are_found(whole, model, tmp_path, capsys):
    images, empty = tmp_path / "images", tmp_path / "empty.jpg"
    Image.new("RGB", (64, 64), "gray").save(empty)
    paths = [*(sample.path for sample in whole), empty]
    for number, path in enumerate(paths):
        (images / str(number)).mkdir(parents=True)
        (images / str(number) / "same name.jpg").symlink_to(path)
    command = [
        "label",
        str(images),
        str(tmp_path / "out"),
        "--model",
        str(model.network.path),
        "--model-type",
        "heatmaps_spe",
        "--link",
    ]
    assert main([*command, "--min-score", "0.5"]) == 0
    labeled = pu.load_dataset(tmp_path / "out")
    assert any(map(len, labeled)) and not all(map(len, labeled))
    assert f"{COUNT + 1} images, {sum(map(len, labeled))} people" in capsys.readouterr().out
    for before, after in zip(paths, labeled, strict=True):
        found = model.predict(before)
        sure = (found.scores >= 0.5).sum()
        assert len(after) == (sure >= 3)
        if not len(after):
            continue
        points = after.keypoints[0][after.visibility[0] > 0]
        assert len(points) == sure
        assert (points[:, :2] >= after.boxes[0, :2]).all() and (
            points[:, :2] <= after.boxes[0, 2:]
        ).all()
        np.testing.assert_allclose(
            after.areas, 0.53 * np.prod(after.boxes[0, 2:] - after.boxes[0, :2]), rtol=1e-3
        )


def test_a_dataset_with_predicted_labels_can_be_converted_and_trained_on(headless, model, tmp_path):
    from poseutils.training import load_examples

    label(model, headless, tmp_path / "out", min_score=0.4, progress=False)
    labeled = pu.load_dataset(tmp_path / "out")
    examples = load_examples(labeled, (64, 64), crop_margin=(1.25, 1.25))
    np.testing.assert_array_equal(
        examples.keypoints[:, :, 2], np.concatenate(labeled_visibility(labeled))
    )
    assert main(["convert", str(tmp_path / "out"), str(tmp_path / "text")]) == 0
    text = pu.load_dataset(tmp_path / "text/multi/17kpts" / "person_keypoints")
    for before, after in zip(labeled, text, strict=True):
        np.testing.assert_array_equal(after.visibility, before.visibility > 0)


def test_scores_stay_where_converting_makes_labeled_keypoints_visible(headless, model, tmp_path):
    label(model, headless, tmp_path / "out", min_score=0.4, progress=False)
    annotations = tmp_path / "out/person_keypoints.json"
    document = json.loads(annotations.read_text())
    for annotation in document["annotations"]:
        annotation["keypoints"][2::3] = [min(v, 1) for v in annotation["keypoints"][2::3]]
    annotations.write_text(json.dumps(document))
    assert main(["convert", str(annotations), str(tmp_path / "coco"), "--to", "coco"]) == 0
    pairs = zip(pu.load_dataset(annotations), pu.load_dataset(tmp_path / "coco"), strict=True)
    for before, after in pairs:
        visible = np.where(before.visibility == 1, 2, before.visibility)
        np.testing.assert_array_equal(after.visibility, visible)


def labeled_visibility(dataset):
    """The visibility of everybody with a labeled keypoint."""
    return [sample.visibility[(sample.visibility > 0).any(axis=1)] for sample in dataset]


def test_what_cannot_be_labeled_is_said_and_nothing_is_left(headless, model, tmp_path):
    out = tmp_path / "out"
    for score in (0, 1, 3):
        with pytest.raises(PoseError, match="at least 0.01 and less than 1"):
            label(model, headless, out, min_score=score)
    with pytest.raises(PoseError, match="no keypoint with a score of 0.999"):
        label(model, headless, out, min_score=0.999, progress=False)
    with pytest.raises(PoseError, match="no such folder of images"):
        label(model, tmp_path / "nowhere", out)
    (headless / "images" / "000002.jpg").unlink()
    (headless / "images" / "000002.jpg").write_text("not an image")
    with pytest.raises(PoseError, match="000002.jpg"):
        label(model, headless, out, progress=False)
    assert not out.exists()


def test_the_keypoints_of_dataset_and_model_are_the_same(repository, headless, model, tmp_path):
    document = json.loads((headless / "person_keypoints.json").read_text())
    document["categories"][0]["keypoints"][0] = "beak"
    (headless / "person_keypoints.json").write_text(json.dumps(document))
    with pytest.raises(PoseError, match="choose a model with the dataset's"):
        label(model, headless, tmp_path / "out")


def test_what_is_there_is_not_written_over(headless, model, tmp_path):
    (tmp_path / "out/images").mkdir(parents=True)
    (tmp_path / "out/images/mine.jpg").write_text("mine")
    with pytest.raises(PoseError, match="exists already"):
        label(model, headless, tmp_path / "out", progress=False)
    assert [p.name for p in (tmp_path / "out").rglob("*") if p.is_file()] == ["mine.jpg"]
