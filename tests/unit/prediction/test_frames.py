"""The frames of a video, whatever holds them, and what is refused or cut."""

import os
from itertools import count

import numpy as np
import pytest

from poseutils.errors import PoseError
from poseutils.prediction import frames as reading
from poseutils.prediction import is_video, open_video
from poseutils.prediction.frames import Video
from tests.helpers.videos import gray_frames, number_in, write_folder, write_gif, write_video

MADE = {
    "a walk.mp4": write_video,
    "a walk.avi": write_video,
    "100%d.mp4": write_video,
    "a walk.gif": write_gif,
    "a walk": write_folder,
}


@pytest.mark.parametrize("name", MADE)
def test_every_kind_gives_its_frames_in_order(tmp_path, name):
    source = MADE[name](tmp_path / name, gray_frames(12))
    video = open_video(source)
    frames = list(video.frames())
    assert video.size == (48, 64) and video.count == 12 and not video.problems
    assert video.rate == pytest.approx(25)
    assert [number_in(f.image) for f in frames] == list(range(12))
    assert [f.number for f in frames] == list(range(1, 13))
    np.testing.assert_allclose([f.seconds for f in frames], np.arange(12) / 25, atol=1e-3)
    assert all(f.image.dtype == np.uint8 for f in frames)


def test_colors_are_red_green_blue(tmp_path):
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 200
    for source in (
        write_video(tmp_path / "a.mp4", [red] * 2),
        write_gif(tmp_path / "a.gif", [red, red // 2]),
    ):
        first = next(open_video(source).frames()).image
        np.testing.assert_allclose(first[24, 32], (200, 0, 0), atol=12)


def test_what_is_a_video(tmp_path):
    assert is_video(write_gif(tmp_path / "two.gif", gray_frames(2)))
    assert not is_video(write_gif(tmp_path / "one.gif", gray_frames(1)))
    assert is_video("x.MP4") and not is_video("x.jpg") and not is_video(tmp_path / "none.gif")
    assert is_video(tmp_path, rate=5) and not is_video(tmp_path)


def test_frames_of_a_gif_last_as_long_as_it_says(tmp_path):
    video = open_video(write_gif(tmp_path / "a.gif", gray_frames(4), [40, 200, 40, 40]))
    np.testing.assert_allclose([f.seconds for f in video.frames()], (0, 0.04, 0.24, 0.28))
    assert video.rate == pytest.approx(25)


@pytest.mark.parametrize(
    "stamps",
    [(0, 0, 0, 0), (0, 0.04, 0.02, 0.06), (0, 0.04, 9e5, 9e5 + 0.04), (5, 4, 3, 2)],
    ids=["none", "backward", "a jump", "all backward"],
)
def test_damaged_time_stamps_become_the_frame_rate(tmp_path, stamps):
    images = gray_frames(4)
    video = Video(tmp_path, (48, 64), 25, 4, lambda: zip(stamps, images))
    np.testing.assert_allclose([f.seconds for f in video.frames()], np.arange(4) / 25)


def test_a_header_of_no_camera_gives_the_usual_rate(tmp_path, monkeypatch):
    write_video(tmp_path / "a.mp4", gray_frames(3))
    monkeypatch.setattr(reading, "_RATES", (30, 240))
    assert open_video(tmp_path / "a.mp4").rate == reading.FRAME_RATE


# ---------------------------------------------------------------- refused


def test_what_is_no_video_is_refused_by_name(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "zeros.avi").write_bytes(bytes(5000))
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.gif").write_text("no GIF")
    write_video(tmp_path / "no frame.mp4", [])
    (tmp_path / "folder").mkdir()
    refused = {
        "text.mp4": "not a video that can be read",
        "zeros.avi": "not a video that can be read",
        "no frame.mp4": "empty|no frame",
        "empty.mp4": "empty .0 bytes.: expected a video",
        "none.mp4": "no such video",
        "text.gif": "not an image",
        "folder": "no image in",
    }
    for name, message in refused.items():
        with pytest.raises(PoseError, match=message) as caught:
            open_video(tmp_path / name)
        assert name in str(caught.value)


def test_what_has_no_end_is_refused(tmp_path):
    with pytest.raises(PoseError, match="is a stream: record it into a file"):
        open_video("rtsp://camera/stream")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.mp4")
        with pytest.raises(PoseError, match="not a regular file; expected a video"):
            open_video(tmp_path / "pipe.mp4")


def test_frames_of_two_sizes_are_refused(tmp_path):
    write_folder(tmp_path / "in", [*gray_frames(2), *gray_frames(1, (40, 64))])
    message = "frame 1.png is 64 × 48 pixels and frame 3.png 64 × 40"
    with pytest.raises(PoseError, match=message):
        open_video(tmp_path / "in")


@pytest.mark.parametrize("rate", [0, -5, 1e9, float("nan")])
def test_a_rate_out_of_range_is_refused(tmp_path, rate):
    with pytest.raises(PoseError, match="expected 0.1 to 240"):
        open_video(tmp_path, rate)


# ---------------------------------------------------------------- cut


@pytest.mark.parametrize("make, name", [(write_video, "a.avi"), (write_gif, "a.gif")])
def test_a_truncated_file_is_read_up_to_there(tmp_path, make, name):
    noise = np.random.default_rng(0).integers(0, 255, (20, 48, 64, 3), dtype=np.uint8)
    path = make(tmp_path / name, list(noise))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    video = open_video(path)
    assert 5 <= len(list(video.frames())) <= 12
    assert len(video.problems) == 1 and "cut" in video.problems[0]


def test_a_damaged_frame_of_a_folder_ends_it(tmp_path):
    folder = write_folder(tmp_path / "in", gray_frames(5))
    whole = (folder / "frame 4.png").read_bytes()
    (folder / "frame 4.png").write_bytes(whole[: len(whole) // 2])
    video = open_video(folder)
    assert len(list(video.frames())) == 3
    assert "cut after frame 3" in video.problems[0] and "frame 4.png" in video.problems[0]


def test_frames_that_change_their_size_end_it(tmp_path):
    images = [*gray_frames(3), *gray_frames(2, (40, 40))]
    video = open_video(images)
    assert len(list(video.frames())) == 3
    assert "cut after frame 3: the next one is 40 × 40 pixels" in video.problems[0]


def test_an_endless_video_is_cut():
    endless = (gray_frames(1)[0] for _ in count())
    video = open_video(endless, 10)
    assert len(list(video.frames(most=50))) == 50
    assert video.problems == ["cut after 50 frames, the most that are read"]
    assert [f.seconds for f in open_video(gray_frames(3), 10).frames()] == [0, 0.1, 0.2]


def test_frames_may_be_paths(tmp_path):
    folder = write_folder(tmp_path / "frames", gray_frames(3))
    video = open_video(sorted(folder.iterdir()))
    assert video.size == (48, 64)
    assert [number_in(frame.image) for frame in video.frames()] == [0, 1, 2]
