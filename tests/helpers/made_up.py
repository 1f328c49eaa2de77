"""People and predictions that are made up."""

from pathlib import Path

import numpy as np

from poseutils.datasets import Sample
from poseutils.keypoints import COCO17
from poseutils.poses import Poses

SIGMAS = COCO17.sigma_array


def made_up(rng, image_id, people=2, found=4, layout=COCO17, spread=12.0):
    """An image of 640 × 480 with labeled people and noisy detections of them, some of nobody."""
    count = len(layout)
    corners = rng.uniform(0, 300, (people, 2))
    sizes = rng.uniform(60, 170, (people, 2))
    points = corners[:, None] + rng.uniform(0, 1, (people, count, 2)) * sizes[:, None]
    visible = rng.integers(0, 3, (people, count, 1))
    keypoints = np.concatenate([points * (visible > 0), visible], axis=2).astype(np.float32)
    boxes = np.concatenate([corners, corners + sizes], axis=1).astype(np.float32)
    sample = Sample(
        image_id,
        Path(f"{image_id}.jpg"),
        (640, 480),
        keypoints,
        boxes,
        np.float32(0.6 * sizes.prod(axis=1)),
        rng.random(people) < 0.1,
    )
    near = points[rng.integers(0, people, found)] + rng.normal(
        0, spread, (found, count, 2)
    ) * rng.uniform(0, 2, (found, 1, 1))
    scores = rng.uniform(0, 1, found).astype(np.float32)
    return sample, Poses(
        near.astype(np.float32),
        np.ones((found, count), np.float32),
        layout,
        np.zeros((found, 4), np.float32),
        scores,
    )
