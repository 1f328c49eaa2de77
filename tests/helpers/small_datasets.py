"""Datasets of a few small images, written to a folder."""

import json

from PIL import Image

from poseutils.keypoints import COCO17, coco_category


def coco_folder(folder, **changes):
    """A COCO dataset of two images and one person, with some keys of the annotation changed; None
    removes one."""
    (folder / "images").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (64, 48)).save(folder / "images" / name)
    annotation = {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "bbox": [10, 5, 20, 30],
        "area": 300,
        "iscrowd": 0,
        "keypoints": [11, 6, 2] + [0, 0, 0] * 15 + [20, 30, 1],
        "num_keypoints": 2,
    } | changes
    document = {
        "images": [
            {"id": i, "file_name": n, "width": 64, "height": 48}
            for i, n in ((1, "a.jpg"), (2, "b.jpg"))
        ],
        "annotations": [{k: v for k, v in annotation.items() if v is not None}],
        "categories": [coco_category(COCO17)],
    }
    path = folder / "labels.json"
    path.write_text(json.dumps(document))
    return path


def edited(path, edit):
    """Changes a COCO file in place."""
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))
    return path


GOOD = "0 0.5 0.5 0.2 0.4  0.1 0.2 1  0.3 0.4 0"


def yolo_folder(folder, *lines):
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    Image.new("RGB", (200, 100)).save(folder / "images/a.png")
    Image.new("RGB", (200, 100)).save(folder / "images/b.png")
    (folder / "labels/a.txt").write_text("\n".join(lines))
    return folder


def blank_images(folder, names, lines=(GOOD,)):
    """Small images, each of another gray, with a text label beside each."""
    for index, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (20, 10), index % 256).save(path)
        path.with_suffix(".txt").write_text("\n".join(lines))
    return folder
