"""Decoders: raw network outputs -> Poses in pixels of the network's input, one file per model_type.

``find(outputs, spec)`` selects the tensors that a decoder reads, by shape or name, and returns
them as a dictionary, or None. ``decode(found, spec, layout, thresholds)`` returns one
:class:`~poseutils.poses.Poses` per image of the batch. ``heatmaps_spe.encode`` is the inverse of
its ``decode``; it makes the targets of training.
Letters in shapes: B batch, K keypoints, H and W of the heatmap, F candidate boxes, A anchors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from ..config.names import REFINEMENTS
from ..errors import PoseError
from . import hand_spe, head_spe, heatmaps_spe, spe, ssd_detector, yolo_mpe
from .options import KEEP_ALL, InputSpec, Thresholds
from .yolo_heads import SUPPRESSED, is_suppressed

DECODERS: dict[str, ModuleType] = {
    "heatmaps_spe": heatmaps_spe,
    "spe": spe,
    "yolo_mpe": yolo_mpe,
    "hand_spe": hand_spe,
    "head_spe": head_spe,
    "detector": ssd_detector,
}
MODEL_TYPES = tuple(DECODERS)
ONE_PERSON_TYPES = ("heatmaps_spe", "spe")
"""Networks that give one pose for every image, with a person in it or not."""

__all__ = [
    "DECODERS",
    "KEEP_ALL",
    "MODEL_TYPES",
    "ONE_PERSON_TYPES",
    "REFINEMENTS",
    "InputSpec",
    "Thresholds",
    "find_outputs",
    "guess_model_type",
    "shapes_of",
    "thresholds_of",
]


def find_outputs(
    model_type: str, outputs: Mapping[str, np.ndarray], spec: InputSpec
) -> dict[str, np.ndarray]:
    """The tensors that the decoder of ``model_type`` reads, under the decoder's names for them.

    Raises:
        PoseError: if the model type is unknown, or the outputs do not have its shapes; the message
            names the model type that they fit.
    """
    if model_type not in DECODERS:
        raise PoseError(f"model_type={model_type!r}: expected one of {', '.join(DECODERS)}")
    found: dict[str, np.ndarray] | None = DECODERS[model_type].find(outputs, spec)
    if found is None:
        other = guess_model_type(outputs, spec)
        hint = f" These outputs fit model_type={other!r}." if other else ""
        if not other and is_suppressed(outputs):
            hint = f" It {SUPPRESSED}"
        raise PoseError(
            f"model_type={model_type!r} expects {DECODERS[model_type].EXPECTS}; the model gives "
            f"{shapes_of(outputs)}.{hint}"
        )
    return found


def thresholds_of(model_type: str, spec: InputSpec, **given: Any) -> Thresholds:
    """The default thresholds of a model type, with those given replaced. Heatmaps that sum to one
    have none: all people are kept."""
    usual = getattr(DECODERS[model_type], "THRESHOLDS", Thresholds())
    return replace(KEEP_ALL if spec.sums_to_one else usual, **given)


def shapes_of(outputs: Mapping[str, np.ndarray]) -> str:
    """Names and shapes of the outputs, for error messages."""
    return ", ".join(f"{name} {tuple(array.shape)}" for name, array in outputs.items())


def guess_model_type(outputs: Mapping[str, np.ndarray], spec: InputSpec) -> str | None:
    """The model type that the outputs fit; None if none or several do."""
    fitting = [
        name for name, decoder in DECODERS.items() if decoder.find(outputs, spec) is not None
    ]
    return fitting[0] if len(fitting) == 1 else None
