"""The categories of a COCO file: their ids, and which annotations count."""

import json
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from poseutils.datasets import load_dataset
from poseutils.errors import PoseError

POINTS = {"arm": ["a", "b"], "leg": ["c", "d"], "nothing": None}
ANNOTATION = {"image_id": 1, "bbox": [1, 2, 8, 6], "keypoints": [2, 3, 2, 4, 5, 1]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("categories")
    Image.new("RGB", (20, 10)).save(folder / "1.png")
    return folder


def category(identity, name, keypoints):
    made = {"id": identity, "name": name}
    return made if keypoints is None else made | {"keypoints": keypoints}


def read(folder, categories, annotations):
    """The dataset of one image, and what was said of it."""
    path = folder / "labels.json"
    images = [{"id": 1, "file_name": "1.png", "width": 20, "height": 10}]
    made = [ANNOTATION | {"id": i} | change for i, change in enumerate(annotations)]
    path.write_text(json.dumps({"images": images, "annotations": made, "categories": categories}))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = load_dataset(path)
    return dataset, "\n".join(str(warning.message) for warning in caught)


ROWS = st.tuples(
    st.sampled_from([1, 2, "2", 3.0]), st.sampled_from("xyz"), st.sampled_from([*POINTS])
)


@settings(max_examples=150)
@given(st.lists(ROWS, min_size=1, max_size=4), st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_any_table_of_categories(folder, rows, used):
    """A repeated id is an error unless the whole category is repeated; the people of every category
    with the keypoints of the used ones are there, under its name."""
    table = [category(i, name, POINTS[kind]) for i, name, kind in rows]
    by_id = {}
    repeated = any(by_id.setdefault(int(i), other) != other for i, *other in rows)
    named = {i: (n, k) for i, (n, k) in by_id.items() if POINTS[k]}
    kinds = {kind for _, kind in named.values()}
    if len(kinds) > 1:
        named = {i: row for i, row in named.items() if i in used} or named
        kinds = {kind for _, kind in named.values()}
    try:
        dataset, said = read(folder, table, [{"category_id": i} for i in used])
    except PoseError as error:
        if repeated:
            assert "has the id" in str(error) and str(error).count("'") >= 4
        elif len(kinds) > 1:
            assert "expected one category with 'keypoints'" in str(error)
        else:
            assert not set(used) & set(named) and "no category has" in str(error)
        return
    assert not repeated
    if not named:
        assert "no category names its keypoints" in said and len(dataset[0]) == len(used)
        return
    names = [dataset.class_names[c] for c in dataset[0].classes]
    assert names == [named[i][0] for i in used if i in named]
    assert list(dataset.layout.names) == POINTS[kinds.pop()]
    assert ("that no category has" in said) == bool(set(used) - set(by_id))
    assert ("has no names for them" in said) == bool(set(used) & set(by_id) - set(named))


def test_of_different_keypoints_those_of_the_used_category_count(folder):
    table = [category(1, "arm", ["a", "b"]), category("2", "leg", ["c", "d"])]
    for identity in (2, 2.0, "2", " 2"):
        dataset, said = read(folder, table, [{"category_id": identity}])
        assert dataset.class_names == ("leg",) and dataset.layout.names == ("c", "d") and not said
    with pytest.raises(PoseError, match=r"several with the same ones; found 2 \(arm, leg\)"):
        read(folder, table, [{"category_id": 1}, {"category_id": 2}])


def test_categories_without_ids_or_names(folder):
    dataset, said = read(folder, [{"keypoints": ["a", "b"]}], [{}])
    assert dataset.class_names == ("category 1",) and not said
    with pytest.raises(PoseError, match=r"categories\[1\] None has the id 1, which is also"):
        read(folder, [{"keypoints": ["a", "b"]}, {"keypoints": ["c", "d"]}], [{}])
    with pytest.raises(PoseError, match=r"categories\[0\] 'x': id: expected an integer"):
        read(folder, [category([1], "x", ["a", "b"])], [{}])


def test_annotations_that_are_there_twice_are_taken_once(folder):
    table = [category(1, "arm", ["a", "b"])]
    dataset, said = read(folder, table, [{"id": 5}, {"id": 5}, {"id": 5, "bbox": [0, 0, 9, 9]}])
    assert len(dataset[0]) == 2 and "1 annotations are there twice: taken once" in said
    dataset, said = read(folder, table, [{"id": None}, {"id": None}, {}, {}])
    assert len(dataset[0]) == 4 and not said, "equal, but nothing says that they are the same"


def test_keypoints_may_be_objects_with_a_name(folder):
    objects = [{"id": 7, "name": "tip"}, {"id": 8, "name": "base"}]
    assert read(folder, [category(1, "arm", objects)], [{"category_id": 1}])[0].layout.names == (
        "tip",
        "base",
    )
    with pytest.raises(PoseError, match="keypoints: None given; expected the name of a keypoint"):
        read(folder, [category(1, "arm", [{"id": 7}, {"id": 8}])], [{"category_id": 1}])
