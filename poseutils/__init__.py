"""Pose estimation on STM32: decode, evaluate and export keypoint networks.

The public names are imported lazily, on first access, so that ``import poseutils`` is fast.
"""

from __future__ import annotations

from importlib import import_module

_HOMES = {
    "KeypointLayout": "keypoints",
    "COCO17": "keypoints",
    "PERSON13": "keypoints",
    "HAND21": "keypoints",
    "HEAD468": "keypoints",
    "layout_for": "keypoints",
    "layout_from_names": "keypoints",
    "Poses": "poses",
    "oks": "poses",
    "PoseError": "errors",
    "write_metrics": "files",
    "written": "files",
    "find_images": "images",
    "read_image": "images",
    "fit_to": "images",
    "Dataset": "datasets",
    "Sample": "datasets",
    "load_dataset": "datasets",
    "ZOO": "models",
    "fetch": "models",
    "Model": "models",
    "load_model": "models",
    "load_configured_model": "models",
    "evaluate": "evaluation",
    "compare": "evaluation",
    "follow": "models",
    "predict_images": "prediction",
    "load_config": "config",
    "export": "deployment",
}
_ROOMS = (
    "benchmarking",
    "compiler",
    "config",
    "crops",
    "datasets",
    "decoders",
    "deployment",
    "evaluation",
    "images",
    "keypoints",
    "models",
    "pipeline",
    "plots",
    "poses",
    "prediction",
    "quantization",
    "synthetic",
    "training",
    "widgets",
)

__version__ = "0.1.0"
__all__ = sorted([*_HOMES, *_ROOMS])


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    if name in _ROOMS:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
