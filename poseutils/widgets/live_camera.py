"""The camera of the browser, with the poses on its frames."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ..errors import PoseError
from ..images import decode_image
from ..models import Model
from .choices import Choices, choices, has_confidence, limits
from .pages import colors_of, page, people_of, sentence
from .snapshots import save_snapshot

_WHOLE_FRAME = 480
"""Shorter side of the frames for a detector, which looks for small hands and heads."""


class Camera(anywidget.AnyWidget):
    """The camera of the browser, with the poses on its frames; see :func:`camera`.

    The browser sends no frame while two are not answered, so that none wait in the kernel. Points
    are fractions of the frame's width and height.
    """

    _esm = page("parts.js", "camera.js")
    _css = page("widgets.css")
    networks = traitlets.List(traitlets.Unicode()).tag(sync=True)
    network = traitlets.Unicode().tag(sync=True)
    confidence = traitlets.Float().tag(sync=True)
    threshold = traitlets.Float().tag(sync=True)
    drawing = traitlets.Dict().tag(sync=True)

    def __init__(self, offered: Choices, folder: Path, confidence: float | None, threshold: float):
        self._offered, self._folder = offered, folder
        self._running = offered.load(offered.names[0])
        usual = self._running.thresholds().confidence
        super().__init__(
            networks=offered.names,
            network=offered.names[0],
            confidence=usual if confidence is None else confidence,
            threshold=threshold,
            drawing=_drawing(self._running),
        )
        self.on_msg(lambda _, content, buffers: self.send(self._answer(content, buffers)))

    @traitlets.observe("network")
    def _choose(self, change: Any) -> None:
        try:
            self._running = self._offered.load(change.new)
        except Exception as error:  # of a runtime, too
            self.send({"kind": "said", "text": sentence(error), "failed": True})
            self.network = change.old
            return
        self.drawing = _drawing(self._running)

    def _answer(self, content: Mapping[str, Any], buffers: Sequence[Any]) -> dict[str, Any]:
        """What is sent back for a frame; a failure, too, lest the browser waits for ever."""
        asked = content if isinstance(content, Mapping) else {}
        kind = asked.get("kind")
        try:
            if kind not in ("frame", "snapshot") or len(buffers) != 1:
                raise PoseError(f"{kind!r} with {len(buffers)} files; expected a frame or snapshot")
            answer = self._of_frame(kind, bytes(buffers[0]))
        except Exception as error:  # of OpenCV or a runtime, too
            answer = {"text": sentence(error), "failed": True}
            answer["kind"] = "said" if kind == "snapshot" else "failed"
        return answer | {"view": asked.get("view"), "number": asked.get("number")}

    def _of_frame(self, kind: str, jpeg: bytes) -> dict[str, Any]:
        begun = time.perf_counter()
        image, model = decode_image(jpeg, "the camera's frame"), self._running
        poses = model.predict(image, **limits(model, self.confidence))
        if kind == "snapshot":
            path = save_snapshot(self._folder, jpeg, poses)
            people = "1 person" if len(poses) == 1 else f"{len(poses)} people"
            return {"kind": "said", "text": f"{path} written, with {people} to correct"}
        milliseconds = 1000 * (time.perf_counter() - begun)
        return {"kind": "poses", "people": people_of(poses, image), "milliseconds": milliseconds}


def camera(
    model: Model,
    folder: str | os.PathLike[str] = "runs/camera",
    confidence: float | None = None,
    threshold: float = 0.15,
) -> Camera:
    """The camera of the browser, with the poses that a network finds in its frames. Beside the
    frames: how many are shown per second, and how long one takes to the kernel and back.

    The network (the one given, or one of the zoo in the cache) and the thresholds are chosen while
    it runs. "Snapshot" adds a frame to the dataset in ``folder``, with the predicted keypoints as
    labels to be corrected. The frames go to the kernel and nowhere else.

    Args:
        model: to begin with.
        folder: of the snapshots; it is made with the first one.
        confidence: people with lower scores are left out (default: the usual of the model).
        threshold: keypoints with lower scores are drawn as rings.
    """
    return Camera(choices(model), Path(folder), confidence, threshold)


def _drawing(model: Model) -> dict[str, Any]:
    """What the browser needs to know of a network."""
    side = max(model.input_size) if model.detector is None else _WHOLE_FRAME
    return {"side": side, "confidence": has_confidence(model), **colors_of(model.layout)}
