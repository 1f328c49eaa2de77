"""Synthetic people: the same from the same seed, left is left, and annotations that agree with the
pixels."""

import contextlib
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from distributed import Client, LocalCluster
from PIL import Image
from pycocotools.coco import COCO

from poseutils.datasets import load_dataset
from poseutils.errors import PoseError
from poseutils.keypoints import COCO17
from poseutils.synthetic import make_dataset, render_people, synthetic_dataset
from poseutils.synthetic import people as drawn_people
from poseutils.synthetic.body import LIMITS, place, rotation, sample_build
from poseutils.synthetic.drawing import FINE, Light, draw_surface
from poseutils.synthetic.figure import add_person
from poseutils.synthetic.mesh import Mesh
from poseutils.synthetic.motions import Arm, Pose
from poseutils.synthetic.palette import Palette
from poseutils.synthetic.scene import sample_camera

NAMES = {name: i for i, name in enumerate(COCO17.names)}
HANGING = Arm((0, 8, 0, 10))
UPRIGHT = Pose(
    base=np.eye(3),
    lean=0,
    roll=0,
    bend=0,
    side=0,
    twist=0,
    nod=0,
    tilt=0,
    turn=0,
    arms=(HANGING, HANGING),
    legs=((0, 4, 5, 2), (0, 4, 5, 2)),
    ankles=(0, 0),
    jump=0,
    seat=False,
)


def drawn(pose, seed=3):
    """Keypoints (17, 3), identity buffer and image of one person alone, seen from straight
    ahead."""
    rng = np.random.default_rng(seed)
    build = replace(sample_build(rng), girth=1.0, belly=0.0, child=False)
    skeleton = place(build, pose)
    mesh, palette = Mesh(), Palette()
    points = add_person(mesh, palette, rng, skeleton, 1, True)
    surface = mesh.surface()
    camera = sample_camera(
        np.random.default_rng(1), surface.corners.reshape(-1, 3).astype(float), 256
    )
    light = Light(
        np.array([0.0, 0.6, 0.8]), 0.7, 0.4, np.ones(3, np.float32), np.ones(3, np.float32)
    )
    canvas = np.full((256, 256, 3), 128, np.float32)
    layer = draw_surface(surface, camera, light, palette.table(), canvas)
    keypoints, _, _ = drawn_people._annotate(layer, camera, points[None], [build])
    return keypoints[0], layer, canvas


@pytest.fixture(scope="module")
def scenes():
    return [render_people((11, i)) for i in range(40)]


def test_same_seed_same_bytes_other_seed_other_image():
    first, again, other = render_people(5), render_people(5), render_people(6)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert first[0].shape == (256, 256, 3) and first[0].dtype == np.uint8
    assert np.abs(first[0].astype(int) - other[0]).mean() > 5


def test_left_is_the_persons_left():
    front, _, _ = drawn(UPRIGHT)
    back, _, _ = drawn(replace(UPRIGHT, base=rotation(y=180)))
    for part in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        left, right = NAMES[f"left_{part}"], NAMES[f"right_{part}"]
        assert front[left, 0] > front[right, 0] + 1, part
        if back[left, 2]:  # eyes are not labeled from behind, nor ears under hair
            assert back[left, 0] < back[right, 0] - 1, part
    assert back[5:, 2].all()


def test_upright_body_is_in_anatomical_order():
    points, layer, _ = drawn(UPRIGHT)
    height = points[:, 1]
    order = ["nose", "left_shoulder", "left_hip", "left_knee", "left_ankle"]
    assert np.all(np.diff([height[NAMES[name]] for name in order]) > 0)
    assert height[NAMES["left_eye"]] < height[NAMES["nose"]]
    rows = np.flatnonzero((layer.owner == 1).any(axis=1)) / FINE
    assert 0.35 < (height[NAMES["left_hip"]] - rows[0]) / (rows[-1] - rows[0]) < 0.56


@pytest.mark.parametrize("seed", [4, 8, 10])
def test_visibility_from_the_front_from_behind_and_from_the_side(seed):
    front, _, _ = drawn(UPRIGHT, seed)
    back, _, _ = drawn(replace(UPRIGHT, base=rotation(y=180)), seed)
    forward = Arm((80, 5, 0, 20))  # a hanging arm would hide the hip
    side, _, _ = drawn(replace(UPRIGHT, base=rotation(y=90), arms=(forward, forward)), seed)
    torso = [
        NAMES[f"{s}_{part}"]
        for s in ("left", "right")
        for part in ("shoulder", "hip", "knee", "ankle", "elbow")
    ]
    assert (front[torso, 2] == 2).all() and front[NAMES["nose"], 2] == 2
    assert (back[torso, 2] == 2).all() and (back[:3] == 0).all()
    for part, visibility in {
        "eye": 0,
        "ear": 0,
        "shoulder": 1,
        "hip": 1,
    }.items():  # facing the image's right, their left is away from us
        assert side[NAMES[f"left_{part}"], 2] == visibility, part
    assert side[NAMES["right_shoulder"], 2] == 2 and side[NAMES["right_hip"], 2] == 2


def test_a_head_behind_something_else_is_labeled_as_hidden():
    keypoints, layer, _ = drawn(UPRIGHT)
    layer.owner[:] = 2
    assert (drawn_people._visibility(layer, 1, keypoints[:, :2], np.zeros(17)) == 1).all()


def test_a_hand_behind_the_back_is_hidden_and_before_the_chest_is_seen():
    behind = Arm(target=("pelvis", (0.0, 0.03, -0.12)), elbow=(0.9, -0.2, -0.6))
    before = Arm(target=("chest", (0.0, -0.1, 0.2)), elbow=(0.8, -0.6, 0.0))
    points, _, _ = drawn(replace(UPRIGHT, arms=(behind, before)))
    assert points[NAMES["left_wrist"], 2] == 1 and points[NAMES["right_wrist"], 2] == 2


def test_joint_limits_hold():
    wild = replace(
        UPRIGHT,
        bend=300,
        twist=-300,
        arms=(Arm((400, 0, 0, 400)),) * 2,
        legs=((400, 0, 0, 400),) * 2,
    )
    skeleton = place(sample_build(np.random.default_rng(0)), wild)
    for limb, name in [(limb, "elbow") for limb in skeleton.arms] + [
        (limb, "knee") for limb in skeleton.legs
    ]:
        upper, lower = limb.middle - limb.root, limb.end - limb.middle
        angle = np.degrees(np.arccos(upper @ lower / np.linalg.norm(upper) / np.linalg.norm(lower)))
        assert angle == pytest.approx(LIMITS[name][1], abs=0.5)


def test_annotations_agree_with_the_image(scenes):
    for image, keypoints, boxes, areas in scenes:
        assert keypoints.shape[1:] == (17, 3) and len(keypoints) == len(boxes) == len(areas)
        visibility = keypoints[..., 2]
        assert np.isin(visibility, (0, 1, 2)).all()
        assert (keypoints[visibility == 0] == 0).all()
        inside = keypoints[visibility > 0][:, :2]
        assert (inside >= 0).all() and (inside <= image.shape[0]).all()
        size = boxes[:, 2:] - boxes[:, :2]
        assert (boxes >= 0).all() and (boxes <= image.shape[0]).all()
        assert (areas <= size.prod(axis=1)).all() and (areas > 0.05 * size.prod(axis=1)).all()
        for person, box in zip(keypoints, boxes, strict=True):
            seen = person[person[:, 2] == 2][:, :2]
            assert (seen >= box[:2] - 2).all() and (seen <= box[2:] + 2).all()


def test_area_and_box_are_those_of_the_drawn_person():
    _, layer, canvas = drawn(UPRIGHT)
    mask = np.abs(canvas - 128).max(axis=2) > 0.5
    covered = (layer.owner == 1).reshape(256, FINE, 256, FINE).mean(axis=(1, 3))
    assert mask.sum() == pytest.approx(covered.sum(), rel=0.12)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    own = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    assert (
        np.abs(
            [
                rows[0] - own[0][0],
                rows[-1] - own[0][-1],
                columns[0] - own[1][0],
                columns[-1] - own[1][-1],
            ]
        ).max()
        <= 1
    )


def test_most_images_have_one_person_some_more(scenes):
    counts = np.bincount([len(keypoints) for _, keypoints, _, _ in scenes], minlength=4)
    assert 0.6 <= counts[1] / len(scenes) <= 0.92
    assert counts[2] + counts[3] > 0


def test_dataset_on_disk_is_coco_and_loads(tmp_path):
    folder = make_dataset(tmp_path / "train", 4, seed=9, size=128, progress=False)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(tmp_path / "train.json"))
    assert len(coco.getImgIds()) == 4 and coco.loadCats(1)[0]["keypoints"] == list(COCO17.names)
    image, keypoints, boxes, areas = render_people((9, 2), 128)
    records = coco.loadAnns(coco.getAnnIds(imgIds=[3]))
    assert len(records) == len(keypoints)
    for record, person, box, area in zip(records, keypoints, boxes, areas, strict=True):
        triplets = np.reshape(record["keypoints"], (17, 3))
        labeled = person[:, 2] > 0
        assert (
            np.array_equal(triplets[:, 2], person[:, 2])
            and record["num_keypoints"] == labeled.sum()
        )
        assert np.abs(triplets[labeled, :2] - person[labeled, :2]).max() < 0.01
        assert np.allclose(
            record["bbox"], [box[0], box[1], box[2] - box[0], box[3] - box[1]]
        ) and record["area"] == pytest.approx(area)
    stored = np.asarray(Image.open(folder / "000003.jpg")).astype(int)
    assert np.abs(stored - image).mean() < 8
    dataset = load_dataset(folder)
    assert len(dataset) == 4 and dataset.layout is COCO17
    assert np.allclose(dataset[2].keypoints[..., 2], keypoints[..., 2])


@pytest.fixture(scope="module")
def forty(tmp_path_factory):
    """The files of forty images, rendered in this process."""
    folder = make_dataset(tmp_path_factory.mktemp("one") / "train", 40, 4, 64, 1, progress=False)
    return files(folder)


def files(folder):
    """The bytes of a dataset by the names of its files."""
    found = [*folder.iterdir(), folder.with_suffix(".json")]
    assert len(found) == 41
    return {path.name: path.read_bytes() for path in found}


def test_images_do_not_depend_on_the_number_of_processes(tmp_path, forty):
    assert files(make_dataset(tmp_path / "train", 40, 4, 64, 2, progress=False)) == forty


@pytest.mark.parametrize("workers", [1, 3])
def test_images_of_a_cluster_are_the_same_bytes(tmp_path, forty, workers):
    with LocalCluster(None, workers, 1, False, dashboard_address="127.0.0.1:0") as cluster:
        with Client(cluster) as client:
            folder = make_dataset(tmp_path / "train", 40, 4, 64, progress=False, client=client)
    assert files(folder) == forty


def test_interrupted_drawing_leaves_nothing(tmp_path, monkeypatch):
    calls = iter(range(100))

    def stop_at_third(*arguments):
        if next(calls) == 2:
            raise KeyboardInterrupt
        return render_people(*arguments)

    monkeypatch.setattr("poseutils.synthetic.export.render_people", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        make_dataset(tmp_path / "train", 5, seed=1, size=64, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_wrong_arguments_and_unwritable_folders_are_refused(tmp_path):
    with pytest.raises(PoseError, match="count=0"):
        make_dataset(tmp_path / "x", 0, seed=1)
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(PoseError, match="cannot write"):
        make_dataset(tmp_path / "file" / "x", 2, seed=1, progress=False)


def test_made_on_demand_once(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEUTILS_CACHE", str(tmp_path))
    first = synthetic_dataset(2, seed=3, size=64)
    times = [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*.jpg"))]
    again = synthetic_dataset(2, seed=3, size=64)
    assert len(first) == len(again) == 2
    assert times == [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*.jpg"))]


def test_an_unwritable_cache_falls_back_to_the_users_own(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("POSEUTILS_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "own")
    assert len(synthetic_dataset(2, seed=3, size=64)) == 2
    assert list((tmp_path / "own").rglob("*.jpg"))


def test_committed_people(repository):
    folder = repository / "data" / "synthetic-people"
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 3_000_000
    for split, count in (("train", 96), ("val", 48)):
        dataset = load_dataset(folder, split=split)
        assert len(dataset) == count
        assert all(sample.size == (256, 256) for sample in dataset)
        document = json.loads((folder / f"{split}.json").read_text())
        assert {image["file_name"] for image in document["images"]} == {
            path.name for path in (folder / split).iterdir()
        }


def test_a_folder_with_other_files_is_not_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/holiday.jpg").write_bytes(b"x")
    with pytest.raises(PoseError, match="holiday.jpg"):
        make_dataset(tmp_path / "mine", 1, 3)
    assert (tmp_path / "mine/holiday.jpg").is_file()
