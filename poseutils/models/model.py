"""A model: a network with its decoder. Pictures go in, poses in pixels of the pictures come out."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice, repeat
from pathlib import Path

import numpy as np

from ..crops import Region, cut, region_of_box, region_of_detection, upright_hand
from ..decoders import DECODERS, InputSpec, Thresholds, find_outputs
from ..errors import PoseError
from ..geometry import Transform
from ..images import fit_to, read_image, to_color_mode
from ..keypoints import HAND21, KeypointLayout
from ..poses import Poses, join
from .network import Network

ImageLike = str | os.PathLike | np.ndarray
_AHEAD = 8  # images that are read and resized while the network runs, and that wait for who asked for them


@dataclass(frozen=True)
class Prediction:
    """What came of one image of many: poses, or the error that kept it from being read.

    Attributes:
        source: what was given, a path or an array.
        image: (H, W, 3) uint8, or None if it could not be read.
        poses: or None if it could not be read.
        error: or None.
    """

    source: ImageLike
    image: np.ndarray | None = None
    poses: Poses | None = None
    error: PoseError | None = None


@dataclass(frozen=True)
class View:
    """What the network is shown of an image: ``tensor`` (1, ...) of its own type and layout, and
    where it lies on the image."""

    tensor: np.ndarray
    transform: Transform


@dataclass(frozen=True)
class Model:
    """A network that predicts poses.

    Attributes:
        network: what runs it.
        model_type: one of ``MODEL_TYPES``, or ``detector``.
        layout: of its K keypoints.
        aspect_ratio, interpolation: how images are brought to the input's size; see
            :func:`poseutils.images.fit_to`.
        color_mode: the order of channels that the network was trained on; see
            :func:`poseutils.images.to_color_mode`.
        normalized: see :class:`poseutils.decoders.InputSpec`.
        name: as it was loaded: a zoo name or a path.
        detector: a model that finds what this one then looks at, one by one; None if it looks at
            whole images.
    """

    network: Network
    model_type: str
    layout: KeypointLayout
    aspect_ratio: str = "fit"
    interpolation: str = "bilinear"
    color_mode: str = "rgb"
    normalized: bool = True
    name: str = ""
    detector: Model | None = None

    @property
    def path(self) -> Path:
        """The model file."""
        return self.network.path

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        return self.network.input_size

    @property
    def view(self) -> InputSpec:
        """The input as the decoder sees it."""
        return InputSpec(*self.input_size, self.network.channels_first, self.normalized)

    @property
    def finds_by_itself(self) -> bool:
        """True if the network finds everybody on an image, and gives a box for each: it takes no
        boxes, and can be a detector."""
        return self.model_type in ("yolo_mpe", "detector")

    @property
    def finds_several(self) -> bool:
        """True if it may give several people an image: by itself or after its detector."""
        return self.finds_by_itself or self.detector is not None

    @property
    def label(self) -> str:
        """A short name for tables: the zoo's, or the file's."""
        return Path(self.name).name

    def summary(self) -> dict[str, str]:
        """What the model is, in words for a table."""
        height, width = self.input_size
        return {
            "model": self.label,
            "model_type": self.model_type,
            "runtime": self.network.runtime,
            "input": f"{width} × {height} {self.network.input.dtype}",
            "keypoints": f"{len(self.layout)} ({self.layout.name})",
        }

    def with_detector(self, detector: Model | str | os.PathLike | None) -> Model:
        """The same model behind a first stage that finds people, hands or heads: a model, or what
        ``load_model`` takes.

        Raises:
            PoseError: if this model finds several people by itself, or the detector gives no boxes.
        """
        from .loading import load_detector

        if detector is None:
            return replace(self, detector=None)
        if self.finds_by_itself:
            raise PoseError(
                f"{self.label} ({self.model_type}) finds everybody on an image by itself: it takes no boxes and no detector"
            )
        return replace(self, detector=load_detector(detector))

    def thresholds(self, **given) -> Thresholds:
        """The usual thresholds of this type of model, some given otherwise."""
        return replace(getattr(DECODERS[self.model_type], "THRESHOLDS", Thresholds()), **given)

    def own(self, thresholds: dict) -> dict:
        """Those of given thresholds that this type of model is asked by: anchors are blended by an
        overlap of their own."""
        return (
            {n: v for n, v in thresholds.items() if n in ("confidence", "max_detections")}
            if self.model_type == "detector"
            else thresholds
        )

    def preprocess(self, image: np.ndarray) -> tuple[np.ndarray, Transform]:
        """(H, W, 3) uint8 -> (height, width, 3) pixels of the input, still 0…255, and the
        transform."""
        return fit_to(
            to_color_mode(image, self.color_mode, self.network.channels),
            self.input_size,
            self.aspect_ratio,
            self.interpolation,
        )

    def raw(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """The decoder's own tensors for a batch of preprocessed images (B, height, width, 3):
        ``heatmaps``, ``candidates``…"""
        return find_outputs(self.model_type, self.network.run(images), self.view)

    def decode(self, found: dict[str, np.ndarray], **thresholds) -> list[Poses]:
        """Decoder's tensors -> one Poses an image, in pixels of the network's input."""
        return DECODERS[self.model_type].decode(
            found, self.view, self.layout, self.thresholds(**thresholds)
        )

    def predict(
        self,
        images: ImageLike | Sequence[ImageLike],
        *,
        boxes: np.ndarray | Sequence[np.ndarray] | None = None,
        person_boxes: Model | str | os.PathLike | None = None,
        upright: bool = False,
        **thresholds,
    ) -> Poses | list[Poses]:
        """Poses on one image or several.

        Args:
            images: a path, an (H, W, 3) uint8 RGB array, or a list of these.
            boxes: (N, 4) x0, y0, x1, y1 in pixels: the network looks at the square around each box,
                enlarged by a quarter, and gives one pose a box, in their order. For a list of
                images, one such array an image.
            person_boxes: a model, or its name, that finds the boxes first; see
                :meth:`with_detector`.
            upright: hands in ``boxes`` are looked at from several sides to find out where up is;
                see :func:`poseutils.crops.upright_hand`.
            thresholds: ``confidence``, ``nms_iou``, ``max_detections``, ``refine``… of
                :class:`poseutils.decoders.Thresholds`. Those about people thin out what a
                ``yolo_mpe`` network or a detector finds; the other networks always give the one
                that they see.

        Returns:
            Poses in pixels of the image as it is shown (EXIF orientation applied), or a list of
            them for a list.

        Raises:
            PoseError: if an image cannot be read (to go on with the others, use
                :meth:`predict_each`); for boxes of another shape, or a network that takes none.
        """
        model = self if person_boxes is None else self.with_detector(person_boxes)
        if isinstance(images, (str, os.PathLike, np.ndarray)):
            return model._infer(model._load(images, boxes), upright, thresholds)
        predictions = list(model.predict_each(images, boxes=boxes, upright=upright, **thresholds))
        for prediction in predictions:
            if prediction.error:
                raise prediction.error
        return [prediction.poses for prediction in predictions]

    def predict_each(
        self,
        images: Iterable[ImageLike],
        *,
        boxes: Iterable[np.ndarray] | None = None,
        upright: bool = False,
        **thresholds,
    ) -> Iterator[Prediction]:
        """Predictions one by one, in order, reading ahead while the network runs. An image that
        cannot be read gives its error.

        Args:
            images: as for :meth:`predict`.
            boxes: None, or one (N, 4) array an image, as for :meth:`predict`.
            upright, thresholds: as for :meth:`predict`.

        Raises:
            PoseError: if the network's output is not a number.
        """
        self.thresholds(
            **thresholds
        )  # what is wrong with them is said before the first image is read

        jobs = zip(images, repeat(None) if boxes is None else boxes)
        # The network keeps its cores busy, and, if the caller does not run it but works beside it, the caller one more.
        spare = (
            os.cpu_count() or 1
        ) > self.network.num_threads * self.network.at_once + self._sees_all(boxes)
        with (
            ThreadPoolExecutor(1) if spare else _Here() as reader,
            ThreadPoolExecutor(self.network.at_once) as runner,
        ):
            loading = _ahead(reader, jobs, lambda job: self._load(*job), _AHEAD if spare else 1)
            for ((source, _), _), running in _ahead(
                runner, loading, lambda job: self._run(job[1].result()), _AHEAD
            ):
                try:
                    loaded, outputs = running.result()
                except PoseError as error:
                    yield Prediction(source, error=error)
                else:
                    yield Prediction(
                        source,
                        loaded.image,
                        self._infer_named(source, loaded, outputs, upright, thresholds),
                    )

    def look(self, image: np.ndarray, region: Region) -> View:
        """What the network is shown of one region of an (H, W, 3) image."""
        pixels, transform = cut(
            to_color_mode(image, self.color_mode, self.network.channels), region, self.input_size
        )
        return View(self.network.prepare(pixels[None]), transform)

    def see(self, view: View, **thresholds) -> Poses:
        """Runs the network on one view; poses in pixels of the image."""
        return self._poses(self.network.run_prepared(view.tensor), view, thresholds)

    def decoded(self, outputs: dict[str, np.ndarray], **thresholds) -> list[Poses]:
        """The network's outputs by name, real numbers, whatever ran it -> one Poses an image, in
        pixels of the network's input."""
        return self.decode(find_outputs(self.model_type, outputs, self.view), **thresholds)

    def _poses(self, outputs: dict[str, np.ndarray], view: View, thresholds: dict) -> Poses:
        (poses,) = self.decoded(outputs, **thresholds)
        return poses.transformed(view.transform.inverse)

    def _load(self, source: ImageLike, boxes: np.ndarray | None = None) -> _Loaded:
        """All of an image's work that needs no network, so that it can be done ahead."""
        image = read_source(source)
        if boxes is not None:
            boxes = _checked_boxes(boxes, self)
            return _Loaded(image, [self.look(image, region_of_box(box)) for box in boxes], boxes)
        if self.detector is not None:
            return _Loaded(image, self.detector._load(image).views)
        pixels, transform = self.preprocess(image)
        return _Loaded(image, [View(self.network.prepare(pixels[None]), transform)])

    def _sees_all(self, boxes: Iterable | None) -> bool:
        """Whether the network is shown whole images, not boxes or what the detector finds."""
        return boxes is None and self.detector is None

    def _run(self, loaded: _Loaded) -> tuple[_Loaded, list[np.ndarray] | None]:
        """The network's own outputs where it is shown the whole image, and only then: the thread
        that runs it does nothing else."""
        return loaded, self.network.invoke_batch(loaded.views[0].tensor) if self._sees_all(
            loaded.boxes
        ) else None

    def _infer_named(
        self,
        source: ImageLike,
        loaded: _Loaded,
        outputs: list | None,
        upright: bool,
        thresholds: dict,
    ) -> Poses:
        try:
            if outputs is not None:
                return self._poses(self.network.dequantized(outputs), loaded.views[0], thresholds)
            return self._infer(loaded, upright, thresholds)
        except PoseError as error:
            raise (
                error
                if isinstance(source, np.ndarray)
                else PoseError(f"{self.label} on {source}: {error}")
            ) from error

    def _infer(self, loaded: _Loaded, upright: bool, thresholds: dict) -> Poses:
        if loaded.boxes is not None:
            views = self._upright(loaded) if upright else loaded.views
            return self._each_box(
                views, loaded.boxes, np.ones(len(loaded.boxes), np.float32), thresholds
            )
        if self.detector is None:
            return self.see(loaded.views[0], **thresholds)
        return self._after_detector(loaded, thresholds)

    def _upright(self, loaded: _Loaded) -> list[View]:
        if len(self.layout) != len(HAND21):
            raise PoseError(
                f"upright=True is for hands of {len(HAND21)} keypoints; {self.label} gives {len(self.layout)}"
            )

        def glance(region: Region) -> Poses:
            return self.see(self.look(loaded.image, region))

        return [
            self.look(loaded.image, upright_hand(glance, region_of_box(box)))
            for box in loaded.boxes
        ]

    def _after_detector(self, loaded: _Loaded, thresholds: dict) -> Poses:
        found = self.detector.see(loaded.views[0], **self.detector.own(thresholds))
        views = [self.look(loaded.image, region_of_detection(found, i)) for i in range(len(found))]
        poses = self._each_box(views, found.boxes, found.box_scores, thresholds)
        return (
            replace(poses, boxes=_extents(poses.keypoints))
            if self.detector.model_type == "detector"
            else poses
        )

    def _each_box(
        self, views: list[View], boxes: np.ndarray, scores: np.ndarray, thresholds: dict
    ) -> Poses:
        """One pose a view. Its score is the box's times the mean of the keypoints' ("rescoring", as
        top-down methods do)."""
        count = len(self.layout)
        nobody = Poses(
            np.zeros((0, count, 2), np.float32), np.zeros((0, count), np.float32), self.layout
        )
        poses = join([self.see(view, **thresholds) for view in views]) if views else nobody
        rescored = np.asarray(scores, np.float32) * poses.scores.mean(axis=1)
        return replace(
            poses, boxes=np.asarray(boxes, np.float32).reshape(-1, 4), box_scores=rescored
        )


@dataclass(frozen=True)
class _Loaded:
    """An image with what is to be shown of it to the network, or, without boxes, to its detector if
    it has one."""

    image: np.ndarray
    views: list[View]
    boxes: np.ndarray | None = None


def read_source(source: ImageLike) -> np.ndarray:
    """The (H, W, 3) uint8 image that is given, as a path or as itself; other arrays are refused."""
    if not isinstance(source, np.ndarray):
        return read_image(source)
    if source.ndim != 3 or source.shape[2] != 3 or source.dtype != np.uint8 or 0 in source.shape:
        raise PoseError(
            f"image array {source.dtype} {source.shape}: expected uint8 (height, width, 3), RGB"
        )
    return source


def _extents(keypoints: np.ndarray) -> np.ndarray:
    """(N, 4) boxes around all keypoints (N, K, 2): a palm or a face is less than the hand or head
    that was found by it."""
    return np.concatenate([keypoints.min(axis=1), keypoints.max(axis=1)], axis=1)


def _checked_boxes(boxes: np.ndarray, model: Model) -> np.ndarray:
    if model.finds_by_itself:
        raise PoseError(
            f"{model.label} ({model.model_type}) finds everybody on an image by itself: it takes no boxes"
        )
    boxes = np.asarray(boxes, np.float32)
    if boxes.size and (boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all()):
        raise PoseError(
            f"boxes {boxes.shape}: expected (N, 4) finite numbers x0, y0, x1, y1 in pixels of the image"
        )
    return boxes.reshape(-1, 4)


class _Here(Executor):
    """Does what is submitted at once, in the thread that submits it. Where there is no core for a
    thread of its own, that would take turns with the one that runs the network, which then waits
    for a quarter of the time."""

    def submit(self, work: Callable, *arguments) -> Future:
        future = Future()
        try:
            future.set_result(work(*arguments))
        except Exception as error:  # any, as of a thread: it is for whoever asks for the result
            future.set_exception(error)
        return future


def _ahead(
    pool: Executor, items: Iterable, work: Callable, count: int
) -> Iterator[tuple[object, Future]]:
    """(item, future of work(item)) in order, ``count`` ahead of whoever takes them, so that memory
    does not grow with their number."""
    items = iter(items)
    pending = deque((item, pool.submit(work, item)) for item in islice(items, count))
    while pending:
        yield pending.popleft()
        pending.extend((item, pool.submit(work, item)) for item in islice(items, 1))
