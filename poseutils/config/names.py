"""The names allowed in user_config.yaml: model types, services and chains, interpolations, targets,
boards."""

from __future__ import annotations

from typing import Literal, get_args

ModelType = Literal["heatmaps_spe", "spe", "yolo_mpe", "hand_spe", "head_spe"]
MODEL_TYPES: tuple[str, ...] = get_args(ModelType)
USUAL_KEYPOINTS = {"heatmaps_spe": 17, "spe": 17, "yolo_mpe": 17, "hand_spe": 21, "head_spe": 468}

BuiltModel = Literal[
    "st_movenet_lightning_heatmaps",
    "st_movenet_lightning_a100_heatmaps",
    "st_movenet_thunder_heatmaps",
]
CustomModel = Literal["custom_models", "custom"]
ModelName = Literal[BuiltModel, CustomModel]
USUAL_ALPHA: dict[str, float] = dict(zip(get_args(BuiltModel), (1.0, 1.0, 1.75), strict=True))
"""The networks that training builds, each with its default width multiplier."""
CUSTOM_MODELS: tuple[str, ...] = get_args(CustomModel)

SERVICES = {
    "t": "train",
    "q": "quantize",
    "e": "evaluate",
    "p": "predict",
    "b": "benchmark",
    "d": "deploy",
}
MODES = {
    "training": "t",
    "quantization": "q",
    "evaluation": "e",
    "prediction": "p",
    "benchmarking": "b",
    "deployment": "d",
}

AspectRatio = Literal["fit", "padding", "crop", "full_screen"]
ASPECT_RATIOS: tuple[str, ...] = get_args(AspectRatio)
Interpolation = Literal[
    "bilinear", "nearest", "area", "lanczos3", "lanczos5", "bicubic", "gaussian", "mitchellcubic"
]
INTERPOLATIONS: tuple[str, ...] = get_args(Interpolation)

Granularity = Literal["per_channel", "per_tensor"]
GRANULARITIES: tuple[str, ...] = get_args(Granularity)
EndType = Literal["uint8", "int8", "float"]
END_TYPES: tuple[str, ...] = get_args(EndType)
"""Types of the inputs and outputs of quantized networks."""

Refinement = Literal["argmax", "quarter", "centroid", "dark"]
REFINEMENTS: tuple[str, ...] = get_args(Refinement)
"""How the maximum of a heatmap is refined to a fraction of a cell; see
:mod:`poseutils.decoders.heatmaps_spe`."""
NmsMeasure = Literal["iou", "oks"]
NMS_MEASURES: tuple[str, ...] = get_args(NmsMeasure)
"""How NMS measures the similarity of two detections; see :mod:`poseutils.decoders.yolo_mpe`."""

Target = Literal[
    "host",
    "emulated",
    "emulated_m4",
    "emulated_m7",
    "emulated_m55",
    "serial",
    "stedgeai_host",
    "stedgeai_n6",
]
TARGETS: tuple[str, ...] = get_args(Target)

TensorType = Literal["uint8", "int8", "float32"]
ChannelPosition = Literal["chlast", "chfirst"]
"""Of the tensors on a target, as ST's compiler is asked for them."""

BoardName = Literal[
    "STM32N6570-DK",
    "NUCLEO-N657X0-Q",
    "STM32H747I-DISCO",
    "STM32H7B3I-DK",
    "STM32F469I-DISCO",
    "B-U585I-IOT02A",
    "STM32L4R9I-DISCO",
    "NUCLEO-H743ZI2",
    "STM32H735G-DK",
    "STM32F769I-DISCO",
    "NUCLEO-G474RE",
    "NUCLEO-F401RE",
    "STM32F746G-DISCO",
    "STM32MP257F-EV1",
    "STM32MP157F-DK2",
    "STM32MP135F-DK",
]
BOARDS: tuple[str, ...] = get_args(BoardName)
