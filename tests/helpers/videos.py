"""Small videos, written to files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image


def gray_frames(count: int, size: tuple[int, int] = (48, 64)) -> list[np.ndarray]:
    """Frames (H, W, 3) of one gray each, 6 brighter than the one before, so that their number can
    be read after any codec."""
    return [np.full((*size, 3), 60 + 6 * i, np.uint8) for i in range(count)]


def number_in(frame: np.ndarray) -> int:
    """The index of a gray frame, which MPEG-4 makes darker by up to 3."""
    return round((float(frame.mean()) - 58.5) / 6)


def write_video(path: Path, frames: Sequence[np.ndarray], rate: float = 25.0) -> Path:
    """An .mp4 or an .avi."""
    codec = {".mp4": "mp4v", ".avi": "MJPG"}[path.suffix]
    height, width = frames[0].shape[:2] if len(frames) else (48, 64)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, (width, height))
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[:, :, ::-1]))
    writer.release()
    return path


def write_gif(path: Path, frames: Sequence[np.ndarray], milliseconds: int | list[int] = 40) -> Path:
    """An animated .gif."""
    first, *others = map(Image.fromarray, frames)
    first.save(path, save_all=True, append_images=others, duration=milliseconds, loop=0)
    return path


def write_folder(folder: Path, frames: Sequence[np.ndarray]) -> Path:
    """A folder of frames, whose names do not sort like their numbers."""
    folder.mkdir()
    for i, frame in enumerate(frames, start=1):
        Image.fromarray(frame).save(folder / f"frame {i}.png")
    return folder
