"""Labels damaged at random: what is refused is refused with a PoseError that names the place, what
is read can be used."""

import copy
import json
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from poseutils.datasets import load_dataset, suspicions
from poseutils.datasets.coco import to_coco
from poseutils.errors import PoseError

NAMES = ["tip", "left", "right"]
DOCUMENT = {
    "images": [{"id": i, "file_name": f"{i}.png", "width": 20, "height": 10} for i in (1, 2)],
    "annotations": [
        {"id": i, "image_id": i, "category_id": 1, "bbox": [1, 2, 8, 6], "area": 30.5,
         "iscrowd": 0, "num_keypoints": 2, "keypoints": [2, 3, 2, 4, 5, 1, 0, 0, 0]} for i in (1, 2)
    ],
    "categories": [{"id": 1, "name": "thing", "keypoints": NAMES, "skeleton": [[1, 2], [2, 3]]}],
}  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["1", "images", "a/../1.png", 1e400]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "keypoints", "name"]) | st.text(max_size=3), inner)
    ),
    max_leaves=5,
)
DELETE = object()
SPEED = settings(
    max_examples=300,
    derandomize=True,
    database=None,
)


def places(value, path=()):
    """The paths of everything inside a document."""
    for key, inner in (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    ):
        yield (*path, key)
        yield from places(inner, (*path, key))


PLACES = list(places(DOCUMENT))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged")
    for name in ("1.png", "2.png"):
        Image.new("RGB", (20, 10)).save(folder / name)
    return folder


def damaged(place, value):
    document = copy.deepcopy(DOCUMENT)
    parent = document
    for key in place[:-1]:
        parent = parent[key]
    if value is DELETE:
        del parent[place[-1]]
    else:
        parent[place[-1]] = value
    return document


def used(path):
    """Loads a dataset and does with it what programs do; only PoseErrors that name the file are
    caught."""
    try:
        dataset = load_dataset(path)
        (
            dataset.summary(),
            dataset.single(),
            dataset.split(0.5, 1),
            suspicions(dataset),
            json.dumps(to_coco(dataset), allow_nan=False),
        )
    except PoseError as error:
        assert path.name in str(error)
        return str(error)
    for sample in dataset:
        assert np.isfinite(sample.keypoints).all() and sample.keypoints.shape[1:] == (
            len(dataset.layout),
            3,
        )
        assert len(sample.boxes) == len(sample.areas) == len(sample.crowd) == len(sample)
    return ""


@SPEED
@given(st.sampled_from(PLACES), st.just(DELETE) | VALUES)
@example(("categories", 0, "skeleton", 0, 0), float("inf"))
def test_a_damaged_annotation_file(folder, place, value):
    path = folder / "labels.json"
    path.write_text(json.dumps(damaged(place, value)), encoding="utf-8")
    message = used(path)
    if message and place[0] == "annotations" and len(place) == 3:
        assert re.search(r"annotations\[\d\]", message) or "image_id" in message


@SPEED
@given(st.integers(0, len(json.dumps(DOCUMENT)) - 1), st.binary(max_size=4))
@example(0, b"[" * 4)
def test_an_annotation_file_with_bytes_exchanged(folder, position, other):
    raw = json.dumps(DOCUMENT).encode()
    path = folder / "labels.json"
    path.write_bytes(raw[:position] + other + raw[position + len(other) :])
    used(path)


def test_an_annotation_file_of_a_hundred_thousand_brackets(folder):
    path = folder / "labels.json"
    path.write_text("[" * 100_000)
    assert "is not JSON" in used(path)


LINE = "0 0.5 0.5 0.4 0.6 0.1 0.3 2 0.2 0.5 1 0 0 0"
TOKENS = st.sampled_from(
    ["nan", "inf", "-1", "1e999", "640", "0.5", "", "x", "1_0", "0x1", "-0", "²", "1,5", "2"]
) | st.text(max_size=5)


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    Image.new("RGB", (20, 10)).save(folder / "a.png")
    return folder


@SPEED
@given(st.integers(0, 13), TOKENS)
def test_a_damaged_line(labels, field, token):
    fields = LINE.split()
    fields[field] = token
    (labels / "a.txt").write_text(f"{LINE}\n{' '.join(fields)}\n", encoding="utf-8")
    message = read(labels)
    if message:
        assert re.search(r"a\.txt, line \d", message) and re.search(
            r"expected|the lines before had", message
        )


@SPEED
@given(st.binary(max_size=60))
def test_a_label_of_any_bytes(labels, content):
    (labels / "a.txt").write_bytes(content)
    message = read(labels)
    assert not content.strip() or "a.txt" in message or "all label files" in message or not message


def read(folder):
    try:
        dataset = load_dataset(folder)
    except PoseError as error:
        return str(error)
    assert np.isfinite(dataset[0].keypoints).all() and len(suspicions(dataset)) >= 0
    return ""
