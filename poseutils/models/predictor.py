"""Runs a model over images: one thread reads and resizes ahead, one runs the network, and the
caller's decodes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from ..crops import Region, region_of_box, region_of_detection, upright_hand
from ..errors import PoseError
from ..executors import ahead
from ..geometry import Transform
from ..images import read_image
from ..keypoints import HAND21
from ..poses import Poses, join

if TYPE_CHECKING:
    from .model import Model

ImageLike: TypeAlias = str | os.PathLike[str] | np.ndarray
_AHEAD = 8
"""Images that are read ahead, and predictions that wait for the caller."""
_R = TypeVar("_R")


@dataclass(frozen=True)
class Prediction:
    """The result of one image of many: poses, or the error that prevented reading it.

    Attributes:
        source: a path or an array, as given.
        image: (H, W, 3) uint8, or None.
        poses: or None.
        error: or None.
    """

    source: ImageLike
    image: np.ndarray | None = None
    poses: Poses | None = None
    error: PoseError | None = None

    def require(self) -> Poses:
        """The poses.

        Raises:
            PoseError: if the image could not be read.
        """
        if self.poses is None:
            raise self.error or PoseError(f"no poses of {self.source}")
        return self.poses


@dataclass(frozen=True)
class Prepared:
    """The input tensor (1, ...) of one image or crop, in the network's own type and layout, and the
    transform of points between image and input."""

    tensor: np.ndarray
    transform: Transform


@dataclass(frozen=True)
class _Loaded:
    """An image, and the inputs made of it: of its boxes, of the whole image, or of the whole image
    for the detector."""

    image: np.ndarray
    inputs: list[Prepared]
    boxes: np.ndarray | None = None


def prepare(model: Model, image: np.ndarray, region: Region | None = None) -> Prepared:
    """The input of a model for an (H, W, 3) image, or for the crop of a region."""
    pixels, transform = model.preprocess(image, region)
    return Prepared(model.network.prepare(pixels[None]), transform)


def infer(model: Model, prepared: Prepared, thresholds: dict[str, Any]) -> Poses:
    """Runs the network; poses in pixels of the image."""
    outputs = model.network.invoke_batch(prepared.tensor)
    return _decoded(model, outputs, prepared.transform, thresholds)


def _decoded(
    model: Model, outputs: list[np.ndarray], transform: Transform, thresholds: dict[str, Any]
) -> Poses:
    """The outputs of the network for one input -> poses in pixels of the image."""
    found = model.find_outputs(model.network.dequantized(outputs))
    (poses,) = model.decode(found, **thresholds)
    return poses.transformed(transform.inverse)


@dataclass(frozen=True)
class Predictor:
    """A model with the options of one call of ``predict``.

    Attributes:
        model: with its detector, if any.
        upright, thresholds: see :meth:`poseutils.models.Model.predict`.
    """

    model: Model
    upright: bool = False
    thresholds: dict[str, Any] = field(default_factory=dict)

    def predict(self, source: ImageLike, boxes: np.ndarray | None = None) -> Poses:
        """The poses in one image; see :meth:`poseutils.models.Model.predict`."""
        return self._infer(self._load(source, boxes))

    def predict_each(
        self, sources: Iterable[ImageLike], boxes: Iterable[np.ndarray] | None = None
    ) -> Iterator[Prediction]:
        """See :meth:`poseutils.models.Model.predict_each`."""
        self.model.thresholds(**self.thresholds)  # raises before the first image is read
        network = self.model.network
        # For whole images the network runs in a thread beside the caller's, which decodes.
        whole = boxes is None and self.model.detector is None
        jobs = zip(sources, repeat(None) if boxes is None else boxes)
        spare = (os.cpu_count() or 1) > network.num_threads * network.at_once + whole
        reader = ThreadPoolExecutor(1) if spare else _CallingThread()
        with reader, ThreadPoolExecutor(network.at_once) as runner:
            in_memory = _AHEAD if spare else 1
            loading = ahead(reader.submit, lambda job: self._load(*job), jobs, in_memory)
            running = ahead(runner.submit, lambda job: self._run(job[1].result()), loading, _AHEAD)
            for ((source, _), _), future in running:
                yield self._prediction(source, future)

    def _prediction(self, source: ImageLike, future: Future) -> Prediction:
        """What became of one image; a file that fails, however, does not end the others."""
        try:
            loaded, outputs = future.result()
            return Prediction(source, loaded.image, self._finish(source, loaded, outputs))
        except PoseError as error:
            return Prediction(source, error=error)
        except Exception as error:  # of OpenCV or the runtime, or too little memory
            if isinstance(source, np.ndarray):
                raise
            reason = f"{source} cannot be predicted ({type(error).__name__}: {error})"
            return Prediction(source, error=PoseError(reason))

    def _load(self, source: ImageLike, boxes: np.ndarray | None = None) -> _Loaded:
        """Reads an image and makes the inputs: all that can be done ahead of the network."""
        image, model = read_source(source), self.model
        if boxes is not None:
            boxes = _checked_boxes(boxes, model)
            crops = [prepare(model, image, region_of_box(box)) for box in boxes]
            return _Loaded(image, crops, boxes)
        return _Loaded(image, [prepare(model.detector or model, image)])

    def _run(self, loaded: _Loaded) -> tuple[_Loaded, list[np.ndarray] | None]:
        """The network's outputs for a whole image; None where boxes or a detector come first."""
        if loaded.boxes is not None or self.model.detector is not None:
            return loaded, None
        return loaded, self.model.network.invoke_batch(loaded.inputs[0].tensor)

    def _finish(
        self, source: ImageLike, loaded: _Loaded, outputs: list[np.ndarray] | None
    ) -> Poses:
        try:
            if outputs is None:
                return self._infer(loaded)
            return _decoded(self.model, outputs, loaded.inputs[0].transform, self.thresholds)
        except PoseError as error:
            if isinstance(source, np.ndarray):
                raise
            raise PoseError(f"{self.model.label} on {source}: {error}") from error

    def _infer(self, loaded: _Loaded) -> Poses:
        if loaded.boxes is not None:
            crops = self._upright_crops(loaded.image, loaded.boxes) if self.upright else None
            scores = np.ones(len(loaded.boxes), np.float32)
            return self._of_crops(crops or loaded.inputs, loaded.boxes, scores)
        if self.model.detector is not None:
            return self._of_detections(loaded, self.model.detector)
        return infer(self.model, loaded.inputs[0], self.thresholds)

    def _upright_crops(self, image: np.ndarray, boxes: np.ndarray) -> list[Prepared]:
        model = self.model
        if len(model.layout) != len(HAND21):
            raise PoseError(
                f"upright=True is for hands of {len(HAND21)} keypoints; {model.label} gives "
                f"{len(model.layout)}"
            )
        regions = [
            upright_hand(lambda tried: infer(model, prepare(model, image, tried), {}), region)
            for region in map(region_of_box, boxes)
        ]
        return [prepare(model, image, region) for region in regions]

    def _of_detections(self, loaded: _Loaded, detector: Model) -> Poses:
        found = infer(detector, loaded.inputs[0], _for_detector(detector, self.thresholds))
        regions = [region_of_detection(found, i) for i in range(len(found))]
        crops = [prepare(self.model, loaded.image, region) for region in regions]
        poses = self._of_crops(crops, found.boxes, found.box_scores)
        if detector.model_type != "detector":
            return poses
        # The box of a palm or face is smaller than the hand or head that is found by it.
        low, high = poses.keypoints.min(axis=1), poses.keypoints.max(axis=1)
        return replace(poses, boxes=np.concatenate([low, high], axis=1))

    def _of_crops(self, crops: list[Prepared], boxes: Any, scores: Any) -> Poses:
        """One pose per crop. Its score is that of the box times the mean of the keypoints'
        ("rescoring", as top-down methods do)."""
        layout = self.model.layout
        count = len(layout)
        empty = Poses(np.zeros((0, count, 2), np.float32), np.zeros((0, count), np.float32), layout)
        found = [infer(self.model, crop, self.thresholds | {"confidence": 0}) for crop in crops]
        poses = join(found) if found else empty
        rescored = np.asarray(scores, np.float32) * poses.scores.mean(axis=1)
        boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
        return replace(poses, boxes=boxes, box_scores=rescored)


def _for_detector(detector: Model, thresholds: dict[str, Any]) -> dict[str, Any]:
    """The thresholds that apply to a detector. The IoU of an SSD's weighted NMS is its own."""
    if detector.model_type != "detector":
        return thresholds
    return {n: v for n, v in thresholds.items() if n in ("confidence", "max_detections")}


def read_source(source: ImageLike) -> np.ndarray:
    """The (H, W, 3) uint8 image of a path, or the array itself.

    Raises:
        PoseError: if the file cannot be read, the array is of another type or shape, or it is
            neither.
    """
    if not isinstance(source, np.ndarray):
        return read_image(_checked_path(source))
    if source.ndim != 3 or source.shape[2] != 3 or source.dtype != np.uint8 or 0 in source.shape:
        raise PoseError(
            f"image array {source.dtype} {source.shape}: expected uint8 (height, width, 3), RGB"
        )
    return source


def no_image(given: object) -> PoseError:
    """The error for what is neither a path nor an array, nor a list of these."""
    return PoseError(
        f"{given!r:.80} ({type(given).__name__}) given; expected the path of an image, a uint8 "
        "array (height, width, 3), RGB, or a list of these"
    )


def _checked_path(source: str | os.PathLike[str]) -> str | os.PathLike[str]:
    if not isinstance(source, (str, os.PathLike)):
        raise no_image(source)
    if os.path.isdir(source):
        raise PoseError(
            f"{source} is a folder; expected an image. pu.find_images(folder) lists the images in "
            "it, for predict, or for pu.predict_images, which writes the results"
        )
    return source


def _checked_boxes(boxes: np.ndarray, model: Model) -> np.ndarray:
    model.require_boxes_taken()
    boxes = np.asarray(boxes, np.float32)
    if boxes.size and (boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all()):
        raise PoseError(
            f"boxes {boxes.shape}: expected (N, 4) finite numbers x0, y0, x1, y1 in pixels of the "
            "image"
        )
    return boxes.reshape(-1, 4)


class _CallingThread(Executor):
    """A synchronous executor: runs tasks in the calling thread. Without a spare core, a separate
    thread would compete with the network's and slow it down by a quarter."""

    def submit(self, fn: Callable[..., _R], /, *args: Any, **kwargs: Any) -> Future[_R]:
        future: Future[_R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # as in a thread: raised by future.result()
            future.set_exception(error)
        return future
