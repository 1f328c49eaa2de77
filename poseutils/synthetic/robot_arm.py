"""A dataset of another object than a person: a robot arm of seven keypoints, from a seed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ..files import write_json

NAMES = ("base", "shoulder", "elbow", "wrist", "gripper_left", "gripper_right", "tool")
SKELETON = ((0, 1), (1, 2), (2, 3), (3, 4), (3, 5), (3, 6))
SIZE = 128
_REST = 0.05
"""How far an arm at rest moves, relative to one at work."""
_COLORS = (
    (60, 60, 70),
    (220, 40, 40),
    (40, 170, 60),
    (40, 80, 230),
    (240, 170, 20),
    (170, 40, 200),
    (20, 200, 210),
)


def arm(rng: np.random.Generator, motion: float = 1.0) -> np.ndarray:
    """(7, 2) keypoints in pixels.

    Args:
        rng: of the pose.
        motion: how far base and joints are from the middle of their ranges, 1 for all of them.
    """
    shift = motion * np.array([rng.uniform(-0.15, 0.15), rng.uniform(-0.06, 0.06)])
    points, heading = [(np.array([0.5, 0.88]) + shift) * SIZE], -np.pi / 2
    for most, length in ((0.1, 16), (0.8, 30), (1.2, 26)):
        heading += motion * rng.uniform(-most, most)
        points.append(points[-1] + length * np.array([np.cos(heading), np.sin(heading)]))
    heading += motion * rng.uniform(-0.5, 0.5)
    for turn, length in ((-0.6, 14), (0.6, 14), (0, 20)):
        points.append(
            points[3] + length * np.array([np.cos(heading + turn), np.sin(heading + turn)])
        )
    return np.array(points)


def draw(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The arm before a background of blurred noise, (128, 128, 3) uint8 RGB."""
    noise = rng.uniform(90, 220, (8, 8, 3)).astype(np.float32)
    image = (
        cv2.resize(noise, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
    )
    fixed = [tuple(np.round(16 * (p - 0.5)).astype(int).tolist()) for p in points]
    for a, b in SKELETON:
        cv2.line(image, fixed[a], fixed[b], (120, 120, 130), 7 if b < 4 else 3, cv2.LINE_AA, 4)
    for point, color, radius in zip(fixed, _COLORS, (7, 6, 6, 5, 3, 3, 4), strict=True):
        cv2.circle(image, point, 16 * radius, color, cv2.FILLED, cv2.LINE_AA, 4)
    return image


def make_arms(folder: Path, split: str, count: int, seed: int, at_rest: float = 0.0) -> Path:
    """Writes images, ``split/0001.png`` and so on, and their COCO annotations; returns the
    annotation file, ``split.json``.

    Args:
        folder: to write into; files of the same names are replaced.
        split: its name.
        count: number of images.
        seed: of poses and backgrounds.
        at_rest: fraction of the images in which the arm is nearly straight, as in most of a
            recording; in the others it is anywhere in its range.
    """
    (folder / split).mkdir(parents=True, exist_ok=True)
    rng, images, annotations = np.random.default_rng(seed), [], []
    resting = np.random.default_rng([seed, 1]).random(count) < at_rest
    for index, motion in enumerate(np.where(resting, _REST, 1), 1):
        points, name = arm(rng, motion), f"{index:04}.png"
        cv2.imwrite(str(folder / split / name), draw(points, rng)[:, :, ::-1])
        inside = np.all((points >= 0) & (points < SIZE), axis=1, keepdims=True)
        triplets = np.where(inside, np.hstack([points, 2 * inside]), 0)
        low, high = (points.min(axis=0) - 5).clip(0, SIZE), (points.max(axis=0) + 5).clip(0, SIZE)
        images.append({"id": index, "file_name": name, "width": SIZE, "height": SIZE})
        annotations.append(
            {
                "id": index,
                "image_id": index,
                "category_id": 1,
                "bbox": [*low, *(high - low)],
                "keypoints": triplets.ravel().tolist(),
            }
        )
    category = {
        "id": 1,
        "name": "robot arm",
        "keypoints": NAMES,
        "skeleton": [[a + 1, b + 1] for a, b in SKELETON],
    }
    document = {"images": images, "annotations": annotations, "categories": [category]}
    return write_json(folder / f"{split}.json", document)
