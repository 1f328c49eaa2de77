"""What the pages of widgets are made of, and what they get to draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import PoseError
from ..keypoints import KeypointLayout
from ..plots.drawing import limb_colors, side_colors
from ..poses import Poses


def page(*names: str) -> str:
    """The text of files in ``page/``, one after the other."""
    folder = Path(__file__).with_name("page")
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def colors_of(layout: KeypointLayout) -> dict[str, Any]:
    """The limbs of a layout, and the colors of limbs and keypoints."""
    return {
        "limbs": [list(limb) for limb in layout.limbs],
        "limbColors": [f"rgb{color}" for color in limb_colors(layout)],
        "colors": [f"rgb{color}" for color in side_colors(layout)],
    }


def people_of(poses: Poses, image: np.ndarray) -> list[dict[str, Any]]:
    """For each person in an (H, W, 3) image: its score, and x, y (fractions of width and height)
    and score of each keypoint."""
    size = image.shape[1::-1]
    points = np.concatenate([poses.keypoints / size, poses.scores[:, :, None]], axis=2)
    scores = poses.person_scores.astype(float).round(2).tolist()
    rows = points.astype(float).round(4).tolist()
    return [{"score": score, "points": row} for score, row in zip(scores, rows)]


def to_png(image: np.ndarray) -> bytes:
    """(H, W, 3) uint8 RGB, or (H, W, 4) with transparency, as the bytes of a PNG file."""
    code = cv2.COLOR_RGB2BGR if image.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    return cv2.imencode(".png", cv2.cvtColor(image, code))[1].tobytes()


def to_jpeg(image: np.ndarray) -> bytes:
    """A file of nearly all that an (H, W, 3) image has, which is small also for photographs."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
    quality += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return cv2.imencode(".jpg", image[:, :, ::-1], quality)[1].tobytes()


def sentence(error: Exception) -> str:
    """What a page says of an error."""
    return str(error) if isinstance(error, PoseError) else f"{type(error).__name__}: {error}"
