"""The figures that ST publishes for its networks on its boards, for comparison.

From the pages of ST's model zoo. The STM32N6 runs the networks on its accelerator; so does the
STM32MP257F if weights are quantized per tensor. Internal RAM and flash are those of the STM32N6.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..models.zoo import ZOO

_N6 = "STM32N6570-DK"
_MP257 = "STM32MP257F-EV1"
_MP157 = "STM32MP157F-DK2"
_MP135 = "STM32MP135F-DK"


@dataclass(frozen=True)
class Published:
    """Figures of one network: KiB on the STM32N6, None if not published, and milliseconds per
    inference by board."""

    ram_kib: int | None = None
    flash_kib: int | None = None
    milliseconds: dict[str, float] = field(default_factory=dict)


PUBLISHED = {
    "st_movenet_lightning_heatmaps_192_13kpts": Published(1674, 3036, {_N6: 18.44, _MP257: 58.0}),
    "movenet_lightning_192": Published(milliseconds={_MP257: 63.8, _MP157: 197, _MP135: 306}),
    "yolov8n_pose_192": Published(478, 3248, {_N6: 24.5}),
    "yolov8n_pose_256": Published(1135, 3265, {_N6: 35.8, _MP257: 102.8}),
    "yolov8n_pose_256_pt": Published(milliseconds={_MP257: 17.6}),
    "yolov8n_pose_320": Published(2264, 3264, {_N6: 51.4}),
    "yolo11n_pose_256": Published(740, 2818, {_N6: 34.3}),
    "hand_landmarks_224": Published(1740, 3283, {_N6: 20.8}),
}
"""By zoo name."""


def published(digest: str) -> Published | None:
    """The figures of a file, by its sha256; None if none are published."""
    names = (name for name, entry in ZOO.items() if entry.sha256 == digest)
    return next((PUBLISHED[name] for name in names if name in PUBLISHED), None)
