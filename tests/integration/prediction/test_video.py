"""Videos with real networks: a person is followed, people keep their ids, and what trembled is
smooth."""

import json

import numpy as np
import pytest

import poseutils as pu
from poseutils.__main__ import main
from poseutils.poses import oks
from poseutils.prediction import open_video
from poseutils.synthetic import render_walk
from tests.helpers.jitter import jitter
from tests.helpers.stand_ins import INT8
from tests.helpers.videos import write_video

FRAMES = 40


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """A person who walks, with the noise of a camera, as a video file; keypoints (F, 17, 3) and
    areas (F,)."""
    rng, images, truth, areas = np.random.default_rng(0), [], [], []
    for image, keypoints, _, area in render_walk(FRAMES, seed=3, size=320):
        noisy = image + rng.normal(0, 4, image.shape)
        images.append(noisy.clip(0, 255).astype(np.uint8))
        truth.append(keypoints[0])
        areas.append(area[0])
    path = write_video(tmp_path_factory.mktemp("videos") / "a walk.mp4", images)
    return path, np.array(truth), np.array(areas)


def measured(result, truth, areas):
    """Mean OKS, and jitter in pixels, of the track in each frame that is most like the truth."""
    sigmas, best = pu.COCO17.sigma_array, {}
    for record in json.loads(result.predictions.read_text()):
        frame = record["image_id"] - 1
        points = np.reshape(record["keypoints"], (17, 3))[:, :2]
        score = oks(points, truth[frame, :, :2], truth[frame, :, 2], areas[frame], sigmas)
        best[frame] = max(best.get(frame, (0, None)), (float(score), points), key=lambda p: p[0])
    errors = np.full((len(truth), 17, 2), np.nan)
    for frame, (_, points) in best.items():
        errors[frame] = np.where(truth[frame, :, 2:] > 0, points - truth[frame, :, :2], np.nan)
    return np.mean([score for score, _ in best.values()]), jitter(errors), len(best)


@pytest.mark.parametrize("name", ["bundled", "movenet_lightning_192", "yolov8n_pose_256"])
def test_smoothing_halves_the_jitter_of_a_person_who_walks_at_equal_oks(
    zoo_model, walk, tmp_path, name
):
    path, *truth = walk
    model = pu.load_model(INT8) if name == "bundled" else zoo_model(name)
    before, after = (
        measured(
            pu.predict_video(model, path, tmp_path / str(on), smoothing=on, progress=False),
            *truth,
        )
        for on in (False, True)
    )
    assert before[2] == after[2] >= 0.85 * FRAMES
    assert after[1] < 0.55 * before[1]
    assert after[0] > before[0] - 0.002 and before[0] > 0.5


def test_people_of_a_street_keep_their_ids(zoo_model, asset, tmp_path):
    """The camera moves over a photograph of three people; who is not detected in a frame or two is
    the same person afterwards."""
    street = pu.read_image(asset("images/bus.jpg"))
    frames = [street[2 * abs(i - 12) :][:1050, i:][:, :765] for i in range(25)]
    result = pu.predict_video(
        zoo_model("yolov8n_pose_256"), frames, tmp_path, confidence=0.4, progress=False
    )
    records = json.loads(result.predictions.read_text())
    lengths = np.bincount([record["track_id"] for record in records])[1:]
    first, second, third, *_ = sorted(lengths.tolist(), reverse=True)
    assert (first, second) == (25, 25) and third >= 18 and result.tracks <= 5
    for track in np.argsort(lengths)[-3:] + 1:  # a box moves as the camera does
        lefts = {
            r["image_id"]: r["bbox"][0] + r["image_id"] for r in records if r["track_id"] == track
        }
        assert np.abs(np.diff([lefts[frame] for frame in sorted(lefts)])).max() < 30


@pytest.mark.slow
def test_a_run_predicts_a_video_and_links_it(repository, walk, tmp_path, capsys):
    given = (f"model.model_path={INT8}", f"prediction.test_files_path={walk[0]}")
    command = [str(repository / "user_config.yaml"), "operation_mode=prediction", *given]
    assert main(["check", *command]) == 0
    assert f"a video, {FRAMES} frames, 320 × 320, 25 a second" in capsys.readouterr().out
    assert main(["run", *command, "--runs-dir", str(tmp_path)]) == 0
    (run,) = tmp_path.iterdir()
    page = (run / "index.html").read_text()
    for name in ("annotated.mp4", "preview.webp", "predictions.json"):
        assert f'href="01-predict/{name}"' in page and (run / "01-predict" / name).is_file()
    metrics = json.loads((run / "01-predict/metrics.json").read_text())
    assert metrics["frames"] == FRAMES and metrics["people"] > FRAMES / 2
    assert len(list(open_video(run / "01-predict/annotated.mp4").frames())) == FRAMES
