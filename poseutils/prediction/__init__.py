"""Images, or a video, -> annotated images or an annotated video, and COCO keypoint results."""

from .frames import is_video, open_video
from .images import Result, predict_images
from .smoothing import smooth
from .swaps import swapped_back
from .tracks import Tracker
from .video import VideoResult, predict_video

__all__ = [
    "Result",
    "Tracker",
    "VideoResult",
    "is_video",
    "open_video",
    "predict_images",
    "predict_video",
    "smooth",
    "swapped_back",
]
