"""The person score: what becomes of images with and without a person."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import poseutils as pu
from poseutils.errors import PoseError
from poseutils.labeling import label
from poseutils.prediction import predict_images

EMPTY = np.full((240, 320, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def model(repository):
    return pu.load_model(
        repository / "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"
    )


@pytest.fixture(scope="module")
def people(repository):
    return pu.load_dataset(repository / "data/synthetic-people/val")[:6]


@pytest.fixture(scope="module")
def person(model, people):
    """The image of the best score, with its dataset."""
    scores = [model.predict(s.path, confidence=0).person_scores[0] for s in people]
    return people[int(np.argmax(scores))]


def test_an_image_without_a_person_has_no_pose(model, person):
    assert len(model.predict(person.path)) == 1 and len(model.predict(EMPTY)) == 0
    assert [len(p) for p in model.predict([person.path, EMPTY])] == [1, 0]
    assert len(model.predict(EMPTY, confidence=0)) == 1
    assert len(model.predict(person.path, confidence=1)) == 0


def test_a_box_has_its_pose_whatever_the_score(model):
    boxes = np.float32([[0, 0, 100, 200], [50, 20, 300, 200]])
    assert len(model.predict(EMPTY, boxes=boxes, confidence=0.9)) == 2


def test_the_threshold_is_shown(model):
    assert model.summary()["confidence"] == f"{model.thresholds().confidence:g}"
    softmax = replace(model, input_spec=replace(model.input_spec, sums_to_one=True))
    assert softmax.summary()["confidence"] == "0"


def test_a_person_who_leaves_is_lost_and_found_again(model, person):
    image = pu.read_image(person.path)
    seen = [len(p.poses) for p in pu.follow(model, [image, image, np.zeros_like(image), image])]
    assert seen == [1, 1, 0, 1]


def test_images_without_a_person_are_counted_and_not_drawn_on(model, person, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(EMPTY).save(tmp_path / "in/empty.png")
    Image.fromarray(pu.read_image(person.path)).save(tmp_path / "in/person.png")
    paths = pu.find_images(tmp_path / "in")
    result = predict_images(model, paths, tmp_path / "out", progress=False)
    assert result.metrics == {"images": 2, "unreadable": 0, "people": 1, "empty": 1}
    assert result.empty == [tmp_path / "in/empty.png"]
    annotated = pu.read_image(result.annotated[result.empty[0]])
    assert np.abs(annotated.astype(int) - EMPTY).max() < 5  # JPEG
    (record,) = json.loads((tmp_path / "out/predictions.json").read_text())
    assert record["file_name"] == "person.png"
    (score,) = model.predict(paths[1]).person_scores
    assert record["score"] == pytest.approx(score, abs=1e-5)


def test_an_evaluation_loses_no_person(model, people):
    usual, strict = (
        pu.evaluate(model, people, progress=False, **given).metrics
        for given in ({}, {"confidence": 1})
    )
    assert usual == strict and usual["oks"] > 0.1


def test_no_person_is_labeled_where_none_is(model, person, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(EMPTY).save(tmp_path / "in/empty.png")
    with pytest.raises(PoseError, match="found no keypoint"):
        label(model, tmp_path / "in", tmp_path / "out", min_score=0.01, progress=False)
    Image.fromarray(pu.read_image(person.path)).save(tmp_path / "in/person.png")
    done = label(model, tmp_path / "in", tmp_path / "out", min_score=0.01, progress=False)
    assert (done.images, done.people) == (2, 1)


def test_a_softmax_over_each_heatmap_has_no_threshold(tmp_path):
    """Its values are no confidences; neither the float nor the 8-bit network has one, and the C
    neither, whether it is exported from a model or a file."""
    from keras import Model, layers

    from poseutils.quantization import quantize

    image = layers.Input((32, 32, 3))
    cells = layers.Reshape((64, 17))(layers.Conv2D(17, 4, strides=4)(image))
    heatmaps = layers.Reshape((8, 8, 17))(layers.Softmax(axis=1)(cells))
    Model(image, heatmaps).save(tmp_path / "float.keras")
    dice = np.random.default_rng(0).uniform(-1, 1, (4, 32, 32, 3)).astype(np.float32)
    quantized = quantize(tmp_path / "float.keras", dice, tmp_path / "int8.tflite")
    for path in (tmp_path / "float.keras", quantized):
        model = pu.load_model(path, "heatmaps_spe")
        assert model.input_spec.sums_to_one and len(model.predict(EMPTY)) == 1
    for number, given in enumerate((model, quantized)):
        sources = pu.export(given, tmp_path / str(number), model_type="heatmaps_spe").sources
        code = " ".join((sources / "int8_poses.c").read_text().split())
        assert ", 0.0f, poses->keypoints[0]" in code
