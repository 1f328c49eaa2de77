"""Boxes, detectors and videos: the network looks at a part of the picture, and the poses come back
in the picture's pixels."""

import numpy as np
import pytest

import poseutils as pu
from poseutils.crops import cut, region_of_box
from poseutils.errors import PoseError
from poseutils.poses import AREA_OF_BOX, oks


@pytest.fixture(scope="module")
def single(asset):
    return pu.load_dataset(asset("coco-mini")).single()


def similarity(poses, sample, shift=(0, 0)):
    size = sample.boxes[0, 2:] - sample.boxes[0, :2]
    truth = sample.keypoints[0, :, :2] + np.array(shift)
    return oks(
        poses.keypoints[0],
        truth,
        sample.keypoints[0, :, 2],
        AREA_OF_BOX * np.prod(size),
        poses.layout.sigma_array,
    )


def test_boxes_give_a_pose_each_in_their_order(zoo_model, asset):
    image = pu.read_image(asset("images/bus.jpg"))
    people = np.array([(668, 380, 810, 880), (50, 400, 245, 902), (222, 405, 345, 862)], np.float32)
    poses = zoo_model("movenet_lightning_192").predict(image, boxes=people)
    assert len(poses) == 3 and np.array_equal(poses.boxes, people)
    for box, points in zip(people, poses.keypoints, strict=True):
        inside = (points > box[:2] - 15).all(axis=1) & (points < box[2:] + 15).all(axis=1)
        assert inside.mean() > 0.85
        assert points[5:7, 1].mean() < points[11:13, 1].mean() < points[15:17, 1].mean()
    assert len(zoo_model("movenet_lightning_192").predict(image, boxes=np.zeros((0, 4)))) == 0


def test_a_list_of_images_takes_a_list_of_boxes(zoo_model, single):
    model = zoo_model("st_movenet_lightning_heatmaps_192_13kpts")
    paths, boxes = [s.path for s in single[:3]], [s.boxes for s in single[:3]]
    for poses, path, its in zip(model.predict(paths, boxes=boxes), paths, boxes, strict=True):
        np.testing.assert_array_equal(poses.keypoints, model.predict(path, boxes=its).keypoints)


def test_a_detector_finds_the_boxes(zoo_model, asset):
    finder = zoo_model("yolov8n_pose_256")
    found = finder.predict(asset("images/bus.jpg"))
    poses = zoo_model("movenet_lightning_192").predict(asset("images/bus.jpg"), person_boxes=finder)
    assert len(poses) == 3
    np.testing.assert_allclose(poses.boxes, found.boxes, atol=1e-3)
    for one, other, box in zip(poses.keypoints, found.keypoints, found.boxes, strict=True):
        apart = np.linalg.norm(one - other, axis=1) / (box[2:] - box[:2]).max()
        assert np.median(apart) < 0.1  # two networks see the same person
    named = pu.load_model(
        "movenet_lightning_192", detector="yolov8n_pose_256", num_threads=2
    ).predict(asset("images/bus.jpg"))
    np.testing.assert_allclose(named.keypoints, poses.keypoints, atol=1)


def test_several_hands_of_a_picture_left_and_right(zoo_model, asset):
    """Two photographs of right hands side by side, one of them mirrored, which makes it a left
    hand; cut close, because the 8-bit detector misses hands that are small on the picture."""
    samples = {s.path.name: s for s in pu.load_dataset(asset("hands"))}
    tiles, truth = [], []
    for name in ("freihand_00000355.jpg", "freihand_00115300.jpg"):
        tile, transform = cut(
            pu.read_image(samples[name].path),
            region_of_box(samples[name].boxes[0], 1.6),
            (256, 256),
        )
        tiles.append(tile)
        truth.append(transform.to_input(samples[name].keypoints[0, :, :2]))
    image = np.concatenate([tiles[0], tiles[1][:, ::-1]], axis=1)
    truth[1] = truth[1] * (-1, 1) + (512, 0)

    poses = (
        zoo_model("hand_landmarks_224")
        .with_detector(zoo_model("palm_detection_192"))
        .predict(image)
    )
    assert len(poses) == 2 and poses.world.shape == (2, 21, 3)
    order = np.argsort(poses.keypoints[:, 0, 0])
    for points, expected in zip(poses.keypoints[order], truth, strict=True):
        assert (
            np.linalg.norm(points - expected, axis=1).mean() / np.ptp(expected, axis=0).max() < 0.15
        )
    first, second = poses.handedness[order]
    assert first > 0.5 > second
    # Wrist to the tip of the middle finger, meters
    reach = np.linalg.norm(poses.world[:, 12] - poses.world[:, 0], axis=1)
    assert ((reach > 0.03) & (reach < 0.25)).all()


def test_what_takes_no_boxes_says_so(zoo_model, asset):
    image = asset("images/bus.jpg")
    for wrong in (np.zeros(4), np.zeros((2, 3)), np.full((1, 4), np.nan)):
        with pytest.raises(PoseError, match=r"expected \(N, 4\) finite numbers"):
            zoo_model("movenet_lightning_192").predict(image, boxes=wrong)
    with pytest.raises(PoseError, match="takes no boxes"):
        zoo_model("yolov8n_pose_256").predict(image, boxes=np.zeros((1, 4)))
    with pytest.raises(PoseError, match="gives no boxes"):
        zoo_model("movenet_lightning_192").predict(
            image, person_boxes=zoo_model("movenet_lightning_192")
        )
    with pytest.raises(PoseError, match="is for hands of 21 keypoints"):
        zoo_model("movenet_lightning_192").predict(
            image, boxes=np.array([[0, 0, 50, 50]]), upright=True
        )


def test_a_broken_network_is_named_with_its_picture(zoo_model, single):
    from dataclasses import replace

    model = zoo_model("movenet_lightning_192")
    network = replace(
        model.network, invoke=lambda batch: [np.full((1, 1, 17, 3), np.nan, np.float32)]
    )
    with pytest.raises(
        PoseError, match=rf"movenet_lightning_192 on .*{single[0].path.name}: the network gives NaN"
    ):
        pu.evaluate(replace(model, network=network), single, progress=False)


# ---------------------------------------------------------------- videos


def video(sample, frames=6):
    """A walk through a dark hall: the photograph moves over a canvas twice its width. Frames, and
    where its corner is in each."""
    image = pu.read_image(sample.path)
    height, width = image.shape[:2]
    canvases, corners = [], np.linspace(0, width, frames).round().astype(int)
    for x in corners:
        canvas = np.zeros((height, 2 * width, 3), np.uint8)
        canvas[:, x : x + width] = image
        canvases.append(canvas)
    return canvases, corners


def test_the_region_follows_the_person(zoo_model, single):
    model = zoo_model("movenet_lightning_192")
    whole, followed = [], []
    for sample in single:
        frames, corners = video(sample)
        seen = list(pu.follow(model, frames, confidence=0))
        assert [p.image.shape for p in seen] == [f.shape for f in frames]
        followed += [
            similarity(p.poses, sample, (x, 0)) for p, x in zip(seen[1:], corners[1:], strict=True)
        ]
        whole += [
            similarity(model.predict(f, confidence=0), sample, (x, 0))
            for f, x in zip(frames[1:], corners[1:], strict=True)
        ]
    assert np.mean(followed) > np.mean(whole) + 0.05


def test_a_frame_that_cannot_be_read_stops_the_video(zoo_model, tmp_path):
    with pytest.raises(PoseError, match="no such image"):
        list(pu.follow(zoo_model("movenet_lightning_192"), [tmp_path / "none.jpg"]))
