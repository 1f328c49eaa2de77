"""The figures that ST publishes for its networks on its boards, for comparison.

From the pages of ST's model zoo, by the newest release that has a figure: 4.1 (ST Edge AI Core 4.0)
or 3.0. The STM32N6 runs the networks on its accelerator; so does the STM32MP257F if weights are
quantized per tensor. Internal RAM and flash are those of the STM32N6.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ..models.zoo import entry_with

_N6 = "STM32N6570-DK"
_MP257 = "STM32MP257F-EV1"
_MP157 = "STM32MP157F-DK2"
_MP135 = "STM32MP135F-DK"


class Figure(NamedTuple):
    """A published number, and the release of the zoo that has it."""

    value: float
    release: str


def _new(value: float) -> Figure:
    return Figure(value, "4.1")


def _old(value: float) -> Figure:
    return Figure(value, "3.0")


@dataclass(frozen=True)
class Published:
    """Figures of one network: KiB on the STM32N6, None if not published, and milliseconds per
    inference by board."""

    ram_kib: Figure | None = None
    flash_kib: Figure | None = None
    milliseconds: dict[str, Figure] = field(default_factory=dict)


_MOVENET = "st_movenet_lightning_a100_heatmaps"
PUBLISHED = {
    "st_movenet_lightning_heatmaps_192_13kpts": Published(
        _old(1674), _old(3036), {_N6: _old(18.44), _MP257: _old(58.0)}
    ),
    f"{_MOVENET}_192": Published(
        _new(914.88),
        _old(2304),
        {_N6: _new(22.17), _MP257: _old(55.8), _MP157: _old(315), _MP135: _old(485)},
    ),
    f"{_MOVENET}_224": Published(
        _new(1239.04),
        _old(2304),
        {_N6: _new(27.0), _MP257: _old(79.4), _MP157: _old(417), _MP135: _old(652)},
    ),
    f"{_MOVENET}_256": Published(
        _new(1607.68),
        _old(2304),
        {_N6: _new(34.16), _MP257: _old(68.4), _MP157: _old(534), _MP135: _old(845)},
    ),
    f"{_MOVENET}_192_pt": Published(milliseconds={_MP257: _old(8.2)}),
    f"{_MOVENET}_224_pt": Published(milliseconds={_MP257: _old(11.6)}),
    f"{_MOVENET}_256_pt": Published(milliseconds={_MP257: _old(13.1)}),
    "movenet_lightning_192": Published(
        milliseconds={_MP257: _old(63.8), _MP157: _old(197), _MP135: _old(306)}
    ),
    "movenet_thunder_256": Published(
        milliseconds={_MP257: _old(183.5), _MP157: _old(766), _MP135: _old(1131)}
    ),
    "yolov8n_pose_192": Published(_new(477.56), _old(3248), {_N6: _old(24.5)}),
    "yolov8n_pose_256": Published(_new(1135), _old(3265), {_N6: _old(35.8), _MP257: _old(102.8)}),
    "yolov8n_pose_256_pt": Published(milliseconds={_MP257: _old(17.6)}),
    "yolov8n_pose_320": Published(_new(2264), _old(3264), {_N6: _old(51.4)}),
    "yolo11n_pose_256": Published(_new(740.25), _old(2818), {_N6: _new(34.32)}),
    "yolo11n_pose_320": Published(_new(1840.85), _old(2851), {_N6: _new(56.15)}),
    "hand_landmarks_224": Published(_new(1739.5), _old(3283), {_N6: _new(19.75)}),
    "head_landmarks_192": Published(_new(1739.5), None, {_N6: _new(20.52)}),
}
"""By zoo name."""


def published(digest: str) -> Published | None:
    """The figures of a file, by its sha256; None if none are published."""
    entry = entry_with(digest)
    return PUBLISHED.get(entry.name) if entry else None
