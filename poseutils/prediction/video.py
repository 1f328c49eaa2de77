"""Prediction in a video -> an annotated video and COCO keypoint results."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import PoseError
from ..files import json_list
from ..models import Model, follow
from ..models.video import region_to_follow
from ..plots import draw_poses
from ..poses import Poses
from .frames import MOST_FRAMES, Frame, Video, open_video
from .images import Example
from .smoothing import smooth
from .swaps import swapped_back
from .tracks import Tracker
from .writer import Preview, video_file

EXAMPLES = 8
"""Frames that are kept to be shown."""


@dataclass(frozen=True)
class VideoResult:
    """The result of predicting a video.

    Attributes:
        annotated: the path of the annotated video.
        preview: that of its first seconds, an animated image.
        predictions: the path of the COCO results.
        frames, seconds: how many were predicted, and how long they last.
        people: poses in all frames together.
        tracks: people, as far as they were followed.
        empty: frames without a person.
        problems: why frames are missing.
        kept: some frames for :meth:`examples`.
    """

    annotated: Path
    preview: Path
    predictions: Path
    frames: int
    seconds: float
    people: int
    tracks: int
    empty: int
    problems: list[str]
    kept: list[Example]

    def report(self) -> list[str]:
        """What was found, and why frames are missing, in lines."""
        found = f"{self.people} poses found, in {self.tracks} track{'s'[: self.tracks != 1]}"
        return [
            *self.problems,
            *([f"nothing found in {self.empty} frames"] if self.empty else []),
            f"{self.frames} frames, {self.seconds:.1f} seconds, {found}",
        ]

    def examples(self, count: int = EXAMPLES) -> list[Example]:
        """Up to so many frames with their poses, spread over the video."""
        places = np.linspace(0, len(self.kept) - 1, min(count, len(self.kept))).astype(int)
        return [self.kept[place] for place in places]

    @property
    def metrics(self) -> dict[str, float]:
        """Numbers of ``frames`` read, ``people`` detected in them, ``tracks`` of one person each,
        and ``empty`` frames."""
        counts = ("frames", "people", "tracks", "empty")
        return {name: float(getattr(self, name)) for name in counts}


def predict_video(
    model: Model,
    source: str | os.PathLike[str] | Iterable[np.ndarray],
    out_dir: str | Path,
    *,
    rate: float | None = None,
    smoothing: bool = True,
    threshold: float = 0.15,
    max_frames: int = MOST_FRAMES,
    progress: bool = True,
    **thresholds: Any,
) -> VideoResult:
    """Predicts a video frame by frame and writes ``annotated.mp4`` (``.avi`` where that
    codec is missing or takes no frames of this size), ``preview.webp``, its first seconds in small
    for browsers, and ``predictions.json``. Memory does not grow with the length of the video.

    A network of one person follows them: the input is a crop around their last pose, see
    :func:`poseutils.follow`. People get track ids (:class:`~poseutils.prediction.Tracker`).

    ``predictions.json`` has COCO keypoint results (cocodataset.org, "Results Format"). The image id
    is the number of the frame, from 1; each record also has the ``file_name`` of the video,
    ``seconds`` since the first frame, and the ``track_id``, from 1.

    A video that is damaged or too long is cut, and an interrupt (Ctrl-C) ends it: what was done is
    kept. The annotated video has a constant frame rate; frames that lasted longer are repeated.

    Args:
        model: to predict with.
        source: a video file, an animated GIF, a folder of frames, or frames; see
            :func:`poseutils.prediction.open_video`.
        out_dir: folder to write to.
        rate: frames a second of a folder, or of frames.
        smoothing: undo short swaps of left and right, and smooth keypoints and boxes over time,
            see :func:`poseutils.prediction.swapped_back` and :func:`poseutils.prediction.smooth`.
        threshold: keypoints with lower scores are drawn hollow, without limbs.
        max_frames: a longer video is cut there.
        progress: shows a progress bar with the time left.
        thresholds: see :meth:`poseutils.models.Model.predict`.

    Raises:
        PoseError: if the video cannot be read or has no frame, or ``out_dir`` cannot be written to.
    """
    video, out_dir = open_video(source, rate), Path(out_dir)
    tracker, preview, counts, kept = Tracker(), Preview(), _Counts(), _Kept(model.gives_one_pose)
    interrupted = False
    predicted = _progress(
        _predict(model, video, max_frames, thresholds), video, max_frames, progress
    )
    found = _tracked(predicted, tracker)
    with (
        json_list(out_dir / "predictions.json") as append,
        video_file(out_dir / "annotated", video.size, video.rate) as file,
    ):
        try:
            for frame, poses in smooth(swapped_back(found)) if smoothing else found:
                drawn = draw_poses(frame.image, poses, threshold)
                file.write(drawn, frame.seconds)
                preview.add(drawn, frame.seconds)
                for record in _records(video, frame, poses):
                    append(record)
                counts.add(frame, poses)
                kept.add(frame, poses)
        except KeyboardInterrupt:
            if not counts.frames:
                raise
            interrupted = True  # what was done is kept
        if not counts.frames:
            raise PoseError(f"{video.path}: {'; '.join(video.problems) or 'no frame'}")
    preview_path = preview.save(out_dir / "preview.webp")
    if interrupted:
        raise KeyboardInterrupt
    return VideoResult(
        file.path,
        preview_path,
        out_dir / "predictions.json",
        counts.frames,
        counts.seconds + 1 / video.rate,
        counts.people,
        tracker.count,
        counts.empty,
        video.problems,
        kept.examples,
    )


@dataclass
class _Counts:
    """See :class:`VideoResult`; ``seconds`` is the beginning of the last frame."""

    frames: int = 0
    people: int = 0
    empty: int = 0
    seconds: float = 0.0

    def add(self, frame: Frame, poses: Poses) -> None:
        self.frames += 1
        self.people += len(poses)
        self.empty += not len(poses)
        self.seconds = frame.seconds


@dataclass
class _Kept:
    """Some frames of a video whose length is not known, at even distances, with twice the distance
    whenever they become too many."""

    follows: bool
    distance: int = 1
    examples: list[Example] = field(default_factory=list)

    def add(self, frame: Frame, poses: Poses) -> None:
        if (frame.number - 1) % self.distance:
            return
        if len(self.examples) == EXAMPLES:
            del self.examples[1::2]
            self.distance *= 2
            if (frame.number - 1) % self.distance:
                return
        region = region_to_follow(poses[:1], frame.image.shape[:2]) if self.follows else None
        title = f"frame {frame.number}, {frame.seconds:.1f} s"
        self.examples.append(Example(title, frame.image, poses, region))


def _records(video: Video, frame: Frame, poses: Poses) -> list[dict[str, Any]]:
    place = {"file_name": video.path.name, "seconds": round(frame.seconds, 3)}
    return [place | record for record in poses.to_coco(frame.number)]


def _predict(
    model: Model, video: Video, most: int, thresholds: dict[str, Any]
) -> Iterator[tuple[Frame, Poses]]:
    """The poses of each frame. Some frames are read ahead."""
    pending: deque[Frame] = deque()

    def images() -> Iterator[np.ndarray]:
        for frame in video.frames(most):
            pending.append(frame)
            yield frame.image

    predict = partial(follow, model) if model.gives_one_pose else model.predict_each
    for prediction in predict(images(), **thresholds):
        yield pending.popleft(), prediction.require()


def _tracked(
    predicted: Iterable[tuple[Frame, Poses]], tracker: Tracker
) -> Iterator[tuple[Frame, Poses]]:
    for frame, poses in predicted:
        yield frame, tracker.update(poses, frame.seconds)


def _progress(
    predicted: Iterator[tuple[Frame, Poses]], video: Video, most: int, shown: bool
) -> Iterable[tuple[Frame, Poses]]:
    """With a progress bar that shows frames a second and the time left."""
    from tqdm.auto import tqdm

    total = None if video.count is None else min(video.count, most)
    return tqdm(predicted, total=total, desc="predict", unit="frame", disable=not shown)
