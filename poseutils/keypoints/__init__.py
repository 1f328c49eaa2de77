"""Keypoint layouts: names, limbs, mirror indices and OKS sigmas of the K keypoints of a kind of
object."""

from .faces import IBUG68_FROM_MESH468
from .layout import (
    DEFAULT_SIGMA,
    MAX_KEYPOINTS,
    KeypointLayout,
    layout_from_names,
    redefined,
    with_sigmas,
)
from .spelling import same_keypoints
from .standard import (
    COCO17,
    DETECTED,
    FACE6,
    HAND21,
    HEAD468,
    HEAD_NAMES,
    IBUG68,
    LAYOUTS,
    PALM7,
    PERSON13,
    coco_category,
    layout_for,
    layout_from_coco_category,
    reduce_17_to_13,
    usual_layout,
)

__all__ = [
    "COCO17",
    "DEFAULT_SIGMA",
    "DETECTED",
    "FACE6",
    "HAND21",
    "HEAD468",
    "HEAD_NAMES",
    "IBUG68",
    "MAX_KEYPOINTS",
    "IBUG68_FROM_MESH468",
    "KeypointLayout",
    "LAYOUTS",
    "PALM7",
    "PERSON13",
    "coco_category",
    "layout_for",
    "layout_from_coco_category",
    "layout_from_names",
    "redefined",
    "reduce_17_to_13",
    "same_keypoints",
    "usual_layout",
    "with_sigmas",
]
