"""Names of keypoints, however spelled, decide which keypoint is which."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from poseutils.datasets import load_dataset
from poseutils.datasets.conversion import convert
from poseutils.errors import PoseError
from poseutils.keypoints import COCO17, HAND21, PERSON13, layout_from_names, same_keypoints

SIDES = {"left": ("left", "l", "L", "Left", "LEFT"), "right": ("right", "r", "R", "Right", "RIGHT")}


def camel(side, part):
    return side[:1].upper() + side[1:] + part.capitalize()


SPELLINGS = {
    "spaces": lambda side, part: f"{side} {part}".strip().title(),
    "hyphens": lambda side, part: f"{side}-{part}".strip("-").upper(),
    "suffix": lambda side, part: f"{part}_{side[:1]}".strip("_"),
    "dotted": lambda side, part: f"{part}.{side[:1].upper()}".strip("."),
    "camel": camel,
    "initial": lambda side, part: side[:1].upper() + part.capitalize(),
    "plural": lambda side, part: f"{side}_{part}s".strip("_"),
    "glued": lambda side, part: side + part,
    "letter": lambda side, part: side[:1] + part,
    "brackets": lambda side, part: f"{part} ({side})" if side else part,
}


def spelled(name: str, spelling) -> str:
    side, _, part = name.rpartition("_")
    return spelling(side, part)


@given(st.sampled_from([COCO17, PERSON13]), st.sampled_from(list(SPELLINGS)), st.randoms())
def test_names_are_found_in_any_order_and_spelling(layout, spelling, random):
    order = list(range(len(layout)))
    random.shuffle(order)
    names = [spelled(layout.names[i], SPELLINGS[spelling]) for i in order]
    assert same_keypoints(names, layout.names) == order
    found = layout_from_names(names)
    assert found.mirror_known
    assert [order[m] for m in found.mirror] == [layout.mirror[i] for i in order]


@pytest.mark.parametrize(
    "names",
    [
        ("left_eye", "left_ear", "right_eye"),
        ("left_eye", "Left Eye", "right_eye"),
        ("left_eye", "nose", "tail"),
    ],
    ids=["another part", "twice", "one side"],
)
def test_other_names_are_not_the_same(names):
    assert same_keypoints(("left_eye", "right_eye", "nose"), names) is None


JOINTS = ("MCP", "PIP", "DIP", "TIP")
MEDIAPIPE = ("WRIST", "THUMB_CMC", "THUMB_MCP", "THUMB_IP", "THUMB_TIP") + tuple(
    f"{finger}_{joint}"
    for finger in ("INDEX_FINGER", "MIDDLE_FINGER", "RING_FINGER", "PINKY")
    for joint in JOINTS
)
WHOLE_BODY = ("wrist",) + tuple(
    f"{finger}{joint}"
    for finger in ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
    for joint in range(1, 5)
)


@pytest.mark.parametrize("names", [MEDIAPIPE, WHOLE_BODY], ids=["MediaPipe", "COCO-WholeBody"])
def test_published_names_of_hands_in_any_order(names):
    assert same_keypoints(HAND21.names, names[::-1]) == list(range(20, -1, -1))


def test_numbers_before_all_names_do_not_count():
    numbered = [f"{k + 1}. {name}" for k, name in enumerate(COCO17.names)][::-1]
    assert same_keypoints(COCO17.names, numbered) == list(range(16, -1, -1))
    assert same_keypoints(["1-a", "2-a"], ["1-a", "2-a", "3-b"]) == [0, 1]


@pytest.mark.parametrize("spelled", ["kp_{}", "kpt {}", "Keypoint-{}"])
def test_a_common_word_before_all_names_does_not_count(spelled):
    names = [spelled.format(name) for name in COCO17.names][::-1]
    assert same_keypoints(COCO17.names, names) == list(range(16, -1, -1))
    assert same_keypoints(COCO17.names, [*names[:-1], "snout"]) is None


def test_sides_of_three_letters():
    assert same_keypoints(("left_eye", "right_eye"), ("rgt_eye", "lft_eye")) == [1, 0]


def test_without_sides_in_the_names_the_mirror_image_is_not_known():
    assert HAND21.mirror_known and not layout_from_names(["a", "b"]).mirror_known
    assert not layout_from_names(["left_a", "right_b"]).mirror_known
    assert layout_from_names(["a", "b"], mirror=[1, 0]).mirror_known


# ---------------------------------------------------------------- datasets


def write(folder, names, points, name="labels.json"):
    """A COCO file of one person in an image of 40 × 20."""
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (40, 20)).save(folder / "1.png")
    triplets = [v for x, y in points for v in (x, y, 2)]
    document = {
        "images": [{"id": 1, "file_name": "1.png", "width": 40, "height": 20}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "keypoints": triplets, "bbox": [0, 0, 9, 9]}
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(names)}],
    }
    (folder / name).write_text(json.dumps(document))
    return folder / name


POINTS = np.stack([np.arange(17) * 2.0, np.arange(17) % 9], axis=1)


@pytest.fixture
def shuffled(tmp_path):
    """COCO's keypoints from the last to the first, spelled with spaces."""
    names = [spelled(name, SPELLINGS["spaces"]) for name in COCO17.names[::-1]]
    return write(tmp_path / "people", names, POINTS[::-1])


def test_known_keypoints_in_another_order_are_read_in_the_known_one(shuffled):
    dataset = load_dataset(shuffled)
    assert dataset.layout == COCO17
    np.testing.assert_array_equal(dataset[0].keypoints[0, :, :2], POINTS)


def test_text_labels_have_the_known_order(shuffled, tmp_path):
    (made,) = convert(shuffled, tmp_path / "out", progress=False)
    found = load_dataset(made.folder)[0].keypoints[0, :, :2]
    np.testing.assert_allclose(found, POINTS, atol=1e-4)


def test_the_reduction_to_13_follows_the_names(shuffled):
    reduced = load_dataset(shuffled).with_layout(PERSON13)[0].keypoints[0]
    np.testing.assert_allclose(reduced[0, :2], POINTS[:5].mean(axis=0))
    np.testing.assert_array_equal(reduced[1:, :2], POINTS[5:])


def test_names_of_ones_own_in_another_order_are_followed_with_their_sigmas(tmp_path):
    wanted = layout_from_names(["base", "left claw", "right claw"], sigmas=[0.1, 0.2, 0.3])
    path = write(tmp_path / "d", ["RightClaw", "base", "claw_L"], [(3, 3), (1, 1), (2, 2)])
    dataset = load_dataset(path).with_layout(wanted)
    assert dataset.layout == wanted
    assert dataset[0].keypoints[0, :, 0].tolist() == [1, 2, 3]


def test_as_many_keypoints_of_other_names_are_warned_of_and_a_contradiction_is_refused(tmp_path):
    wanted = layout_from_names(["base", "elbow", "tip"])
    other = load_dataset(write(tmp_path / "d", ["ant", "bee", "fly"], [(1, 1)] * 3))
    with pytest.warns(UserWarning, match="ant, bee, fly; expected base, elbow, tip"):
        assert other.with_layout(wanted) is other
    contrary = load_dataset(write(tmp_path / "e", ["tip", "bee", "fly"], [(1, 1)] * 3))
    with pytest.raises(PoseError, match="'tip' is in another place"):
        contrary.with_layout(wanted)


# ---------------------------------------------------------------- data.yaml beside text labels


def text_labels(folder, keypoints, yaml):
    """A folder of one image with a text label, and a data.yaml above it."""
    (folder / "train/images").mkdir(parents=True)
    (folder / "train/labels").mkdir()
    Image.new("RGB", (40, 20)).save(folder / "train/images/1.png")
    points = " ".join(f"0.{k + 1} 0.{k + 1} 2" for k in range(keypoints))
    (folder / "train/labels/1.txt").write_text(f"1 0.5 0.5 1 1 {points}\n")
    (folder / "data.yaml").write_text(yaml)
    return folder / "train/images"


def test_a_data_yaml_names_keypoints_and_classes_and_tells_the_mirror_image(tmp_path):
    said = "kpt_shape: [3, 3]\nkpt_names: {0: [tip, wing a, wing b]}\nflip_idx: [0, 2, 1]\n"
    dataset = load_dataset(text_labels(tmp_path, 3, said + "names: {0: hen, 1: cock}\n"))
    layout = dataset.layout
    assert layout.names == ("tip", "wing a", "wing b") and layout.mirror == (0, 2, 1)
    assert layout.mirror_known and dataset.class_names == ("hen", "cock")


@pytest.mark.parametrize(
    "said",
    [
        "kpt_names: [c, a, b]",
        "{kpt_names: {2: b, 0: c, 1: a}, names: {1: cock, 0: hen}}",
        "{kpt_names: {'2': b, '0': c, '1': a}, kpt_shape: [3, 3]}",
    ],
)
def test_names_by_index_are_in_its_order(tmp_path, said):
    dataset = load_dataset(text_labels(tmp_path, 3, said))
    assert dataset.layout.names == ("c", "a", "b")
    assert dataset.class_names in (("hen", "cock"), ("class_0", "class_1"))


def test_the_only_description_of_another_name_is_read(tmp_path):
    images = text_labels(tmp_path, 3, "lr: 0.1\n")
    (tmp_path / "hens.yaml").write_text("{kpt_shape: [3, 3], kpt_names: [c, a, b]}")
    assert load_dataset(images).layout.names == ("c", "a", "b")
    (tmp_path / "cows.yml").write_text("{kpt_shape: [17, 3]}")
    assert load_dataset(images).layout.names == ("keypoint_0", "keypoint_1", "keypoint_2")


def test_without_a_data_yaml_unnamed_keypoints_are_not_flipped(tmp_path):
    from poseutils.training.augmentation import make_augment

    flip = {"random_flip": {"mode": "horizontal"}}
    dataset = load_dataset(text_labels(tmp_path, 3, "train: images\n"))
    with pytest.raises(PoseError, match="Give dataset.mirror, .*\\[0, 1, 2\\] if each is its own"):
        make_augment(flip, dataset.layout)
    make_augment(flip, layout_from_names(dataset.layout.names, mirror=[0, 2, 1]))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("kpt_shape: [4, 3]", "kpt_shape says 4 keypoints; the labels have 3"),
        ("{names: [a, b], flip_idx: [0, 1]}", "flip_idx has 2 entries, expected 3"),
        ("{names: [a, b], flip_idx: [0, 0, 0]}", "mirror"),
        ("{names: [a, b], flip_idx: x}", "expected .* a list of integers"),
        ("names: [", "is not YAML"),
        ("names: [a, [b]]", "among its names"),
    ],
)
def test_a_data_yaml_that_contradicts_its_labels_is_refused(tmp_path, said, reason):
    with pytest.raises(PoseError, match=reason):
        load_dataset(text_labels(tmp_path, 3, said))
