"""People cut out of their images to train on, as an evaluation from boxes sees them; and weights
that were trained at another size."""

import numpy as np
import pytest
from PIL import Image

import poseutils as pu
from poseutils import PoseError
from poseutils.config import Config
from poseutils.crops import MARGIN, cut, region_of_box
from poseutils.datasets import lazy
from poseutils.synthetic import make_dataset
from poseutils.training import (
    build_model,
    configured_examples,
    configured_network,
    load_examples,
    load_keras,
)

SIZE = (64, 64)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A folder of images with one to three people each."""
    return make_dataset(
        tmp_path_factory.mktemp("people") / "train", 16, seed=5, workers=1, progress=False
    )


def test_everybody_is_an_example_in_their_region(people):
    dataset = pu.load_dataset(people)
    examples = load_examples(dataset, SIZE, crop_margin=(1.25, 1.25))
    everybody = [
        (sample, i)
        for sample in dataset
        for i in range(len(sample))
        if (sample.visibility[i] > 0).any()
    ]
    assert len(examples) == len(everybody) > len(dataset)
    for index, (sample, i) in enumerate(everybody):
        transform = region_of_box(sample.boxes[i]).transform(SIZE)
        np.testing.assert_allclose(
            examples.keypoints[index, :, :2],
            transform.to_input(sample.keypoints[i, :, :2]),
            atol=1e-3,
        )
        box = transform.to_input(sample.boxes[i].reshape(2, 2))
        np.testing.assert_allclose(box.mean(axis=0), 32, atol=1e-3)
        assert (box[1] - box[0]).max() == pytest.approx(64 / 1.25, rel=1e-4)
        assert examples.areas[index] == pytest.approx(0.53 * np.prod(box[1] - box[0]), rel=1e-4)


def test_the_largest_person_of_text_labels_is_found_without_opening_images(tmp_path, monkeypatch):
    Image.new("RGB", (40, 20)).save(tmp_path / "a.png")
    small, large = "0 0.2 0.5 0.1 0.2 0.2 0.5 2", "0 0.6 0.5 0.2 0.4 0.6 0.5 2"
    (tmp_path / "a.txt").write_text(f"{small}\n{large}\n0 0.5 0.5 1 1 0.5 0.5 0\n")
    with monkeypatch.context() as patch:
        patch.setattr(lazy, "image_size", lambda path: pytest.fail(f"opened {path}"))
        examples = load_examples(pu.load_dataset(tmp_path), (20, 40))
    np.testing.assert_allclose(examples.keypoints[:], [[[24, 10, 2]]], atol=1e-3)
    np.testing.assert_allclose(examples.areas[:], [0.53 * 8 * 8], rtol=1e-5)


def test_pixels_are_those_that_a_model_sees_of_a_box(people):
    dataset = pu.load_dataset(people)
    examples = load_examples(dataset, SIZE, crop_margin=(MARGIN, MARGIN))
    sample = dataset[0]
    seen, _ = cut(np.asarray(Image.open(sample.path)), region_of_box(sample.boxes[0]), SIZE)
    np.testing.assert_array_equal(examples.images[0], seen)


def test_margins_are_drawn_once_and_from_the_whole_range(people):
    dataset = pu.load_dataset(people)
    first, again = (load_examples(dataset, SIZE, crop_margin=(1.0, 2.0)) for _ in range(2))
    np.testing.assert_array_equal(first.keypoints[:], again.keypoints[:])
    boxes = np.concatenate(
        [sample.boxes[(sample.visibility > 0).any(axis=1)] for sample in dataset]
    )
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    areas = 0.53 * np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    margins = 64 / np.sqrt(first.areas[:] / areas) / sides
    assert margins.min() >= 0.999 and margins.max() <= 2.001 and margins.max() - margins.min() > 0.5


def test_truncated_people_are_parts_of_them_in_pictures_that_may_end_there(people):
    dataset = pu.load_dataset(people)
    whole, parts = (
        load_examples(dataset, SIZE, crop_margin=(1.25, 1.25), truncated=share)
        for share in (0.0, 0.5)
    )
    changed = np.array([not np.array_equal(a, b) for a, b in zip(whole.images[:], parts.images[:])])
    assert 0.2 < changed.mean() < 0.8
    np.testing.assert_array_equal(whole.keypoints[:][~changed], parts.keypoints[:][~changed])
    for before, after, image in zip(
        whole.keypoints[:][changed], parts.keypoints[:][changed], parts.images[:][changed]
    ):
        labeled = after[:, 2] > 0
        assert labeled.any() and np.all(before[labeled, 2] == after[labeled, 2])
        seen = after[labeled & np.all((after[:, :2] > 1) & (after[:, :2] < 63), axis=1), :2]
        assert len(seen) and all(image[int(y), int(x)].any() for x, y in seen), (
            "labeled, and not beyond the picture's end"
        )
        scale = _scale(before, after)
        assert scale > 1, "a part is shown larger than the whole"
    assert (parts.keypoints[:, :, 2] > 0).sum() < (whole.keypoints[:, :, 2] > 0).sum()
    assert np.all(parts.areas[:] > 0)


def _scale(before, after):
    """How many times larger the keypoints (K, 3) are drawn after than before."""
    return np.ptp(after[:, :2], axis=0).max() / np.ptp(before[:, :2], axis=0).max()


def test_truncated_people_are_always_cut_in_the_same_way_and_never_to_validate(people):
    dataset = pu.load_dataset(people)
    first, again = (
        load_examples(dataset, SIZE, crop_margin=(1.0, 2.0), truncated=0.5) for _ in range(2)
    )
    np.testing.assert_array_equal(first.images[:], again.images[:])
    settings = {"model": {"model_type": "heatmaps_spe", "input_shape": (64, 64, 3)}}
    config = Config(**settings, training={"crop_margin": "(1.0, 2.0)", "truncated": 0.5})
    np.testing.assert_array_equal(configured_examples(config, dataset).images[:], first.images[:])
    fixed = load_examples(dataset, SIZE, crop_margin=(MARGIN, MARGIN))
    np.testing.assert_array_equal(
        configured_examples(config, dataset, validating=True).keypoints[:], fixed.keypoints[:]
    )


def test_a_configuration_trains_on_a_range_and_validates_as_evaluations_look(people):
    settings = {
        "model": {"model_type": "heatmaps_spe", "input_shape": (64, 64, 3)},
        "training": {"crop_margin": "(1.0, 2.0)"},
    }
    config, dataset = Config(**settings), pu.load_dataset(people)
    ranged = load_examples(dataset, SIZE, crop_margin=(1.0, 2.0))
    fixed = load_examples(dataset, SIZE, crop_margin=(MARGIN, MARGIN))
    np.testing.assert_array_equal(
        configured_examples(config, dataset).keypoints[:], ranged.keypoints[:]
    )
    np.testing.assert_array_equal(
        configured_examples(config, dataset, validating=True).keypoints[:], fixed.keypoints[:]
    )
    with pytest.raises(ValueError, match="a number from 1 to 10"):
        Config(model={"model_type": "heatmaps_spe"}, training={"crop_margin": 0.5})


@pytest.mark.slow
def test_weights_of_another_size_are_a_start(tmp_path):
    small = build_model("st_movenet_lightning_heatmaps", (64, 64, 3), 4, alpha=0.35)
    small.save(tmp_path / "small.keras")
    model = {
        "model_type": "heatmaps_spe",
        "model_path": str(tmp_path / "small.keras"),
        "alpha": 0.35,
    }
    network = configured_network(Config(model=model | {"input_shape": (96, 128, 3)}), 4)
    assert network.input_shape == (None, 96, 128, 3) and network.output_shape == (None, 24, 32, 4)
    for mine, given in zip(network.get_weights(), small.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, given)
    network.save(tmp_path / "large.keras")
    assert load_keras(tmp_path / "large.keras").input_shape == (None, 96, 128, 3)


def test_a_network_of_one_size_says_so(tmp_path):
    import keras

    image = keras.Input((64, 64, 3))
    maps = keras.layers.Reshape((16, 16, 4))(
        keras.layers.Dense(16 * 16 * 4)(keras.layers.Flatten()(image))
    )
    keras.Model(image, maps).save(tmp_path / "fixed.keras")
    config = Config(
        model={
            "model_type": "heatmaps_spe",
            "model_path": str(tmp_path / "fixed.keras"),
            "input_shape": (96, 96, 3),
        }
    )
    with pytest.raises(
        PoseError,
        match=r"built for images of \(64, 64\) and cannot take \(96, 96\).*model.input_shape",
    ):
        configured_network(config, 4)
