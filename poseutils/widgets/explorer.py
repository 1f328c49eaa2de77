"""An explorer of predictions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import cv2
import numpy as np
import traitlets

from ..errors import PoseError
from ..images import decode_image, read_image
from ..models import Model
from .choices import Choices, choices, has_confidence, limits
from .download import image_from_url
from .heat import heat_png
from .pages import colors_of, page, people_of, sentence, to_jpeg

_NONE, _ALL = "none", "all"
_LARGEST = 1280  # longer side of the image on the page


class Explorer(anywidget.AnyWidget):
    """An explorer of predictions; see :func:`explore`.

    Attributes:
        images, image: names, and the index of the one that is shown.
        networks, first, second: names, and those of the networks side by side; ``second`` may be
            empty.
        confidence: people with lower scores are left out.
        threshold: keypoints with lower scores are drawn as rings.
        heatmap: ``none``, ``all``, or the name of a keypoint.
        photo: the image that is shown, as the bytes of a JPEG.
        results: of each network: its name, its people, what is needed to draw them, and the PNG of
            its heatmap.
        said: what could not be done; empty otherwise.
    """

    _esm = page("parts.js", "explorer.js")
    _css = page("widgets.css")
    images = traitlets.List(traitlets.Unicode()).tag(sync=True)
    image = traitlets.Int().tag(sync=True)
    networks = traitlets.List(traitlets.Unicode()).tag(sync=True)
    first = traitlets.Unicode().tag(sync=True)
    second = traitlets.Unicode().tag(sync=True)
    confidence = traitlets.Float().tag(sync=True)
    threshold = traitlets.Float().tag(sync=True)
    heatmap = traitlets.Unicode(_NONE).tag(sync=True)
    photo = traitlets.Bytes().tag(sync=True)
    results: traitlets.List[dict] = traitlets.List().tag(sync=True)
    said = traitlets.Unicode().tag(sync=True)

    def __init__(self, offered: Choices, images: Sequence[Path], **values: Any):
        self._offered = offered
        self._sources: list[Path | np.ndarray] = list(images)
        self._shown = np.zeros((0, 0, 3), np.uint8)
        super().__init__(
            images=[path.name for path in images], networks=offered.names, image=-1, **values
        )
        self.on_msg(self._receive)
        self.image = 0 if images else -1

    @traitlets.observe("image")
    def _show(self, change: Any) -> None:
        if change.new >= 0 and self._do(lambda: self._read(change.new)):
            self._predict()

    @traitlets.observe("first", "second", "confidence", "heatmap")
    def _predict(self, _: Any = None) -> None:
        if self._shown.size:
            self._do(self._update)

    def _receive(self, _: Any, content: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """An image that was uploaded, dropped or named by its address."""

        def add() -> None:
            name = content["name"]
            if not isinstance(name, str):
                raise PoseError(f"{name!r:.80} given; expected the name or address of an image")
            given = decode_image(bytes(buffers[0]), name) if buffers else image_from_url(name)
            self._sources.append(given)
            self.images = [*self.images, name.rstrip("/").rpartition("/")[2]]
            self.image = len(self.images) - 1

        self._do(add)

    def _do(self, work: Callable[[], None]) -> bool:
        """Whether it could be done; if not, it is said why."""
        self.said = ""
        try:
            work()
        except Exception as error:  # of OpenCV or a runtime, too
            self.said = sentence(error)
        return not self.said

    def _read(self, index: int) -> None:
        source = self._sources[index]
        self._shown = read_image(source) if isinstance(source, Path) else source
        scale = min(1.0, _LARGEST / max(self._shown.shape))
        size = [max(1, round(scale * side)) for side in self._shown.shape[1::-1]]
        self.photo = to_jpeg(cv2.resize(self._shown, size, interpolation=cv2.INTER_AREA))

    def _update(self) -> None:
        names = dict.fromkeys(name for name in (self.first, self.second) if name)
        self.results = [self._result(name) for name in names]

    def _result(self, name: str) -> dict[str, Any]:
        model, image = self._offered.load(name), self._shown
        names = list(model.layout.names)
        poses = model.predict(image, **limits(model, self.confidence))
        result = {"name": name, "people": people_of(poses, image), "names": names, "heat": b""}
        heatmaps = model.model_type == "heatmaps_spe" and model.detector is None
        if heatmaps and self.heatmap in (_ALL, *names):
            chosen = None if self.heatmap == _ALL else names.index(self.heatmap)
            result["heat"] = heat_png(model, image, chosen)
        return (
            result
            | {"heatmaps": heatmaps, "limited": has_confidence(model)}
            | colors_of(model.layout)
        )


def explore(
    model: Model | Sequence[Model],
    images: Sequence[str | os.PathLike[str]],
    confidence: float = 0.25,
    threshold: float = 0.15,
) -> Explorer:
    """An explorer of predictions: choose an image, or upload, drop or name one by its https
    address; choose a network, or two side by side, of those given and those of the zoo in the
    cache; move the thresholds; overlay the heatmap of a keypoint; read the scores.

    Args:
        model: to predict with; of several, the first two are shown.
        images: paths.
        confidence: people with lower scores are left out.
        threshold: keypoints with lower scores are drawn as rings.
    """
    models = [model] if isinstance(model, Model) else list(model)
    offered = choices(*models)
    first, second = [*offered.names[: len(models)], ""][:2]
    return Explorer(
        offered,
        [Path(path) for path in images],
        first=first,
        second=second,
        confidence=confidence,
        threshold=threshold,
    )
