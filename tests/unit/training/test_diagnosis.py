"""What is said of a training that does not learn its own images."""

from dataclasses import replace

import numpy as np
import pytest

from poseutils.files import NOTES
from poseutils.training.validation.diagnosis import Course, label_faults, setting_faults
from tests.helpers.small_training import small_fit, small_network, spots

QUICK = {
    "epochs": 60,
    "batch_size": 10,
    "callbacks": {},
    "augmentation": None,
    "optimizer": {"Adam": {"learning_rate": 0.02}},
}


def network():
    """Two convolutions, which see the color of a place but not which image it is in."""
    import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(12, 5, strides=2, padding="same", activation="tanh")(image)
    empty = keras.initializers.Constant(-4.0)
    last = keras.layers.Conv2D(2, 3, padding="same", activation="sigmoid", bias_initializer=empty)
    return keras.Model(image, last(x))


def ten(**changed):
    """Ten examples, some labels of which are changed: image to (K, 3)."""
    examples = spots(10)
    keypoints = examples.keypoints.copy()
    for image, labels in changed.items():
        keypoints[int(image[1:])] = labels(keypoints[int(image[1:])])
    names = tuple(f"{i}.png" for i in range(10))
    return replace(examples, keypoints=keypoints, names=names)


def learn(folder, examples, model=None, **change):
    settings = QUICK | {"train": examples, "validation": examples} | change
    return small_fit(folder, model or network(), **settings)


def test_ten_images_that_are_learned_need_no_words(tmp_path):
    (tmp_path / NOTES).write_text("of an earlier training")
    outcome = learn(tmp_path, ten())
    assert outcome.best_oks >= 0.98 and not outcome.notes and not (tmp_path / NOTES).exists()


def test_an_exchanged_label_is_named(tmp_path):
    outcome = learn(tmp_path, ten(_6=lambda labels: labels[::-1]))
    assert 0.8 < outcome.best_oks < 0.95
    assert "worst images: 6.png 0.0" in outcome.notes[0]
    said = "6.png: left_spot and right_spot are found where the other is labeled, as if they were"
    assert [note for note in outcome.notes if ".png: " in note] == [outcome.notes[1]]
    assert said in outcome.notes[1]
    assert (tmp_path / NOTES).read_text().splitlines() == list(outcome.notes)


def test_too_low_a_rate_is_named(tmp_path, caplog):
    outcome = learn(tmp_path, ten(), optimizer={"Adam": {"learning_rate": 1e-5}})
    assert outcome.best_oks < 0.5 and len(outcome.notes) == 2
    first, last = outcome.notes
    assert "60 steps (60 epochs of 1 batches of 10). Worst keypoint: " in first
    assert "steps were too small or too few. Raise the learning rate (it was up to 1e-05;" in last
    assert all(note in caplog.text for note in outcome.notes)


def test_a_gap_between_training_and_validation_is_named(tmp_path):
    outcome = learn(tmp_path, ten(), small_network(dropout=0))
    loss, val_loss = (outcome.history[name][-1] for name in ("loss", "val_loss"))
    said = f"the loss is {loss:.3g} in training and {val_loss:.3g} in validation, on the same"
    assert outcome.notes[1].startswith(said)


def test_labels_are_not_blamed_for_what_a_poor_network_finds(tmp_path):
    outcome = learn(tmp_path, ten(), optimizer={"Adam": {"learning_rate": 1e-5}}, epochs=2)
    assert outcome.best_oks < 0.5 and not [note for note in outcome.notes if ".png: " in note]
    assert outcome.notes[-1] == "2 steps are few: raise training.epochs (it was 2)"


def test_a_training_that_does_not_generalize_is_no_fault(tmp_path):
    other = replace(spots(4, 1), keypoints=spots(4, 2).keypoints)
    outcome = learn(tmp_path, ten(), validation=other)
    assert outcome.best_oks < 0.5 and not outcome.notes


# ---------------------------------------------------------------- labels


def faults(examples):
    return label_faults(examples, examples.keypoints[:, :, :2])


@pytest.mark.parametrize("place", [(-3, 5), (5, -0.1), (33, 5), (5, 40)])
def test_a_label_outside_the_image_is_named(place):
    def outside(labels):
        labels[1, :2] = place
        return labels

    assert faults(ten(_3=outside)) == ["3.png: right_spot is labeled outside the image"]
    examples = ten(_3=outside)
    examples.keypoints[3, 1, 2] = 0
    assert not faults(examples), "not labeled"


def test_the_same_image_with_different_labels_is_named():
    examples = ten()
    images = examples.images.copy()
    images[7] = np.clip(images[2].astype(int) + 2, 0, 255)
    examples.keypoints[7] = examples.keypoints[2]
    same = replace(examples, images=images)
    assert not faults(same)
    examples.keypoints[7] = examples.keypoints[2][::-1]
    assert faults(same) == ["2.png and 7.png are the same image with different labels"]


# ---------------------------------------------------------------- settings


def course(loss, val_loss=None, batches=2, augmentation=()):
    history = {"loss": loss, "val_loss": val_loss or loss, "learning_rate": [1e-3, 2e-3, 0]}
    return Course(history, batches, 5, augmentation)


FALLING = [float(v) for v in range(100, 0, -1)]
JUMPING = [1.0, 2.0] * 50


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (course(FALLING), ["the loss fell in 49 of the first 49 epochs, from 100 to 51"]),
        (course([1.0]), ["2 steps are few: raise training.epochs (it was 1)"]),
        (course(JUMPING), ["the loss rose in 25 of the first 49 epochs. Lower the learn"]),
        (course([9.0, *[7.0] * 99]), ["the loss fell from 9 to 7 in the first 26 epochs"]),
        (
            course(FALLING, [3.0] * 100),
            ["the loss is 1 in training and 3 in validation, on the same images", "the loss fell"],
        ),
        (
            course(FALLING, augmentation=["random_flip"]),
            ["data_augmentation (random_flip) changes the images in every epoch", "the loss fell"],
        ),
    ],
)
def test_settings_are_named_by_what_was_measured(given, said):
    found = setting_faults(given)
    assert len(found) == len(said)
    assert all(line.startswith(start) for line, start in zip(found, said, strict=True))
