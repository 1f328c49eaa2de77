"""The networks that a widget offers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..errors import PoseError
from ..models import Model, load_model
from ..models.zoo import ZOO, downloaded

_DETECTORS = {
    "hand_landmarks_224": "palm_detection_192",
    "head_landmarks_192": "blazeface_front_128",
}
"""What finds the hands or heads that a network of one crop needs."""


@dataclass
class Choices:
    """The networks that a widget offers: those given, and those of the zoo in the cache.

    Attributes:
        names: in the order that they are offered.
        loaded: by name; the others are loaded when they are chosen first.
    """

    names: list[str]
    loaded: dict[str, Model] = field(default_factory=dict)

    def load(self, name: str) -> Model:
        """The network of that name.

        Raises:
            PoseError: if it is not offered, or its file cannot be loaded.
        """
        if name not in self.names:
            raise PoseError(f"{name!r} given; expected one of {', '.join(self.names)}")
        if name not in self.loaded:
            detector = _DETECTORS.get(name)
            loaded = load_model(name)
            self.loaded[name] = loaded.with_detector(load_model(detector)) if detector else loaded
        return self.loaded[name]


def choices(*models: Model) -> Choices:
    """The models, and what the cache has of the zoo: no detectors, and networks of one crop only
    with their detector."""
    there = downloaded()
    usable = [
        name
        for name in there
        if ZOO[name].model_type != "detector" and _DETECTORS.get(name, name) in there
    ]
    loaded = {model.label or model.path.name: model for model in models}
    return Choices(list(dict.fromkeys([*loaded, *usable])), loaded)


def has_confidence(model: Model) -> bool:
    """Whether the threshold ``confidence`` decides which people are shown."""
    return model.has_confidence or model.detector is not None


def limits(model: Model, confidence: float) -> dict[str, Any]:
    """The thresholds to predict with: ``confidence`` where it decides."""
    return {"confidence": confidence} if has_confidence(model) else {}
