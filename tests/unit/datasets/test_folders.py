"""Folders as annotation tools leave them: what is read, and what is said of the rest."""

import json
import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from poseutils.datasets import load_dataset
from poseutils.datasets.conversion import convert
from poseutils.errors import PoseError

LINE = "0 0.5 0.5 0.4 0.4 0.3 0.3 2 0.6 0.6 1"


def image(path, size=(20, 10)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)
    return path


def coco(path, *names):
    """A COCO file of images of 20 × 10 pixels with one annotation each."""
    ids = range(1, len(names) + 1)
    document = {
        "info": {},
        "images": [
            {"id": i, "file_name": name, "width": 20, "height": 10} for i, name in zip(ids, names)
        ],
        "annotations": [
            {
                "id": i,
                "image_id": i,
                "category_id": 1,
                "bbox": [1, 2, 8, 6],
                "area": 30,
                "keypoints": [2, 3, 2, 4, 5, 1],
            }
            for i in ids
        ],
        "categories": [{"id": 1, "name": "thing", "keypoints": ["a", "b"], "skeleton": []}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


NOTES = {
    "notes.json": '{"categories": [{"id": 0, "keypoints": ["a"]}], "info": {}}',
    "info.json": "[]",
    "predictions.json": '[{"image_id": 1, "keypoints": [1, 2, 0.5]}]',
    "tasks.json": '[{"images": [], "annotations": [{"keypoints": []}]}]',
    "captions.json": '{"images": [], "annotations": []}',
    "damaged.json": "{",
    "empty.json": "",
}
"""What stands beside labels without being labels."""


def test_a_file_is_annotations_if_its_content_is(tmp_path):
    coco(tmp_path / "coco/zz.json", image(tmp_path / "coco/1.png").name)
    image(tmp_path / "text/1.png").with_suffix(".txt").write_text(LINE)
    for name, text in NOTES.items():
        (tmp_path / "coco" / name).write_text(text)
        if name != "captions.json":
            (tmp_path / "text" / name).write_text(text)
    (tmp_path / "coco/folder.json").mkdir()
    os.mkfifo(tmp_path / "coco/pipe.json")
    assert len(load_dataset(tmp_path / "coco")) == len(load_dataset(tmp_path / "text")[0]) == 1
    (tmp_path / "text/1.txt").unlink()
    with pytest.raises(PoseError, match="damaged.json .of 6 .* no lists of images and annotations"):
        load_dataset(tmp_path / "text")


@pytest.mark.parametrize("form", ["coco", "text"])
def test_the_root_of_an_export_with_splits(tmp_path, form):
    for split in ("train", "valid", "test"):
        image(tmp_path / split / "images" / "1.png")
        if form == "coco":
            coco(tmp_path / split / "_annotations.coco.json", "images/1.png")
        else:
            label = tmp_path / split / "labels" / "1.txt"
            label.parent.mkdir()
            label.write_text(LINE)
    assert [s.path for s in load_dataset(tmp_path, split="valid")] == [
        tmp_path / "valid/images/1.png"
    ]
    joined = load_dataset(tmp_path)
    assert [len(s) for s in joined] == [1, 1, 1] and len({s.image_id for s in joined}) == 3
    with pytest.raises(PoseError, match="no split 'val': it has test, train, valid"):
        load_dataset(tmp_path, split="val")
    done = convert(tmp_path, tmp_path / "out", progress=False)
    assert sorted(part.folder.name for part in done) == ["test", "train", "valid"]


def test_the_same_images_in_two_files(tmp_path):
    image(tmp_path / "1.png")
    coco(tmp_path / "b.JSON", "1.png")
    coco(tmp_path / "a.json", "1.png")
    with pytest.raises(PoseError, match="2 annotation files .a.json, b.JSON. with 1 images in com"):
        load_dataset(tmp_path)
    assert len(load_dataset(tmp_path, split="b")) == 1


def test_a_folder_of_labelme(tmp_path):
    for name in ("a", "b"):
        image(tmp_path / f"{name}.png").with_suffix(".json").write_text(
            json.dumps({"version": "5", "shapes": [], "imagePath": f"{name}.png"})
        )
    for path in (tmp_path, tmp_path / "a.json"):
        with pytest.raises(PoseError, match="a.json is of labelme: convert .* COCO keypoints"):
            load_dataset(path)


def both(name):
    return [unicodedata.normalize(form, name) for form in ("NFC", "NFD")]


@given(st.text("éüñÅ가ệa", min_size=1, max_size=5), st.booleans())
def test_accents_in_one_character_or_two(tmp_path_factory, name, swap):
    folder = tmp_path_factory.mktemp("accents")
    first, second = both(name)[::-1] if swap else both(name)
    image(folder / f"{first}.png")
    (folder / f"{second}.txt").write_text(LINE)
    assert [len(s) for s in load_dataset(folder)] == [1]
    coco(folder / "x.json", f"other/{second}.png")
    assert load_dataset(folder / "x.json")[0].path == folder / f"{first}.png"
    deep = image(folder / first / "deep.png")
    coco(folder / "x.json", f"{second}/deep.png")
    assert load_dataset(folder / "x.json")[0].path == deep


CASES = st.text("aAéÉ1", min_size=1, max_size=4)


def ignores_case(folder):
    (folder / "probe").write_text("")
    return (folder / "PROBE").exists()


@given(st.lists(CASES, min_size=1, max_size=4, unique=True), CASES)
def test_capitals(tmp_path_factory, names, asked):
    """The file of the very name; else the only one with other capitals; else an error with two."""
    folder = tmp_path_factory.mktemp("capitals")
    if ignores_case(folder):
        pytest.skip("this file system ignores case")
    for name in names:
        image(folder / "Images" / f"{name}.PNG")
    path = coco(folder / "labels.json", f"images/{asked}.png")
    alike = [folder / f"Images/{n}.PNG" for n in names if n.casefold() == asked.casefold()]
    if len(alike) == 1:
        with pytest.warns(UserWarning, match="1 files have other capitals than the names given"):
            assert load_dataset(path)[0].path == alike[0]
        return
    with pytest.raises(PoseError, match=r"images\[0\]: no such image") as caught:
        load_dataset(path)
    assert sum(str(other) in str(caught.value) for other in alike) == min(2, len(alike))


@given(
    st.lists(CASES, min_size=1, max_size=3, unique=True),
    st.lists(CASES, min_size=1, max_size=3, unique=True),
)
def test_capitals_of_text_labels(tmp_path_factory, images, labels):
    """No label is that of two images, and no image is left without one that could be its own."""
    folder = tmp_path_factory.mktemp("capitals")
    if ignores_case(folder):
        pytest.skip("this file system ignores case")
    for name in images:
        image(folder / "images" / f"{name}.png")
    for name in labels:
        label = folder / "labels" / f"{name}.txt"
        label.parent.mkdir(exist_ok=True)
        label.write_text(LINE)
    left = {n: [a for a in labels if a == n] for n in images}
    used = [name for names in left.values() for name in names]
    for name in images:
        free = [a for a in labels if a.casefold() == name.casefold() and a not in used]
        left[name] = left[name] or free
    by_label = [names[0] for names in left.values() if names]
    try:
        read = {s.path.stem: len(s) for s in load_dataset(folder)}
    except PoseError as error:
        ambiguous = any(len(n) > 1 for n in left.values()) or len(set(by_label)) < len(by_label)
        assert "other capitals" in str(error) if ambiguous else "neither a COCO" in str(error)
        return
    assert read == {name: len(names) for name, names in left.items()}


def test_names_that_are_not_utf_8(tmp_path):
    folder = os.fsencode(tmp_path)
    image(tmp_path / "a.png")
    try:
        os.rename(folder + b"/a.png", folder + b"/caf\xe9.png")
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    with open(folder + b"/caf\xe9.txt", "w") as file:
        file.write(LINE)
    assert [len(s) for s in load_dataset(tmp_path)] == [1]
    (done,) = convert(tmp_path, tmp_path / "out", progress=False)
    assert os.listdir(os.fsencode(done.folder)) == [b"caf\xe9.png"]
    assert load_dataset(tmp_path / "out")[0].path.is_file()
    assert load_dataset(coco(tmp_path / "x.json", "café.png"))[0].path.is_file()
    with open(folder + b"/caf\xe9.txt", "w") as file:
        file.write("x")
    (tmp_path / "x.json").unlink()
    with pytest.raises(PoseError) as caught:
        load_dataset(tmp_path)
    assert str(caught.value).encode() and "caf\\udce9.txt, line 1" in str(caught.value)


def test_pipes_are_not_waited_for(tmp_path):
    image(tmp_path / "a.png")
    os.mkfifo(tmp_path / "a.txt")
    (tmp_path / "c.txt").symlink_to("c.txt")
    image(tmp_path / "b.png").with_suffix(".txt").write_text(LINE)
    with pytest.warns(UserWarning, match="1 labels are not regular files .*a.txt"):
        assert [len(s) for s in load_dataset(tmp_path)] == [0, 1]
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.warns(UserWarning, match="1 images are not regular files .pipe.png.: left out"):
        assert len(load_dataset(coco(tmp_path / "labels.json", "a.png", "pipe.png"))) == 1
    (tmp_path / "labels.json").unlink()
    os.mkfifo(tmp_path / "x.json")
    with pytest.raises(PoseError, match="x.json is not a regular file"):
        load_dataset(tmp_path / "x.json")
    with pytest.warns(UserWarning, match="x.json is not a regular file: not read"):
        load_dataset(tmp_path)
