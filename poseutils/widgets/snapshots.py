"""Frames that become a dataset."""

from __future__ import annotations

from pathlib import Path

from ..files import atomic_path
from ..images import image_suffixes
from ..poses import Poses
from .labels import guessed, open_labels


def save_snapshot(folder: Path, jpeg: bytes, poses: Poses) -> Path:
    """Adds a frame to the dataset in a folder: the image, and its poses as labels that are not
    confirmed yet, for :func:`poseutils.widgets.label`. Both files are written atomically.

    Args:
        folder: is made if it is not there.
        jpeg: the frame, whose bytes are kept.
        poses: in pixels of the frame.

    Returns:
        The path of the image.

    Raises:
        PoseError: if the folder has labels of other keypoints, or cannot be written; no image is
            added then.
    """
    images = [path for path in folder.rglob("*") if path.suffix.lower() in image_suffixes()]
    labels = open_labels(folder, poses.layout, images)
    path = _free(folder)
    with atomic_path(path) as temporary:
        temporary.write_bytes(jpeg)
    try:
        labels.put(path, guessed(poses))
    except BaseException:
        path.unlink()
        raise
    return path


def _free(folder: Path) -> Path:
    """The first path of a number above those of all images."""
    taken = [int(path.stem) for path in folder.glob("*.jpg") if path.stem.isdecimal()]
    return folder / f"{max(taken, default=0) + 1:06}.jpg"
