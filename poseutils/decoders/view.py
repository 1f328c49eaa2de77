"""What a decoder needs to know besides the outputs of the network."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import PoseError


@dataclass(frozen=True)
class InputView:
    """The input of a network as its decoder sees it.

    Attributes:
        height, width: of the input, in pixels.
        channels_first: True if images are C×H×W, and with them heatmaps K×H×W.
        normalized: True if the network gives coordinates from 0 to 1, False if in pixels of the input. Only ``yolo_mpe``
            networks come in both kinds.
    """

    height: int
    width: int
    channels_first: bool = False
    normalized: bool = True


@dataclass(frozen=True)
class Thresholds:
    """What a detected person must pass, for networks that find several.

    Attributes:
        confidence: people whose box scores this or less are dropped.
        nms_iou: a box that overlaps a better one by more than this intersection over union is dropped.
        max_detections: how many people are kept an image, best first.
    """

    confidence: float = 0.25
    nms_iou: float = 0.7
    max_detections: int = 100

    def __post_init__(self):
        if not 0 <= self.confidence <= 1 or not 0 <= self.nms_iou <= 1 or self.max_detections < 1:
            raise PoseError(f"{self}: expected confidence and nms_iou from 0 to 1, max_detections at least 1")
