"""A file that Chromium takes for a camera, made of rendered people."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

SIZE = (640, 480)
"""Width and height."""


def write_camera_file(image: Path, path: Path, frames: int = 60) -> Path:
    """An .mjpeg of one rendered image that moves slowly from side to side, so that no two frames
    are the same."""
    width, height = SIZE
    still = cv2.imread(str(image))
    scale = height / still.shape[0]
    with path.open("wb") as file:
        for number in range(frames):
            left = (width - still.shape[1] * scale) / 2 + 40 * np.sin(2 * np.pi * number / frames)
            matrix = np.array([[scale, 0, left], [0, scale, 0]])
            frame = cv2.warpAffine(still, matrix, SIZE, borderMode=cv2.BORDER_REPLICATE)
            file.write(cv2.imencode(".jpg", frame)[1].tobytes())
    return path
