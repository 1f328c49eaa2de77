"""Writes a video file, and the beginning of a video as an animated image, which browsers show."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from PIL import Image

from ..errors import PoseError
from ..files import atomic_path, cannot_write
from ..streams import silent_stderr

CODECS = (("mp4v", ".mp4"), ("MJPG", ".avi"))
"""By preference, with the suffix of their files. What browsers play, H.264 is not in OpenCV's
wheels, and VP8 takes ten times as long as a small network."""
PREVIEW_SECONDS, PREVIEW_RATE, PREVIEW_SIDE = 5, 12.0, 360


class VideoFile:
    """A video of constant frame rate that is being written.

    Attributes:
        path: where it will be.
        frames: written so far.
    """

    def __init__(self, path: Path, writer: cv2.VideoWriter, rate: float):
        self.path, self.frames = path, 0
        self._writer, self._rate = writer, rate
        self._last: np.ndarray | None = None

    def write(self, image: np.ndarray, seconds: float) -> None:
        """Shows an (H, W, 3) uint8 RGB image from a time on. The image before is repeated until
        then; of two images within one frame the first is shown."""
        place = round(seconds * self._rate)
        while self._last is not None and self.frames < place:
            self._append(self._last)
        self._last = _even(image)
        if self.frames <= place:
            self._append(self._last)

    def _append(self, image: np.ndarray) -> None:
        self._writer.write(image)
        self.frames += 1


@contextmanager
def video_file(path: Path, size: tuple[int, int], rate: float) -> Iterator[VideoFile]:
    """Yields a video to write, which replaces ``path`` when it is complete.

    Args:
        path: without a suffix, which the codec decides.
        size: height and width of its frames.
        rate: frames a second.

    Raises:
        PoseError: if no codec takes such frames, or the file cannot be written.
    """
    codec, suffix = _codec(size, rate)
    target = path.with_name(path.name + suffix)
    with atomic_path(target) as temporary:
        writer = _open(temporary, codec, size, rate)
        video = VideoFile(target, writer, rate)
        try:
            yield video
        finally:
            writer.release()
        # OpenCV does not say that a disk is full
        if _frames(temporary) < video.frames - 2:
            raise cannot_write(target, OSError(errno.ENOSPC, "its frames are not all there"))


def _codec(size: tuple[int, int], rate: float) -> tuple[str, str]:
    with TemporaryDirectory() as folder:
        for codec, suffix in CODECS:
            writer = _open(Path(folder) / f"video{suffix}", codec, size, rate)
            works = writer.isOpened()
            writer.release()
            if works:
                return codec, suffix
    raise PoseError(
        f"no video codec here writes frames of {size[1]} × {size[0]} pixels at {rate:g} a second "
        f"(tried: {', '.join(codec for codec, _ in CODECS)}). Resize the video, or install "
        "opencv-python-headless by pip, which has them"
    )


def _open(path: Path, codec: str, size: tuple[int, int], rate: float) -> cv2.VideoWriter:
    even = size[1] + size[1] % 2, size[0] + size[0] % 2
    with silent_stderr():
        return cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, even)


def _even(image: np.ndarray) -> np.ndarray:
    """BGR, with the last row and column repeated where their number is odd, as codecs halve the
    resolution of colors."""
    height, width = image.shape[:2]
    image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)


def _frames(path: Path) -> float:
    capture = cv2.VideoCapture(str(path))
    try:
        return capture.get(cv2.CAP_PROP_FRAME_COUNT)
    finally:
        capture.release()


@dataclass
class Preview:
    """The first seconds of a video in small, as an animated WebP."""

    images: list[Image.Image] = field(default_factory=list)

    def add(self, image: np.ndarray, seconds: float) -> None:
        """Takes an (H, W, 3) uint8 RGB image, if the preview has a frame of this time."""
        place = int(seconds * PREVIEW_RATE + 1e-6)
        if len(self.images) <= place < PREVIEW_SECONDS * PREVIEW_RATE:
            small = Image.fromarray(image)
            small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
            # Longer frames are repeated
            self.images += [small] * (place + 1 - len(self.images))

    def save(self, path: Path) -> Path:
        """Writes it; it repeats without end."""
        first, *others = self.images
        step = round(1000 / PREVIEW_RATE)
        with atomic_path(path) as temporary:
            first.save(
                temporary,
                append_images=others,
                save_all=True,
                duration=step,
                loop=0,
                quality=75,
                method=0,
            )
        return path
