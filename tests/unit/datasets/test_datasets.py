import pytest
from PIL import Image

from poseutils.datasets import load_dataset
from poseutils.datasets.conversion import convert
from poseutils.errors import PoseError
from poseutils.images import read_image
from tests.helpers.small_datasets import GOOD, coco_folder, edited, yolo_folder


@pytest.mark.parametrize("suffix", [".gif", ".tiff", ".ppm", ".tga", ".jp2", ".PNG"])
def test_formats_of_images(tmp_path, suffix):
    Image.new("L", (20, 10), 9).save(tmp_path / f"a{suffix}")
    (tmp_path / "a.txt").write_text(GOOD)
    sample = load_dataset(tmp_path)[0]
    assert sample.size == (20, 10) and read_image(sample.path).shape == (10, 20, 3)


def test_a_turned_photograph_is_measured_as_it_is_shown(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (20, 10)).save(tmp_path / "a.jpg", exif=exif)
    (tmp_path / "a.txt").write_text(GOOD)
    assert load_dataset(tmp_path)[0].size == (10, 20) == read_image(tmp_path / "a.jpg").shape[1::-1]


def test_classes_are_told_apart_and_kept(tmp_path):
    line = " 0.5 0.5 0.2 0.4  0.1 0.2 1  0.3 0.4 2"
    text = load_dataset(yolo_folder(tmp_path / "text", "2" + line, "0" + line))
    assert text[0].classes.tolist() == [2, 0] and len(text.class_names) == 3
    assert text.summary()["classes"] == "class_0 1, class_2 1"
    (tmp_path / "text/labels/a.txt").write_text("0.5" + line)
    with pytest.raises(PoseError, match="a.txt, line 1: 0.5 is not a class; expected an integer"):
        load_dataset(tmp_path / "text")

    def edit(document):
        (one,) = document["annotations"]
        document["categories"].append(document["categories"][0] | {"id": 7, "name": "dog"})
        document["annotations"].append(one | {"category_id": 7, "image_id": 2})

    coco = load_dataset(edited(coco_folder(tmp_path / "coco"), edit))
    assert coco.class_names == ("person", "dog")
    assert [s.classes.tolist() for s in coco] == [[0], [1]]
    convert(tmp_path / "coco", tmp_path / "there", progress=False)
    convert(tmp_path / "there/multi/17kpts/labels", tmp_path / "back", progress=False)
    assert [s.classes.tolist() for s in load_dataset(tmp_path / "back")] == [[0], [1]]
