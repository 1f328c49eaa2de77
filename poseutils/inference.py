"""A model: a network with its decoder. Pictures go in, poses in pixels of the pictures come out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .decoders import DECODERS, MODEL_TYPES, InputView, Thresholds, find_outputs, guess_model_type, shapes_of
from .errors import PoseError
from .images import Transform, fit_to, read_image, to_color_mode
from .keypoints import DETECTED, HAND21, HEAD468, KeypointLayout, layout_for, with_sigmas
from .networks import Network, open_network
from .poses import Poses
from .zoo import ZOO, fetch, find_entry

if TYPE_CHECKING:
    from .config import Config

ImageLike = str | os.PathLike | np.ndarray
_AHEAD = 4  # images that are read and resized while the network runs


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
class Model:
    """A network that predicts poses.

    Attributes:
        network: what runs it.
        model_type: one of ``MODEL_TYPES``.
        layout: of its K keypoints.
        aspect_ratio, interpolation: how images are brought to the input's size; see :func:`poseutils.images.fit_to`.
        color_mode: the order of channels that the network was trained on; see :func:`poseutils.images.to_color_mode`.
        normalized: see :class:`poseutils.decoders.InputView`.
    """

    network: Network
    model_type: str
    layout: KeypointLayout
    aspect_ratio: str = "fit"
    interpolation: str = "bilinear"
    color_mode: str = "rgb"
    normalized: bool = True
    name: str = ""

    @property
    def path(self) -> Path:
        """The model file."""
        return self.network.path

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        return self.network.input_size

    @property
    def view(self) -> InputView:
        """The input as the decoder sees it."""
        return InputView(*self.input_size, self.network.channels_first, self.normalized)

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

    def preprocess(self, image: np.ndarray) -> tuple[np.ndarray, Transform]:
        """(H, W, 3) uint8 -> (height, width, 3) float32 pixels of the input, still 0…255, and the transform."""
        return fit_to(to_color_mode(image, self.color_mode), self.input_size, self.aspect_ratio, self.interpolation)

    def raw(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """The decoder's own tensors for a batch of preprocessed images (B, height, width, 3): ``heatmaps``, ``candidates``…"""
        return find_outputs(self.model_type, self.network.run(images), self.view)

    def decode(self, found: dict[str, np.ndarray], thresholds: Thresholds = Thresholds()) -> list[Poses]:
        """Decoder's tensors -> one Poses an image, in pixels of the network's input."""
        return DECODERS[self.model_type].decode(found, self.view, self.layout, thresholds)

    def predict(self, images: ImageLike | Sequence[ImageLike], **thresholds) -> Poses | list[Poses]:
        """Poses on one image or several.

        Args:
            images: a path, an (H, W, 3) uint8 RGB array, or a list of these.
            thresholds: ``confidence``, ``nms_iou``, ``max_detections`` of :class:`poseutils.decoders.Thresholds`. They thin out
                the people that a ``yolo_mpe`` network finds; the other networks always give the one that they see.

        Returns:
            Poses in pixels of the image as it is shown (EXIF orientation applied), or a list of them for a list.

        Raises:
            PoseError: if an image cannot be read. To go on with the others, use :meth:`predict_each`.
        """
        if isinstance(images, (str, os.PathLike, np.ndarray)):
            image, pixels, transform = self._load(images)
            return self._infer(pixels, transform, Thresholds(**thresholds))
        predictions = list(self.predict_each(images, **thresholds))
        for prediction in predictions:
            if prediction.error:
                raise prediction.error
        return [prediction.poses for prediction in predictions]

    def predict_each(self, images: Iterable[ImageLike], **thresholds) -> Iterator[Prediction]:
        """Predictions one by one, in order, reading ahead while the network runs. An image that cannot be read gives its error."""
        limits = Thresholds(**thresholds)
        with ThreadPoolExecutor(1) as reader:
            for source, future in _read_ahead(reader, images, self._load):
                try:
                    image, pixels, transform = future.result()
                except PoseError as error:
                    yield Prediction(source, error=error)
                else:
                    yield Prediction(source, image, self._infer(pixels, transform, limits))

    def _load(self, source: ImageLike) -> tuple[np.ndarray, np.ndarray, Transform]:
        image = _read(source)
        return image, *self.preprocess(image)

    def _infer(self, pixels: np.ndarray, transform: Transform, thresholds: Thresholds) -> Poses:
        (poses,) = self.decode(self.raw(pixels[None]), thresholds)
        return poses.moved(transform.inverse)


def _read(source: ImageLike) -> np.ndarray:
    if not isinstance(source, np.ndarray):
        return read_image(source)
    if source.ndim != 3 or source.shape[2] != 3 or source.dtype != np.uint8 or 0 in source.shape:
        raise PoseError(f"image array {source.dtype} {source.shape}: expected uint8 (height, width, 3), RGB")
    return source


def _read_ahead(reader: ThreadPoolExecutor, items: Iterable, load) -> Iterator[tuple[ImageLike, Future]]:
    """(item, future of load(item)) in order, a few loading ahead, so that memory does not grow with their number."""
    items = iter(items)
    pending = [(item, reader.submit(load, item)) for item in islice(items, _AHEAD)]
    while pending:
        yield pending.pop(0)
        pending += [(item, reader.submit(load, item)) for item in islice(items, 1)]


def load_model(
    name_or_path: str | os.PathLike,
    model_type: str | None = None,
    *,
    layout: KeypointLayout | None = None,
    num_threads: int | None = None,
    rescaling: tuple[float, float] | None = None,
    aspect_ratio: str = "fit",
    interpolation: str = "bilinear",
    color_mode: str = "rgb",
) -> Model:
    """A model from the zoo or from a file.

    Args:
        name_or_path: a name of ``ZOO``, or a .tflite, .onnx, .keras or .h5 file.
        model_type: one of ``MODEL_TYPES``; needed for a file whose outputs fit several types, or none.
        layout: of the keypoints (default: the usual one of their number).
        num_threads: of the runtime (default: all cores).
        rescaling: scale and offset for pixels 0…255 (default: the zoo's; else pixels as they are for integer inputs, -1…1 for
            float ``heatmaps_spe`` networks, 0…1 for other float ones).
        aspect_ratio, interpolation: see :func:`poseutils.images.fit_to`.
        color_mode: ``rgb`` or ``bgr``.

    Raises:
        PoseError: if there is no such model or file; if the file is damaged; if the outputs do not fit the model type.
    """
    entry = ZOO.get(str(name_or_path))
    if entry is None and not Path(name_or_path).suffix and not Path(name_or_path).exists():
        entry = find_entry(str(name_or_path))
    path = fetch(entry.name) if entry else Path(name_or_path)
    network = open_network(path, num_threads, rescaling or (entry and entry.rescaling))
    normalized = path.suffix.lower() == ".tflite"  # YOLO exporters: 0…1 in TensorFlow Lite files, pixels in all others
    view = InputView(*network.input_size, network.channels_first, normalized)
    outputs = network.run(np.zeros((1, *network.input_size, 3), np.float32))
    model_type = model_type or (entry.model_type if entry else _guessed(outputs, view, path))
    found = find_outputs(model_type, outputs, view)
    network = replace(network, rescaling=_default_rescaling(network, model_type))
    layout = _checked_layout(layout, model_type, DECODERS[model_type].count_keypoints(found), path)
    return Model(network, model_type, layout, aspect_ratio, interpolation, color_mode, normalized, str(name_or_path))


def load_configured_model(config: Config, name_or_path: str = "") -> Model:
    """The model that a configuration describes, or another one treated as the configuration says.

    Args:
        config: its model, preprocessing, dataset and general sections are used.
        name_or_path: another model than ``model.model_path``; its type is the zoo's or, for a file, told by its outputs.

    Raises:
        PoseError: as :func:`load_model`; if neither names a model.
    """
    chosen = name_or_path or config.model.model_path
    if not chosen:
        raise PoseError("no model: give one, or set model.model_path in the configuration")
    own = chosen == config.model.model_path
    published = chosen in ZOO
    preprocessing = config.preprocessing
    model = load_model(
        chosen if published else _model_file(config, chosen),
        config.model.model_type if own else None,
        num_threads=config.general.num_threads_tflite,
        aspect_ratio=preprocessing.resizing.aspect_ratio,
        interpolation=preprocessing.resizing.interpolation,
        color_mode=preprocessing.color_mode,
        rescaling=None if published else (preprocessing.rescaling.scale, preprocessing.rescaling.offset),
    )
    return replace(model, layout=with_sigmas(model.layout, config.dataset.oks_sigmas))


def _model_file(config: Config, name: str) -> Path:
    if not Path(name).suffix:
        find_entry(name)  # a misspelled zoo name: says which one is near
    return config.resolve(name)


def _guessed(outputs: dict[str, np.ndarray], view: InputView, path: Path) -> str:
    model_type = guess_model_type(outputs, view)
    if model_type is None:
        raise PoseError(
            f"cannot tell the model type of {path} from its outputs ({shapes_of(outputs)}): "
            f"give model_type=, one of {', '.join(MODEL_TYPES)}"
        )
    return model_type


def _default_rescaling(network: Network, model_type: str) -> tuple[float, float] | None:
    """Float inputs need a range: MobileNet's -1…1 for heatmaps, as the zoo trains them, else 0…1."""
    if network.rescaling is not None or np.dtype(network.input.dtype).kind != "f":
        return network.rescaling
    return (1 / 127.5, -1.0) if model_type == "heatmaps_spe" else (1 / 255, 0.0)


def _checked_layout(layout: KeypointLayout | None, model_type: str, count: int, path: Path) -> KeypointLayout:
    usual = {"hand_spe": HAND21, "head_spe": HEAD468, "detector": DETECTED.get(count)}.get(model_type)
    layout = layout or usual or layout_for(count)
    if len(layout) != count:
        raise PoseError(f"{path} gives {count} keypoints; the layout {layout.name!r} has {len(layout)}")
    return layout
