"""Labels as other tools write and read them: what is taken how is said in one line; what cannot be
is refused with a sentence."""

import json
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import poseutils.datasets.lazy as lazy
from poseutils.datasets import load_dataset
from poseutils.datasets.conversion import convert
from poseutils.errors import PoseError
from poseutils.keypoints import COCO17

BOX, POINTS = [10, 10, 40, 40], [20, 20, 2, 30, 30, 2, 40, 40, 1]


def write(folder, annotations=({},), images=1, size=(100, 80), **document):
    """A COCO file of annotations with three keypoints, some of their keys changed; None removes
    one."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(images):
        Image.new("RGB", size, (i, 0, 0)).save(folder / f"{i + 1}.jpg")
    usual = {"image_id": 1, "category_id": 1, "bbox": BOX, "keypoints": POINTS, "area": 1600}
    made = [{k: v for k, v in (usual | a).items() if v is not None} for a in annotations]
    category = {"id": 1, "name": "thing", "keypoints": ["a", "b", "c"], "skeleton": [[1, 2]]}
    path = folder / "labels.json"
    path.write_text(
        json.dumps(
            {
                "images": [
                    {"id": i + 1, "file_name": f"{i + 1}.jpg", "width": 100, "height": 80}
                    for i in range(images)
                ],
                "annotations": [{"id": i} | a for i, a in enumerate(made)],
                "categories": [category],
            }
            | document
        )
    )
    return path


def read(path):
    """The dataset and what was said of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = load_dataset(path)
    return dataset, "\n".join(str(warning.message) for warning in caught)


CATEGORY = {"id": 1, "name": "thing", "keypoints": ["a", "b", "c"]}


@pytest.mark.parametrize(
    ("annotation", "category", "said", "keypoints", "box", "area"),
    [
        ({}, {}, "", POINTS, (10, 10, 50, 50), 1600),
        ({"bbox": None}, {}, "bbox is missing for 1 of 1", POINTS, (20, 20, 40, 40), 1600),
        ({"bbox": []}, {}, "bbox is missing for 1 of 1", POINTS, (20, 20, 40, 40), 1600),
        ({"bbox": [-1] * 4}, {}, "bbox is missing for 1 of 1", POINTS, (20, 20, 40, 40), 1600),
        (
            {"keypoints": [None, None, 0, *POINTS[3:]], "bbox": [None] * 4},
            {},
            "bbox is missing for 1 of 1",
            [0, 0, 0, *POINTS[3:]],
            (30, 30, 40, 40),
            1600,
        ),
        ({"area": ""}, {}, "", POINTS, (10, 10, 50, 50), 848),
        ({"area": 0}, {}, "area is 0 or 1 for 1 of 1 annot", POINTS, (10, 10, 50, 50), 848),
        ({"area": 1}, {}, "area is 0 or 1 for 1 of 1 annot", POINTS, (10, 10, 50, 50), 848),
        (
            {"keypoints": [-1, -1, -1, *POINTS[3:]]},
            {},
            "-1 is taken as not labeled, for 1 keypoints",
            [0, 0, 0, *POINTS[3:]],
            (10, 10, 50, 50),
            1600,
        ),
        (
            {"keypoints": [-1, -1, 2, 30, 30, -1, 40, 40, 1]},
            {},
            "-1 is taken as not labeled, for 2 keypoints",
            [0] * 6 + [40, 40, 1],
            (10, 10, 50, 50),
            1600,
        ),
        (
            {"keypoints": [20, 20, 0, 0, 40, 40]},
            {},
            "2 columns a keypoint",
            [20, 20, 2, 0, 0, 0, 40, 40, 2],
            (10, 10, 50, 50),
            1600,
        ),
        ({"keypoints": [POINTS[:3], POINTS[3:6], POINTS[6:]]}, {}, "", POINTS, None, 1600),
        (
            {"keypoints": [None, 78.9, 2, *POINTS[3:]]},
            {},
            "null is taken as not labeled, for 1 keypoints",
            [0, 0, 0, *POINTS[3:]],
            None,
            1600,
        ),
        (
            {},
            {"skeleton": [[4, 3], [9, 15], [1, 3]]},
            "2 limbs of the skeleton",
            POINTS,
            None,
            1600,
        ),
        ({}, {"skeleton": [[0, 1], [1, 2]]}, "counts keypoints from 0", POINTS, None, 1600),
        ({}, {"keypoints": []}, "no category names its keypoints", POINTS, None, 1600),
        ({"category_id": None}, {}, "", POINTS, None, 1600),
        (
            {"keypoints": [20, 20, 0] * 3},
            {},
            "no keypoint is labeled: all have visibility 0",
            [20, 20, 0] * 3,
            None,
            1600,
        ),
        (
            {"keypoints": [0.2, 0.2, 2] * 3},
            {},
            "as fractions of the image are",
            np.float32([0.2, 0.2, 2] * 3),
            None,
            1600,
        ),
    ],
)
def test_annotations_of_other_tools(tmp_path, annotation, category, said, keypoints, box, area):
    path = write(tmp_path, [annotation], categories=[CATEGORY | category])
    dataset, warned = read(path)
    sample = dataset[0]
    assert said in warned and bool(said) == bool(warned)
    np.testing.assert_array_equal(sample.keypoints.ravel(), keypoints)
    np.testing.assert_array_equal(sample.boxes[0], box or (10, 10, 50, 50))
    assert sample.areas[0] == area
    limbs = {"from 0": ((0, 1), (1, 2)), "2 limbs": ((0, 2),)}
    assert [dataset.layout.limbs == v for k, v in limbs.items() if k in said] in ([], [True])


def test_a_file_without_categories(tmp_path):
    seventeen = [n for k in range(17) for n in (20 + k, 30, 2)]
    dataset, said = read(write(tmp_path, [{"keypoints": seventeen}], categories=None))
    assert dataset.layout is COCO17 and "taken as the usual 17 (nose, left_eye" in said
    with pytest.raises(PoseError, match="and annotations have 9, 51 numbers; expected x, y"):
        read(write(tmp_path, [{"keypoints": seventeen}, {}], categories=[]))


def test_annotations_of_no_category_are_counted(tmp_path):
    path = write(tmp_path, [{}, {"category_id": 0}, {"category_id": 0}])
    dataset, said = read(path)
    assert (
        len(dataset[0]) == 1
        and (
            "2 of 3 annotations have a category_id that no category has (0; categories: 1 thing), "
            "probably as annotations count from 0, categories from 1: left out"
        )
        in said
    )
    with pytest.raises(PoseError, match="1 of 1 annotations have a category_id .* Correct them"):
        read(write(tmp_path, [{"category_id": 7}]))
    cars = [CATEGORY, {"id": 2, "name": "car"}, {"id": 3, "name": "dog"}]
    annotations = [{}, {"category_id": 2, "keypoints": None}, {"category_id": 3}]
    dataset, said = read(write(tmp_path, annotations, categories=cars))
    assert (
        len(dataset[0]) == 1
        and "1 of 3 annotations have keypoints, but their category (dog)" in said
    )


# ---------------------------------------------------------------- sizes of images


@pytest.mark.parametrize("factor", [0.5, 1.5, 2])
def test_copies_of_another_size_are_scaled_and_it_is_said_once(tmp_path, factor):
    size = int(100 * factor), int(80 * factor)
    dataset, said = read(write(tmp_path, [{}, {"image_id": 2}], images=2, size=size))
    assert said.count("2 of 2 images are larger or smaller than annotated (1.jpg is") == 1
    sample = dataset[1]
    assert sample.size == size
    np.testing.assert_allclose(sample.keypoints[0, 1], (30 * factor, 30 * factor, 2))
    np.testing.assert_allclose(sample.boxes[0], np.multiply((10, 10, 50, 50), factor))
    assert sample.areas[0] == 1600 * factor**2
    convert(tmp_path, tmp_path / "out", progress=False)
    (label,) = (tmp_path / "out").rglob("1.txt")
    np.testing.assert_allclose(np.array(label.read_text().split()[1:3], float), (0.3, 0.375))


@given(st.integers(40, 2000), st.integers(40, 2000), st.floats(0.2, 3))
def test_any_rounding_of_a_copy_is_the_same_shape(width, height, factor):
    for rounded in (np.floor, np.ceil, np.round):
        size = tuple(int(rounded(side * factor)) for side in (width, height))
        assert lazy._same_shape((width, height), size) and lazy._same_shape(size, (width, height))


@pytest.mark.parametrize("size", [(80, 100), (100, 100), (100, 83), (640, 360)])
def test_images_of_other_proportions_are_counted(tmp_path, size):
    path = write(tmp_path, images=3, size=size)
    Image.new("RGB", (100, 80)).save(tmp_path / "2.jpg")
    said = f"2 of 3 images are not of the size .*1.jpg is {size[0]} × {size[1]} as shown, annotated"
    with pytest.raises(PoseError, match=said) as caught:
        load_dataset(path)
    assert ("EXIF" in str(caught.value)) == (size == (80, 100))


def test_labels_of_photographs_as_stored_are_refused(tmp_path):
    path = write(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (100, 80)).save(tmp_path / "1.jpg", exif=exif)
    with pytest.raises(PoseError, match="1.jpg is 80 × 100 as shown, annotated as 100 × 80"):
        load_dataset(path)


def test_of_many_images_some_are_compared_and_the_others_when_used(tmp_path, monkeypatch):
    monkeypatch.setattr(lazy, "_COMPARED", 2)
    path = write(tmp_path, [{"image_id": i} for i in (1, 2, 3, 4)], images=4)
    Image.new("RGB", (50, 40)).save(tmp_path / "2.jpg")
    Image.new("RGB", (80, 100)).save(tmp_path / "4.jpg")
    opened, original = [], lazy.image_size
    monkeypatch.setattr(lazy, "image_size", lambda p: opened.append(p.name) or original(p))
    dataset, said = read(path)
    assert opened == ["1.jpg", "3.jpg"] and not said and len(dataset.single()) == 4
    with pytest.warns(UserWarning, match="2.jpg is 50 × 40 .* scaled"):
        np.testing.assert_array_equal(dataset[1].boxes[0], (5, 5, 25, 25))
    with pytest.raises(PoseError, match="4.jpg is 80 × 100 as shown, annotated as 100 × 80"):
        _ = dataset[3].keypoints


def test_many_copies_are_said_once(tmp_path, monkeypatch):
    monkeypatch.setattr(lazy, "_COMPARED", 2)
    path = write(tmp_path, [{"image_id": i} for i in (1, 2, 3, 4)], images=4, size=(50, 40))
    dataset, said = read(path)
    assert "2 of 2 images are larger or smaller than annotated" in said
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all((s.boxes == (5, 5, 25, 25)).all() for s in dataset)


def test_a_damaged_image_is_told_when_it_is_read(tmp_path):
    path = write(tmp_path, images=2)
    (tmp_path / "2.jpg").write_bytes(b"no image")
    assert load_dataset(path)[1].size == (100, 80)


# ---------------------------------------------------------------- text


def text(folder, *lines):
    folder.mkdir(parents=True, exist_ok=True)
    for index, line in enumerate(lines):
        Image.new("RGB", (100, 80)).save(folder / f"{index}.png")
        (folder / f"{index}.txt").write_text(line)
    return folder


@pytest.mark.parametrize(
    ("line", "said", "keypoints"),
    [
        (".3 .3 .5 .5 .7 .7", "2 columns", [(30, 24, 2), (50, 40, 2), (70, 56, 2)]),
        (".3 .3 0 0", "2 columns", [(30, 24, 2), (0, 0, 0)]),
        (".3 .3 -1 -1", "2 columns", [(30, 24, 2), (-100, -80, 0)]),
        (".3 .3 0.98", "scores of predictions", [(30, 24, 0.98)]),
        (".4 .4 .9 .6 .6 .8", "scores of predictions", [(40, 32, 0.9), (60, 48, 0.8)]),
        (".3 .3 2 -1 -1 -1", "-1 is taken as not labeled", [(30, 24, 2), (0, 0, 0)]),
        (".3 .3 1 0 0 0", "", [(30, 24, 1), (0, 0, 0)]),
    ],
)
def test_columns_of_text_labels(tmp_path, line, said, keypoints):
    dataset, warned = read(text(tmp_path, f"0 .5 .5 .4 .4 {line}"))
    np.testing.assert_allclose(dataset[0].keypoints[0], keypoints, rtol=1e-6)
    assert said in warned and bool(said) == bool(warned)


def test_kpt_shape_decides_where_two_readings_fit(tmp_path):
    line = "0 .5 .5 .4 .4 .4 .4 .5 .5 .6 .6"
    dataset, said = read(text(tmp_path, line))
    assert len(dataset.layout) == 3 and "if not, write kpt_shape: [2, 3] to a data.yaml" in said
    for shape, count in (([2, 3], 2), ([3, 2], 3)):
        (tmp_path / "data.yaml").write_text(f"kpt_shape: {shape}")
        dataset, said = read(tmp_path)
        assert len(dataset.layout) == count and "if not" not in said


BOMB = "a: &a [1, 1]\n" + "".join(
    f"b{i}: &b{i} [{', '.join(['*a' if i == 0 else f'*b{i - 1}'] * 9)}]\n" for i in range(12)
)


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("names: !!map [a]", "is not YAML"),
        ("kpt_shape: [!!bool maybe, 3]", "is not YAML"),
        ("kpt_shape: [!!timestamp soon, 3]", "is not YAML"),
        ("kpt_shape: [!!int '', 3]", "is not YAML"),
        (f"{BOMB}kpt_shape: *b11", "kpt_shape=.*expected .keypoints, 2 or 3. and a list"),
        (f"{BOMB}flip_idx: *b11", "flip_idx=.*expected .keypoints, 2 or 3. and a list"),
    ],
)
def test_a_data_yaml_of_other_types_is_refused(tmp_path, description, words):
    text(tmp_path, "0 .5 .5 .4 .4 .3 .3 2")
    (tmp_path / "data.yaml").write_text(description)
    with pytest.raises(PoseError, match=f"data.yaml.*{words}"):
        read(tmp_path)


@pytest.mark.parametrize("orientation", range(10))
def test_text_labels_are_of_the_upright_image(tmp_path, orientation):
    text(tmp_path, *["0 .5 .5 .4 .4 .3 .3 2"] * 3)
    for name in ("1.png", "2.png"):
        (tmp_path / name).unlink()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (100, 80)).save(tmp_path / "1.jpg", exif=exif)
    (tmp_path / "2.jpg").write_bytes(b"no image")
    dataset, said = read(tmp_path)
    expected = orientation in range(2, 9)
    assert ("1 of 3 images have an EXIF orientation (1.jpg): their labels are" in said) == expected
    width, height = (80, 100) if orientation in range(5, 9) else (100, 80)
    assert dataset[1].size == (width, height)
    np.testing.assert_allclose(dataset[1].keypoints[0, 0], (0.3 * width, 0.3 * height, 2), 1e-6)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (".5 .5 .4 .4 .3", "6 fields; expected 5"),
        (".5 .5 .4 .4 .3 .3 .5 .5 .5", "line 1: 10 fields; expected"),
        (".5 .5 .4 .4" + " .4 .4 2" * 17 + " .9", "line 1: 57 fields; expected 5 .*or 2"),
        (".5 .5 .4 .4 .3 .3 3", "line 1: 3 is not a fraction"),
        (".5 .5 .4 .4 .3 .3 1.5", "line 1: 1.5 is not a visibility; expected 0"),
        (".5 .5 -.4 .4 .3 .3 1", "line 1: -0.4 is not a fraction"),
        ("320 240 .4 .4 .3 .3 1", "line 1: 320 is not a fraction of an image; expected numbers"),
        ("320 240 90 120 .3 .3 1", "line 1: 320 is not a fraction of an image; expected numbers"),
        (".5 .5 .4 .4 90 80 1", "line 1: 90 is not a fraction of an image; .* width and height"),
    ],
)
def test_lines_that_cannot_be(tmp_path, line, message):
    with pytest.raises(PoseError, match=message):
        load_dataset(text(tmp_path, f"0 {line}"))


# ---------------------------------------------------------------- numbers without a limit


def test_a_million_keypoints_or_people_are_a_sentence(tmp_path):
    names = [str(i) for i in range(100_000)]
    for path, what in (
        (
            write(tmp_path / "a", categories=[CATEGORY | {"keypoints": names}]),
            "100,000 keypoints",
        ),
        (
            write(tmp_path / "b", [{"keypoints": [1, 1, 2] * 1500}], categories=[]),
            "1,500 keypoints",
        ),
        (write(tmp_path / "c", [{}] * 10_001), "10,001 annotations"),
        (text(tmp_path / "d", "0 .5 .5 .4 .4" + " .3 .3 2" * 100_000), "keypoints"),
        (text(tmp_path / "e", "0 .5 .5 .4 .4 .3 .3 2\n" * 10_001), "10,001 people"),
    ):
        with pytest.raises(PoseError, match=f"{what} given; expected up to"):
            load_dataset(path)
