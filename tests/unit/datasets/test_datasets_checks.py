"""What looks wrong in a dataset is found, and what is right is not; the pictures of it are
drawn."""

from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from PIL import Image

from poseutils import plots
from poseutils.datasets import Dataset, Sample, load_dataset, most_different, people_of, suspicions
from poseutils.keypoints import COCO17

matplotlib.use("Agg")

STANDING = np.array(
    [[50, 10], [53, 8], [47, 8], [57, 9], [43, 9], [65, 25], [35, 25]]
    + [[70, 40], [30, 40], [72, 55], [28, 55]]
    + [[60, 55], [40, 55], [60, 75], [40, 75], [60, 93], [40, 93]],
    np.float32,
)  # fmt: skip


def standing(folder, name, color=0, size=(100, 100), seen=2.0):
    """An image of somebody who faces us, and the sample that says so."""
    Image.new("RGB", (100, 100), (color, 0, 0)).save(folder / name)
    keypoints = np.column_stack([STANDING, np.full(17, seen, np.float32)])[None]
    box = np.array([[25, 5, 75, 97]], np.float32)
    return Sample(
        1, folder / name, size, keypoints, box, np.array([4000], np.float32), np.zeros(1, bool)
    )


def kinds(*samples):
    return [s.kind for s in suspicions(Dataset(samples, COCO17, samples[0].path.parent))]


def moved(sample, k, point):
    keypoints = sample.keypoints.copy()
    keypoints[0, k, :2] = point
    return replace(sample, keypoints=keypoints)


def test_good_labels_are_not_suspected(tmp_path):
    sample = standing(tmp_path, "a.png")
    turned = replace(
        sample, keypoints=(sample.keypoints * (-1, 1, 1) + (100, 0, 0)).astype(np.float32)
    )
    assert kinds(sample) == kinds(turned) == kinds(replace(sample, size=None)) == []


def test_a_keypoint_outside(tmp_path):
    sample = standing(tmp_path, "a.png")
    assert kinds(moved(sample, 0, (50, -20))) == ["outside image", "outside box"]
    assert kinds(moved(sample, 9, (92, 55))) == ["outside box"]
    hidden = moved(sample, 9, (92, 55))
    hidden.keypoints[0, 9, 2] = 1
    assert kinds(hidden) == [], "boxes end where people are hidden"
    unlabeled = moved(sample, 9, (500, 500))
    unlabeled.keypoints[0, 9, 2] = 0
    assert kinds(unlabeled) == []


@pytest.mark.parametrize("pair", [(5, 6), (11, 12), (15, 16)])
def test_left_and_right_exchanged(tmp_path, pair):
    sample = standing(tmp_path, "a.png")
    swapped = sample.keypoints.copy()
    swapped[0, list(pair)] = swapped[0, list(pair[::-1])]
    (found,) = suspicions(Dataset((replace(sample, keypoints=swapped),), COCO17, tmp_path))
    assert found.kind == "left and right" and found.what.startswith(COCO17.names[pair[0]])


def test_boxes_sizes_and_people_without_keypoints(tmp_path):
    sample = standing(tmp_path, "a.png")
    tiny = replace(
        sample,
        boxes=np.array([[50, 50, 51, 51]], np.float32),
        keypoints=np.zeros((1, 17, 3), np.float32),
    )
    assert kinds(tiny) == ["tiny box", "no keypoint"]
    assert kinds(replace(tiny, crowd=np.ones(1, bool))) == []


def test_the_same_image_twice(tmp_path):
    samples = [
        standing(tmp_path, "a.png", 1),
        standing(tmp_path, "b.png", 2),
        standing(tmp_path, "c.png", 1),
    ]
    (found,) = suspicions(Dataset(tuple(samples), COCO17, tmp_path))
    assert found.kind == "twice" and found.sample.path.name == "c.png" and "a.png" in found.what


def test_the_most_different_pose_is_taken_first(tmp_path):
    usual = standing(tmp_path, "a.png")
    upside_down = replace(
        usual, keypoints=(usual.keypoints * (1, -1, 1) + (0, 100, 0)).astype(np.float32)
    )
    people = people_of(Dataset((usual, usual, upside_down, usual), COCO17, tmp_path))
    assert most_different(people, 2)[1] == 2 and len(most_different(people, 9)) == 4
    nobody = replace(usual, keypoints=np.zeros((1, 17, 3), np.float32))
    assert most_different(people_of(Dataset((nobody,), COCO17, tmp_path)), 2) == []


def test_arrays_of_everybody(asset):
    dataset = load_dataset(asset("coco-mini"))
    people = people_of(dataset)
    assert len(people) == sum(int((~s.crowd).sum()) for s in dataset) and people.keypoints.shape[
        1:
    ] == (17, 3)
    index = len(people) // 2
    assert (dataset[people.samples[index]].boxes == people.boxes[index]).all(axis=1).any()
    assert 0 < people.box_shares.min() <= people.box_shares.max() <= 1


def test_where_there_is_nothing_to_show_it_is_said(tmp_path, capsys):
    dataset = Dataset((standing(tmp_path, "a.png"),), COCO17, tmp_path)
    plots.show_suspicions(suspicions(dataset), COCO17)
    plots.show_people(dataset, people_of(dataset), [])
    assert capsys.readouterr().out == "no suspicious annotations\nno people to show\n"


def test_figures_of_photographs_and_of_labels_at_the_edge(asset, tmp_path):
    import matplotlib.pyplot as plt

    dataset = load_dataset(asset("coco-mini"))
    people = people_of(dataset)
    plots.show_visibility(people, dataset.layout)
    plots.show_positions(people)
    assert plt.gcf().axes[1].get_title().startswith("keypoints per cell of")
    plots.show_sizes(people)
    plots.show_spread(people, dataset.layout)
    plots.show_people(dataset, people, most_different(people, 4))
    plots.show_suspicions(suspicions(dataset)[:4], dataset.layout)
    far = moved(standing(tmp_path, "a.png"), 0, (400, -300))
    plots.show_suspicions(suspicions(Dataset((far,), COCO17, tmp_path)), COCO17)
    assert len(plt.get_fignums()) == 7
    image = plt.gcf().axes[0].images[0].get_array()
    assert image.shape[0] == image.shape[1] and (image == 200).all(axis=2).mean() > 0.5, (
        "most of it is beyond the image"
    )
    plt.close("all")
