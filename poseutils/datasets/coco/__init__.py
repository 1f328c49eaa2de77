"""COCO keypoint annotations: reading and writing them."""

from .reading import read_coco, read_coco_layout
from .writer import to_coco

__all__ = ["read_coco", "read_coco_layout", "to_coco"]
