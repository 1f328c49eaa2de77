"""The frames of a video, one at a time: of a video file, an animated GIF, or a folder of images."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageSequence

from ..errors import PoseError
from ..images import check_regular, find_images, image_size, read_image, refusals_named, to_rgb
from ..models.predictor import read_source
from ..streams import silent_stderr

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".m4v", ".mkv", ".webm", ".wmv", ".mpg", ".mpeg")
MOST_FRAMES = 100_000
"""An hour of video at 27 frames a second; what comes later is left out."""
FRAME_RATE = 25.0
"""Where nothing says how many frames a second has."""
_RATES = (0.1, 240.0)  # others are of no camera, but of a damaged header
_LONGEST_STEP = 10.0  # seconds between two frames; more is a damaged time stamp
_GIF_STEP = 0.1  # as browsers show frames of 10 ms or less

_Read = Callable[[], Iterator[tuple[float, np.ndarray]]]


@dataclass(frozen=True)
class Frame:
    """A frame of a video.

    Attributes:
        number: in the video, from 1.
        seconds: since the first frame.
        image: (H, W, 3) uint8 RGB.
    """

    number: int
    seconds: float
    image: np.ndarray


@dataclass
class Video:
    """A video that can be read.

    Attributes:
        path: the file or folder.
        size: height and width.
        rate: frames a second; of a file that says none, ``FRAME_RATE``.
        count: the number of frames that the file claims, or None.
        problems: after reading, why frames are missing.
    """

    path: Path
    size: tuple[int, int]
    rate: float
    count: int | None
    _read: _Read
    problems: list[str] = field(default_factory=list)

    def frames(self, most: int = MOST_FRAMES) -> Iterator[Frame]:
        """Reads up to so many frames. A file that ends too early or has a damaged frame is read up
        to there; ``problems`` says so."""
        self.problems, number, seconds, before = [], 0, 0.0, 0.0
        try:
            for stamp, image in self._read():
                if number == most:
                    self.problems.append(f"cut after {most:,} frames, the most that are read")
                    return
                if image.shape[:2] != self.size:
                    self.problems.append(
                        f"cut after frame {number:,}: the next one is {_by(image.shape)} pixels, "
                        f"the first {_by(self.size)}"
                    )
                    return
                step = stamp - before
                seconds += (step if 0 < step <= _LONGEST_STEP else 1 / self.rate) if number else 0
                number, before = number + 1, stamp
                yield Frame(number, seconds, image)
        except (PoseError, cv2.error) as error:
            self.problems.append(f"cut after frame {number:,}: {error}")
            return
        if self.count is not None and self.count - number > 1 + self.count // 100:
            self.problems.append(
                f"cut short or damaged: {number:,} of {self.count:,} frames can be read"
            )

    def summary(self) -> dict[str, str]:
        """One row for a table."""
        return {
            "video": self.path.name,
            "size": f"{self.size[1]} × {self.size[0]}",
            "frames per second": f"{self.rate:g}",
            "frames": "unknown" if self.count is None else f"{self.count:,}",
        }


def is_video(path: str | os.PathLike[str], rate: float | None = None) -> bool:
    """Whether a path names a video file, by its suffix, or an animated GIF; or a folder of which
    the ``rate`` of frames is given."""
    path = Path(path)
    if path.is_dir():
        return rate is not None
    if path.suffix.lower() != ".gif":
        return path.suffix.lower() in VIDEO_SUFFIXES
    try:
        with refusals_named(path), Image.open(path) as image:
            return getattr(image, "is_animated", False)
    except PoseError:
        return False


def open_video(
    source: str | os.PathLike[str] | Iterable[np.ndarray], rate: float | None = None
) -> Video:
    """Opens a video file (.mp4, .avi or another that OpenCV reads), an animated GIF, or a folder
    whose images are the frames, in the order of the numbers in their names.

    Args:
        source: its path; or frames, (H, W, 3) uint8 RGB, one after the other, to be read once.
        rate: frames a second of a folder or of frames; default: ``FRAME_RATE``. Files say it
            themselves.

    Raises:
        PoseError: if it cannot be read, has no frame, or is a stream or a device, which have no
            end; if images in a folder differ in size; for a rate out of range.
    """
    if rate is not None and not _RATES[0] <= rate <= _RATES[1]:
        raise PoseError(f"{rate:g} frames a second given; expected {_RATES[0]:g} to {_RATES[1]:g}")
    if not isinstance(source, (str, os.PathLike)):
        return _open_frames(iter(source), rate or FRAME_RATE)
    if re.match(r"\w+://", os.fspath(source)):
        raise PoseError(f"{source} is a stream: record it into a file first, which has an end")
    path = Path(source)
    if path.is_dir():
        return _open_folder(path, rate or FRAME_RATE)
    check_regular(path, "a video")
    return _open_gif(path) if path.suffix.lower() == ".gif" else _open_file(path)


def _by(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} × {shape[0]}"


# ---------------------------------------------------------------- frames, a folder


def _open_frames(images: Iterator[np.ndarray], rate: float) -> Video:
    first = next(images, None)
    if first is None:
        raise PoseError("no frame given; expected at least one image")
    first = read_source(first)
    stamped = ((i / rate, read_source(image)) for i, image in enumerate(chain([first], images)))
    return Video(Path("frames"), first.shape[:2], rate, None, lambda: stamped)


def _open_folder(folder: Path, rate: float) -> Video:
    paths = sorted(find_images(folder), key=_by_numbers)
    first = image_size(paths[0])
    for path in paths[1:]:
        size = first
        with suppress(PoseError):  # a damaged one ends the video when it is read
            size = image_size(path)
        if size != first:
            raise PoseError(
                f"{folder}: {paths[0].name} is {first[0]} × {first[1]} pixels and {path.name} "
                f"{size[0]} × {size[1]}; frames of a video have one size. Resize them, or predict "
                "them as single images"
            )
    read = partial(_read_folder, paths, rate)
    return Video(folder, first[::-1], rate, len(paths), read)


def _by_numbers(path: Path) -> list[tuple[int, str]]:
    """Sorts frame 2 before frame 10."""
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), "") if i % 2 else (0, part) for i, part in enumerate(parts)]


def _read_folder(paths: list[Path], rate: float) -> Iterator[tuple[float, np.ndarray]]:
    for index, path in enumerate(paths):
        yield index / rate, read_image(path)


# ---------------------------------------------------------------- a GIF


def _open_gif(path: Path) -> Video:
    steps: list[float] = []
    try:
        with refusals_named(path), Image.open(path) as image:
            size = image.size[::-1]
            for frame in ImageSequence.Iterator(image):
                steps.append(_step(frame))
    except PoseError:
        if not steps:
            raise  # else it is cut there when it is read
    # Frames that last longer are repeated
    return Video(path, size, 1 / min(steps), len(steps), partial(_read_gif, path))


def _step(frame: Image.Image) -> float:
    milliseconds = frame.info.get("duration", 0)
    return milliseconds / 1000 if milliseconds > 10 else _GIF_STEP


def _read_gif(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    seconds = 0.0
    with refusals_named(path), Image.open(path) as image:
        for frame in ImageSequence.Iterator(image):
            yield seconds, np.asarray(to_rgb(frame, path))
            seconds += _step(frame)


# ---------------------------------------------------------------- a file


def _open_file(path: Path) -> Video:
    with _capture(path) as capture:
        with silent_stderr():
            done, image = capture.read()
        if not done:
            raise PoseError(
                f"{path} is not a video that can be read, or has no frame. Convert it to .mp4 "
                "(H.264), for example with: ffmpeg -i IN OUT.mp4"
            )
        rate, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    if not _RATES[0] <= rate <= _RATES[1]:
        rate = FRAME_RATE
    claimed = int(count) if 0 < count < 1e9 else None
    return Video(path, image.shape[:2], rate, claimed, partial(_read_file, path))


def _read_file(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    with _capture(path) as capture:
        while True:
            done, image = capture.read()
            if not done:
                return
            stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            yield stamp, cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


@contextmanager
def _capture(path: Path) -> Iterator[cv2.VideoCapture]:
    """A file opened by OpenCV. The path is absolute, so that it is never taken for a device or a
    protocol."""
    with silent_stderr():
        capture = cv2.VideoCapture(os.path.abspath(path))
    try:
        yield capture
    finally:
        capture.release()
