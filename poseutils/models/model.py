"""A model: preprocessing, network and decoder, from images to poses in pixels of the images."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, overload

import numpy as np

from ..crops import Region, cut
from ..decoders import (
    DECODERS,
    ONE_PERSON_TYPES,
    InputSpec,
    Thresholds,
    find_outputs,
    thresholds_of,
)
from ..errors import PoseError
from ..geometry import Transform
from ..images import fit_to, to_color_mode
from ..keypoints import KeypointLayout
from ..poses import Poses
from .networks.network import Network
from .predictor import ImageLike, Prediction, Predictor, no_image


@dataclass(frozen=True)
class Model:
    """A network that predicts poses: preprocess, run, decode, map back to the image.

    Attributes:
        network: the runtime with the model file.
        model_type: one of ``MODEL_TYPES``.
        layout: the K keypoints.
        input_spec: the input, and units and order of the outputs, as the decoder needs to know
            them.
        aspect_ratio, interpolation: how images are resized to the input; see
            :func:`poseutils.images.fit_to`.
        color_mode: the channel order that the network was trained on; see
            :func:`poseutils.images.to_color_mode`.
        name: a zoo name or a path, as given to ``load_model``.
        detector: the first stage of a top-down pipeline, whose detections this model crops; None if
            the input is the whole image.
        class_names: of the classes that the network tells apart, if they are known.
        classes: indices of the classes that are kept; empty: all.
        decided: what was decided of the network, and by what, for ``summary``.
    """

    network: Network
    model_type: str
    layout: KeypointLayout
    input_spec: InputSpec
    aspect_ratio: str = "fit"
    interpolation: str = "bilinear"
    color_mode: str = "rgb"
    name: str = ""
    detector: Model | None = None
    class_names: tuple[str, ...] = ()
    classes: tuple[int, ...] = ()
    decided: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The model file."""
        return self.network.path

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the input."""
        return self.network.input_size

    @property
    def gives_boxes(self) -> bool:
        """True if the network detects several people with their boxes: it takes no boxes, and can
        be a detector."""
        return self.model_type in ("yolo_mpe", "detector")

    @property
    def gives_several(self) -> bool:
        """True if there may be several poses per image: from the network itself or by its
        detector."""
        return self.gives_boxes or self.detector is not None

    @property
    def has_confidence(self) -> bool:
        """True if the threshold ``confidence`` decides which people are kept."""
        return self.gives_boxes or self.gives_one_pose

    @property
    def gives_one_pose(self) -> bool:
        """True for a network that gives one pose for every image, with a person in it or not."""
        return self.model_type in ONE_PERSON_TYPES and self.detector is None

    @property
    def label(self) -> str:
        """A short name for tables: the zoo's, or the file's."""
        return Path(self.name).name

    def summary(self) -> dict[str, str]:
        """One row for a table."""
        height, width = self.input_size
        head = self.input_spec.head
        return {
            "model": self.label,
            "model_type": self.model_type,
            "runtime": self.network.runtime,
            "input": f"{width} × {height} {self.network.input.dtype}",
            "keypoints": f"{len(self.layout)} ({self.layout.name})",
            **({"confidence": f"{self.thresholds().confidence:g}"} if self.has_confidence else {}),
            **({"classes": str(head.classes)} if head is not None and head.classes > 1 else {}),
            **self.decided,
        }

    def with_detector(self, detector: Model | None) -> Model:
        """The same model behind a detector of people, hands or heads.

        Raises:
            PoseError: if this model takes no boxes, or the detector gives none.
        """
        if detector is not None:
            self.require_boxes_taken()
            if not detector.gives_boxes:
                raise PoseError(
                    f"{detector.label} ({detector.model_type}) gives no boxes: a detector is a "
                    "yolo_mpe model, or an SSD of palms or faces"
                )
        return replace(self, detector=detector)

    def require_boxes_taken(self) -> None:
        """Checks that the network can be run on the crops of boxes.

        Raises:
            PoseError: if it detects several people in the whole image.
        """
        if self.gives_boxes:
            raise PoseError(
                f"{self.label} ({self.model_type}) detects all people in an image by itself: it "
                "takes no boxes and no detector"
            )

    def thresholds(self, **given: Any) -> Thresholds:
        """The default thresholds of the model type, with those given replaced."""
        return thresholds_of(self.model_type, self.input_spec, **given)

    def preprocess(
        self, image: np.ndarray, region: Region | None = None
    ) -> tuple[np.ndarray, Transform]:
        """Converts the color mode of an image, and resizes it, or the crop of a region, to the
        input.

        Args:
            image: (H, W, 3) uint8 RGB.
            region: crop; None takes the whole image.

        Returns:
            (height, width, C) pixels of the input, still 0…255, and the transform of points.
        """
        image = to_color_mode(image, self.color_mode, self.network.channels)
        if region is not None:
            return cut(image, region, self.input_size)
        return fit_to(image, self.input_size, self.aspect_ratio, self.interpolation)

    def run(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """The network's output for a batch of preprocessed images (B, height, width, C), under the
        decoder's names: ``heatmaps``, ``candidates``…"""
        return self.find_outputs(self.network.run(pixels))

    def find_outputs(self, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The dequantized outputs of the network, by the names in its file -> the tensors that the
        decoder reads, by its own names."""
        return find_outputs(self.model_type, outputs, self.input_spec)

    def decode(self, found: Mapping[str, np.ndarray], **thresholds: Any) -> list[Poses]:
        """What :meth:`run` gives -> one Poses per image, in pixels of the input."""
        decoder = DECODERS[self.model_type]
        given = self.thresholds(**thresholds)
        poses = decoder.decode(found, self.input_spec, self.layout, given)
        if not self.classes:
            return poses
        return [one[np.isin(one.classes, self.classes)] for one in poses]

    @overload
    def predict(
        self,
        images: ImageLike,
        *,
        boxes: np.ndarray | None = None,
        person_boxes: Model | str | os.PathLike[str] | None = None,
        upright: bool = False,
        **thresholds: Any,
    ) -> Poses: ...

    @overload
    def predict(
        self,
        images: Sequence[ImageLike],
        *,
        boxes: Sequence[np.ndarray] | None = None,
        person_boxes: Model | str | os.PathLike[str] | None = None,
        upright: bool = False,
        **thresholds: Any,
    ) -> list[Poses]: ...

    def predict(
        self,
        images: ImageLike | Sequence[ImageLike],
        *,
        boxes: Any = None,
        person_boxes: Model | str | os.PathLike[str] | None = None,
        upright: bool = False,
        **thresholds: Any,
    ) -> Poses | list[Poses]:
        """Predicts the poses in one image or several.

        Args:
            images: a path, an (H, W, 3) uint8 RGB array, or a list of these.
            boxes: (N, 4) x0, y0, x1, y1 in pixels. The input is the square crop of each box,
                enlarged by a quarter; there is one pose per box, in their order. For a list of
                images, one such array per image.
            person_boxes: a detector that finds the boxes: a model, or what ``load_model`` takes.
            upright: the hands in ``boxes`` have any orientation, which is estimated first; see
                :func:`poseutils.crops.upright_hand`.
            thresholds: ``confidence``, ``nms_iou``, ``max_detections``, ``refine``… of
                :class:`poseutils.decoders.Thresholds`. With ``boxes`` or a detector, ``confidence``
                is that of the detector: there is one pose per box.

        Returns:
            Poses in pixels of the image as displayed (EXIF orientation applied), without a
            person if no score is above the confidence; a list for a list.

        Raises:
            PoseError: if an image cannot be read (:meth:`predict_each` goes on with the others),
                or is given as another type; for boxes of a wrong shape, or for a network that takes
                none.
        """
        model = self
        if person_boxes is not None:
            from .loading import load_detector  # loading makes Models: deferred

            model = self.with_detector(load_detector(person_boxes))
        predictor = Predictor(model, upright, thresholds)
        if isinstance(images, (str, os.PathLike, np.ndarray)):
            return predictor.predict(images, boxes)
        if not isinstance(images, Iterable):
            raise no_image(images)
        return [prediction.require() for prediction in predictor.predict_each(images, boxes)]

    def predict_each(
        self,
        images: Iterable[ImageLike],
        *,
        boxes: Iterable[np.ndarray] | None = None,
        upright: bool = False,
        **thresholds: Any,
    ) -> Iterator[Prediction]:
        """Yields predictions in order, reading ahead while the network runs. That of an unreadable
        image has an error instead of poses.

        Args:
            images, boxes, upright, thresholds: as for :meth:`predict`.

        Raises:
            PoseError: if a threshold is out of range, or the network gives NaN or infinity.
        """
        return Predictor(self, upright, thresholds).predict_each(images, boxes)
