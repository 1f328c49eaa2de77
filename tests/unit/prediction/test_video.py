"""A video becomes an annotated video and COCO results, in memory that does not grow."""

import json
import tracemalloc
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

import poseutils as pu
from poseutils.errors import PoseError
from poseutils.models import Prediction
from poseutils.poses import Poses
from poseutils.prediction import open_video, swaps, video, writer
from poseutils.prediction.smoothing import AHEAD
from tests.helpers.networks.tiny_tflite import heatmap_model
from tests.helpers.videos import gray_frames, number_in, write_gif, write_video


@pytest.fixture
def model(tmp_path):
    """Heatmaps of a network that needs no file from outside."""
    (tmp_path / "small.tflite").write_bytes(heatmap_model(keypoints=13))
    return pu.load_model(tmp_path / "small.tflite", model_type="heatmaps_spe")


def predict(model, source, out, **options):
    return pu.predict_video(model, source, out, confidence=0, progress=False, **options)


def test_it_writes_a_video_a_preview_and_coco_results(model, tmp_path):
    source = write_video(tmp_path / "a walk.mp4", gray_frames(30))
    result = predict(model, source, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "annotated.mp4",
        "predictions.json",
        "preview.webp",
    ]
    assert result.metrics == {"frames": 30, "people": 30, "tracks": 1, "empty": 0}
    assert result.seconds == pytest.approx(1.2) and not result.problems
    drawn = open_video(result.annotated)
    assert drawn.size == (48, 64) and drawn.rate == pytest.approx(25)
    assert len(list(drawn.frames())) == 30
    records = json.loads(result.predictions.read_text())
    assert [r["image_id"] for r in records] == list(range(1, 31))
    assert {r["file_name"] for r in records} == {"a walk.mp4"}
    assert {r["track_id"] for r in records} == {1} and len(records[0]["keypoints"]) == 39
    np.testing.assert_allclose([r["seconds"] for r in records], np.arange(30) / 25, atol=1e-3)
    with Image.open(result.preview) as preview:
        assert preview.is_animated and preview.size == (64, 48)
    assert result.report() == ["30 frames, 1.2 seconds, 30 poses found, in 1 track"]


def test_frames_that_last_longer_are_repeated(model, tmp_path):
    source = write_gif(tmp_path / "a.gif", gray_frames(3), [40, 200, 40])
    result = predict(model, source, tmp_path / "out", threshold=2)
    shown = [f.image[-1, -1] for f in open_video(result.annotated).frames()]
    assert [number_in(pixel) for pixel in shown] == [0, 1, 1, 1, 1, 1, 2]
    assert result.frames == 3


def test_examples_are_spread_over_the_video(model, tmp_path):
    for count, titles in ((3, [1, 2, 3]), (30, [1, 5, 9, 13, 17, 21, 25, 29])):
        examples = predict(model, gray_frames(count), tmp_path / str(count)).examples()
        assert [int(e.title.split()[1].strip(",")) for e in examples] == titles
        assert [number_in(e.image) for e in examples] == [t - 1 for t in titles]
    assert len(predict(model, gray_frames(30), tmp_path / "x").examples(4)) == 4


def test_smoothing_can_be_left_out(model, tmp_path, monkeypatch):
    points = np.random.default_rng(0).normal((30, 20), (1, 1), (20, 1, 13, 2)).astype(np.float32)
    points[:, :, 0] = 5

    def trembling(model, frames, **thresholds):
        for image, its in zip(frames, points):
            poses = Poses(its, np.ones((1, 13), np.float32), model.layout)
            yield Prediction(image, image, poses)

    monkeypatch.setattr(video, "follow", trembling)
    found = []
    for smoothing in (True, False):
        result = predict(model, gray_frames(20), tmp_path / str(smoothing), smoothing=smoothing)
        records = json.loads(result.predictions.read_text())
        found.append(np.reshape([r["keypoints"] for r in records], (20, 13, 3))[:, :, :2])
    np.testing.assert_allclose(found[1], points[:, 0], atol=1e-3)
    assert found[0][:, 1:].std(axis=0).mean() < 0.7 * found[1][:, 1:].std(axis=0).mean()
    np.testing.assert_allclose(found[0][:, 0], 5, atol=0.01)


def test_a_long_video_is_cut_and_kept(model, tmp_path):
    result = predict(model, gray_frames(20), tmp_path / "out", max_frames=12)
    assert result.frames == 12 and result.problems == [
        "cut after 12 frames, the most that are read"
    ]
    assert len(list(open_video(result.annotated).frames())) == 12


def test_an_interrupt_keeps_what_was_done(model, tmp_path):
    def frames():
        yield from gray_frames(30)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(model, frames(), tmp_path / "out")
    done = len(list(open_video(tmp_path / "out/annotated.mp4").frames()))
    assert done >= 30 - AHEAD - swaps.AHEAD - 2
    records = json.loads((tmp_path / "out/predictions.json").read_text())
    assert [r["image_id"] for r in records] == list(range(1, done + 1))


def test_memory_does_not_grow_with_the_video(model, tmp_path):
    def peak(count):
        frames = (np.full((240, 320, 3), i % 255, np.uint8) for i in range(count))
        tracemalloc.start()
        predict(model, frames, tmp_path / str(count))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(120) < peak(30) + 1e6  # a frame has 0.2 MB


def test_nothing_is_written_of_a_video_without_a_frame(model, tmp_path):
    write_video(tmp_path / "none.mp4", [])
    with pytest.raises(PoseError, match="none.mp4"):
        predict(model, tmp_path / "none.mp4", tmp_path / "out")
    with pytest.raises(PoseError, match="no frame given"):
        predict(model, [], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_network_that_fails_leaves_no_half_a_video(model, tmp_path):
    def invoke(batch):
        raise PoseError("it broke")

    broken = replace(model, network=replace(model.network, invoke=invoke))
    with pytest.raises(PoseError, match="it broke"):
        predict(broken, gray_frames(5), tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


# ---------------------------------------------------------------- the file


def test_odd_sizes_lose_no_row(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (5, 8, 8, 3), dtype=np.uint8)
    frames = [cv2.resize(frame, (63, 47), interpolation=cv2.INTER_CUBIC) for frame in frames]
    with writer.video_file(tmp_path / "a", (47, 63), 25) as file:
        for i, frame in enumerate(frames):
            file.write(frame, i / 25)
    shown = [f.image for f in open_video(file.path).frames()]
    assert [image.shape for image in shown] == [(48, 64, 3)] * 5
    assert np.abs(shown[0][:47, :63].astype(int) - frames[0]).mean() < 12


def test_frames_too_large_for_the_codec_take_the_other(tmp_path):
    with writer.video_file(tmp_path / "a", (16, 16400), 25) as file:
        file.write(np.zeros((16, 16400, 3), np.uint8), 0)
    assert file.path == tmp_path / "a.avi" and file.path.is_file()


def test_without_a_codec_the_error_names_those_that_were_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "CODECS", (("zzzz", ".mp4"),))
    with (
        pytest.raises(PoseError, match="no video codec.*64 × 48.*tried: zzzz"),
        writer.video_file(tmp_path / "a", (48, 64), 25),
    ):
        pass


def test_a_full_disk_is_noticed(tmp_path):
    """OpenCV drops frames that cannot be written, and says nothing."""
    with (
        pytest.raises(PoseError, match="cannot write .*a.mp4"),
        writer.video_file(tmp_path / "a", (48, 64), 25) as file,
    ):
        file.write(gray_frames(1)[0], 0)
        file._writer = SimpleNamespace(write=lambda image: None)
        for i, frame in enumerate(gray_frames(20)):
            file.write(frame, i / 25)
    assert not list(tmp_path.iterdir())
