"""The words of user_config.yaml whose list is long: model types, services and chains, interpolations, boards."""

from __future__ import annotations

MODEL_TYPES = ("heatmaps_spe", "spe", "yolo_mpe", "hand_spe", "head_spe")
USUAL_KEYPOINTS = {"heatmaps_spe": 17, "spe": 17, "yolo_mpe": 17, "hand_spe": 21, "head_spe": 468}

USUAL_ALPHA = {"st_movenet_lightning_heatmaps": 1.0, "st_movenet_lightning_a100_heatmaps": 1.0, "st_movenet_thunder_heatmaps": 1.75}
"""The networks that training builds, each with its width if none is given."""
CUSTOM_MODELS = ("custom_models", "custom")

SERVICES = {"t": "train", "q": "quantize", "e": "evaluate", "p": "predict", "b": "benchmark", "d": "deploy"}
MODES = {"training": "t", "quantization": "q", "evaluation": "e", "prediction": "p", "benchmarking": "b", "deployment": "d"}

INTERPOLATIONS = ("bilinear", "nearest", "area", "lanczos3", "lanczos5", "bicubic", "gaussian", "mitchellcubic")

REFINEMENTS = ("argmax", "quarter", "centroid", "dark")
NMS_MEASURES = ("iou", "oks")

TARGETS = ("host", "emulated", "emulated_m4", "emulated_m7", "emulated_m55", "stedgeai_host", "stedgeai_n6")

BOARDS = (
    "STM32N6570-DK",
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
)
