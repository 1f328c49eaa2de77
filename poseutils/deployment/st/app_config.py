"""``app_config.h``: the header that configures ST's pose estimation application for the STM32N6.

The macros are those of ``STMicroelectronics/STM32N6-GettingStarted-PoseEstimation``.
"""

from __future__ import annotations

from ...compiler.emit.c_text import c_string
from ...decoders.options import Head
from ..recognition import PoseType
from ..spec import DeploymentSpec
from ..templates import filled

_ASPECT = {
    "crop": "ASPECT_RATIO_CROP",
    "fit": "ASPECT_RATIO_FIT",
    "full_screen": "ASPECT_RATIO_FULLSCREEN",
}
_COLOR = {"rgb": "COLOR_RGB", "bgr": "COLOR_BGR"}
_TYPES = ("heatmaps_spe", "yolo_mpe")
_APPLICATION = "ST's pose estimation application"


def unsupported_reason(spec: DeploymentSpec) -> str | None:
    """Why ST's application cannot be configured for this network; None if it can."""
    if spec.board.linux:
        return f"{_APPLICATION} runs on the STM32N6; the {spec.board.name} runs Linux"
    if spec.pose is None:
        return f"{_APPLICATION} takes a pose network"
    if spec.pose.model_type not in _TYPES:
        return (
            f"{_APPLICATION} has no postprocessing for model type {spec.pose.model_type}; it has "
            f"for {' and '.join(_TYPES)}"
        )
    head = spec.pose.spec.head
    if head not in (None, Head(1, len(spec.pose.layout))):
        return (
            f"{_APPLICATION} reads a YOLO head of one class with 3 columns per keypoint and all of "
            f"its candidates; this network gives {head}"
        )
    if spec.input.shape[3] != 3:
        return f"{_APPLICATION} has three channels; this network takes {spec.input.shape[3]}"
    preprocessing = spec.config.preprocessing
    for attribute, value, known in (
        ("aspect_ratio", preprocessing.resizing.aspect_ratio, _ASPECT),
        ("color_mode", preprocessing.color_mode, _COLOR),
    ):
        if value not in known:
            return f"{_APPLICATION} has no {attribute} {value}; it has {', '.join(known)}"
    return None


def app_config_text(spec: DeploymentSpec, pose: PoseType) -> str:
    """The header, for a network without an :func:`unsupported_reason`."""
    config = spec.config
    height, width = spec.input_size
    values = {
        "aspect_ratio": _ASPECT[config.preprocessing.resizing.aspect_ratio],
        "color_mode": _COLOR[config.preprocessing.color_mode],
        "nn_height": str(height),
        "nn_width": str(width),
        "keypoints": str(len(pose.layout)),
        "keypoint_threshold": _c_float(config.postprocessing.kpts_conf_thresh),
        "welcome_1": c_string(spec.source),
        "welcome_2": c_string(config.general.project_name),
    }
    if pose.model_type == "heatmaps_spe":
        _, rows, columns, _ = pose.outputs["heatmaps"]
        values |= {"heatmap_height": str(rows), "heatmap_width": str(columns)}
    else:
        thresholds = spec.thresholds
        values |= {
            "candidates": str(pose.outputs["candidates"][2]),
            "max_boxes": str(thresholds.max_detections),
            "iou_threshold": _c_float(thresholds.nms_iou),
            "box_threshold": _c_float(thresholds.confidence),
        }
    parts = [pose.model_type]
    if config.deployment.hardware_setup.output:
        values["screen"] = config.deployment.hardware_setup.output
        parts.append("screen")
    return filled("app_config.h", values, parts)


def _c_float(value: float) -> str:
    return f"({value:.6f}f)"
