"""``app_config.h``: the one header that configures ST's pose estimation application for the
STM32N6.

The macros are those of ``STMicroelectronics/STM32N6-GettingStarted-PoseEstimation``.
"""

from __future__ import annotations

from ...compiler.emit.c_text import c_comment, c_string
from ...compiler.emit.line_breaks import broken
from ..spec import Spec

_ASPECT = {
    "crop": "ASPECT_RATIO_CROP",
    "fit": "ASPECT_RATIO_FIT",
    "full_screen": "ASPECT_RATIO_FULLSCREEN",
}
_COLOR = {"rgb": "COLOR_RGB", "bgr": "COLOR_BGR"}


def why_not(spec: Spec) -> str | None:
    """Why ST's application cannot be configured for this network, or None if it can."""
    if spec.model_type not in _POSTPROCESS:
        return f"ST's pose estimation application has no postprocessing for model type {spec.model_type}; it has for heatmaps_spe and yolo_mpe"
    if spec.input.shape[3] != 3:
        return f"ST's pose estimation application gives three channels; this network takes {spec.input.shape[3]}"
    for attribute, known in (("aspect_ratio", _ASPECT), ("color_mode", _COLOR)):
        value = getattr(spec.settings, attribute)
        if value not in known:
            return f"ST's pose estimation application has no {attribute} {value}; it has {', '.join(known)}"
    return None


def app_config_text(spec: Spec) -> str:
    """The header, for a network that :func:`why_not` has nothing against."""
    return broken(f"""/* {c_comment(f"Configuration of ST's pose estimation application for {spec.source}, {spec.model_type}.")} */
#ifndef APP_CONFIG
#define APP_CONFIG

#define USE_DCACHE

/* CMW_MIRRORFLIP_NONE, CMW_MIRRORFLIP_FLIP, CMW_MIRRORFLIP_MIRROR or CMW_MIRRORFLIP_FLIP_MIRROR */
#define CAMERA_FLIP CMW_MIRRORFLIP_NONE

/* From preprocessing.resizing.aspect_ratio. Crop keeps the proportions of the picture; fit and full screen squeeze it. */
#define ASPECT_RATIO_CROP       (1)
#define ASPECT_RATIO_FIT        (2)
#define ASPECT_RATIO_FULLSCREEN (3)
#define ASPECT_RATIO_MODE       {_ASPECT[spec.settings.aspect_ratio]}

/* The network's input: what the camera pipe is scaled to. */
#define NN_WIDTH   ({spec.input_size[1]})
#define NN_HEIGHT  ({spec.input_size[0]})
#define NN_BPP     3
#define COLOR_BGR  (0)
#define COLOR_RGB  (1)
#define COLOR_MODE {_COLOR[spec.settings.color_mode]}

{_POSTPROCESS[spec.model_type](spec)}
/* Display */
#define WELCOME_MSG_1 {c_string(spec.source)}
#define WELCOME_MSG_2 {c_string(spec.settings.project_name)}

#endif
""")


def _c_float(value: float) -> str:
    return f"({value:.6f}f)"


def _heatmaps(spec: Spec) -> str:
    _, height, width, count = spec.outputs["heatmaps"]
    return f"""/* One person: the highest cell of each of the {count} heatmaps, which come out as float32. */
#define POSTPROCESS_TYPE POSTPROCESS_SPE_MOVENET_UF
#define AI_SPE_MOVENET_POSTPROC_HEATMAP_WIDTH  ({width})
#define AI_SPE_MOVENET_POSTPROC_HEATMAP_HEIGHT ({height})
#define AI_SPE_MOVENET_POSTPROC_NB_KEYPOINTS   ({count})

/* From postprocessing.kpts_conf_thresh: keypoints below are not drawn. */
#define AI_POSE_PP_CONF_THRESHOLD    {_c_float(spec.settings.kpts_conf_thresh)}
#define AI_POSE_PP_POSE_KEYPOINTS_NB ({count})
"""


def _yolo(spec: Spec) -> str:
    settings = spec.settings
    return f"""/* Several people: {spec.outputs["candidates"][2]} candidate boxes as float32, thinned by non-maximum suppression. */
#define POSTPROCESS_TYPE POSTPROCESS_MPE_YOLO_V8_UF
#define AI_MPE_YOLOV8_PP_NB_CLASSES  (1)
#define AI_MPE_YOLOV8_PP_TOTAL_BOXES ({spec.outputs["candidates"][2]})

/* From postprocessing.max_detection_boxes, NMS_thresh and confidence_thresh. */
#define AI_MPE_YOLOV8_PP_MAX_BOXES_LIMIT ({settings.max_detection_boxes})
#define AI_MPE_YOLOV8_PP_IOU_THRESHOLD   {_c_float(settings.nms_thresh)}
#define AI_MPE_YOLOV8_PP_CONF_THRESHOLD  {_c_float(settings.confidence_thresh)}

/* From postprocessing.kpts_conf_thresh: keypoints below are not drawn. */
#define AI_POSE_PP_CONF_THRESHOLD    {_c_float(settings.kpts_conf_thresh)}
#define AI_POSE_PP_POSE_KEYPOINTS_NB ({len(spec.layout)})
"""


_POSTPROCESS = {"heatmaps_spe": _heatmaps, "yolo_mpe": _yolo}
