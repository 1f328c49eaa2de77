"""Models from the zoo, from files, and from configurations."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..datasets import configured_layout
from ..decoders import (
    DECODERS,
    MODEL_TYPES,
    InputSpec,
    find_outputs,
    guess_model_type,
    shapes_of,
    yolo_mpe,
)
from ..errors import PoseError
from ..keypoints import DETECTED, FACE6, HAND21, HEAD468, KeypointLayout, layout_for, with_sigmas
from .model import Model
from .network import Network, open_network
from .zoo import ZOO, Entry, fetch, find_entry, name_of

if TYPE_CHECKING:
    from ..config import Config


def load_model(
    name_or_path: str | os.PathLike[str],
    model_type: str | None = None,
    *,
    layout: KeypointLayout | None = None,
    num_threads: int | None = None,
    rescaling: tuple[float, float] | None = None,
    aspect_ratio: str | None = None,
    interpolation: str | None = None,
    color_mode: str = "rgb",
    normalized: bool | None = None,
    detector: Model | str | os.PathLike[str] | None = None,
) -> Model:
    """Loads a model from the zoo or from a file.

    Args:
        name_or_path: a name of ``ZOO`` or the URL of one of its files, or a .tflite, .onnx, .keras
            or .h5 file.
        model_type: one of ``MODEL_TYPES``; required for a file whose outputs fit several types, or
            none.
        layout: of the keypoints (default: the usual one for their number).
        num_threads: of the runtime (default: half of the cores; the others read images ahead).
        rescaling: scale and offset for pixels 0…255. Default: the zoo's; else none for integer
            inputs, to -1…1 for float ``heatmaps_spe`` networks, to 0…1 for other float networks.
        aspect_ratio, interpolation: see :func:`poseutils.images.fit_to`. Default: ``fit`` and
            ``bilinear``; for detectors of palms and faces ``padding`` and ``area``, as their
            anchors are square and their input is small.
        color_mode: ``rgb`` or ``bgr``.
        normalized: whether a ``yolo_mpe`` network outputs coordinates from 0 to 1 (True) or in
            pixels (False). Default: determined from its output.
        detector: a model, or its name or file, that detects the people, hands or heads that this
            model then crops.

    Raises:
        PoseError: if there is no such model or file; if the file is damaged; if the outputs do not
            fit the model type.
    """
    path, entry = find_file(name_or_path)
    network = open_network(path, num_threads, rescaling or (entry.rescaling if entry else None))
    spec = InputSpec(*network.input_size, network.channels_first)
    outputs = network.run(np.zeros((1, *network.input_size, 3), np.float32))
    model_type = model_type or (entry.model_type if entry else _guessed(outputs, spec, path))
    found = find_outputs(model_type, outputs, spec)
    if normalized is None:
        normalized = _is_normalized(model_type, found, spec, path)
    layout = _checked_layout(layout, model_type, DECODERS[model_type].count_keypoints(found), path)
    model = Model(
        replace(network, rescaling=_default_rescaling(network, model_type, layout)),
        model_type,
        layout,
        aspect_ratio or ("padding" if model_type == "detector" else "fit"),
        interpolation or ("area" if model_type == "detector" else "bilinear"),
        color_mode,
        normalized,
        entry.name if entry else str(name_or_path),
    )
    return model.with_detector(load_detector(detector) if detector is not None else None)


def find_file(name_or_path: str | os.PathLike) -> tuple[Path, Entry | None]:
    """The file of a zoo name, of the address of one of its files, or of a path; and the zoo's
    entry, if it is one.

    Raises:
        PoseError: if the zoo has no such name, or its file cannot be downloaded.
    """
    name = name_of(str(name_or_path))
    entry = ZOO.get(name)
    if entry is None and not Path(name).suffix and not Path(name).exists():
        entry = find_entry(name)
    return (fetch(entry.name), entry) if entry else (Path(name), None)


def load_detector(detector: Model | str | os.PathLike[str]) -> Model:
    """A detector given as a model, or by its name or file, which is loaded once.

    Raises:
        PoseError: if it cannot be loaded.
    """
    return detector if isinstance(detector, Model) else _load_once(str(detector))


@lru_cache(maxsize=4)
def _load_once(name: str) -> Model:
    return load_model(name)


def load_configured_model(config: Config, name_or_path: str = "", detector: str = "") -> Model:
    """Loads the model of a configuration, or another model with the configuration's preprocessing.

    Args:
        config: its model, preprocessing, dataset and general sections are used.
        name_or_path: instead of ``model.model_path``; its type is the zoo's or, for a file,
            determined from its outputs.
        detector: the name or file of a detector of people, hands or heads; empty: none.

    Raises:
        PoseError: as :func:`load_model`; if neither gives a model.
    """
    chosen = name_or_path or config.model.model_path
    if not chosen:
        raise PoseError("no model: give one, or set model.model_path in the configuration")
    own = chosen == config.model.model_path
    chosen = name_of(chosen)
    published = chosen in ZOO
    preprocessing = config.preprocessing
    model = load_model(
        chosen if published else _model_file(config, chosen),
        config.model.model_type if own else None,
        num_threads=config.general.num_threads_tflite,
        aspect_ratio=preprocessing.resizing.aspect_ratio,
        interpolation=preprocessing.resizing.interpolation,
        color_mode=preprocessing.color_mode,
        rescaling=None
        if published
        else (preprocessing.rescaling.scale, preprocessing.rescaling.offset),
    )
    named = None if published else configured_layout(config)
    layout = named if named is not None and len(named) == len(model.layout) else model.layout
    model = replace(model, layout=with_sigmas(layout, config.dataset.oks_sigmas))
    return model.with_detector(load_detector(detector) if detector else None)


def _model_file(config: Config, name: str) -> Path:
    if not Path(name).suffix:
        find_entry(name)  # raises, with the nearest name
    return config.resolve(name)


def _guessed(outputs: dict[str, np.ndarray], spec: InputSpec, path: Path) -> str:
    model_type = guess_model_type(outputs, spec)
    if model_type is None:
        raise PoseError(
            f"cannot determine the model type of {path} from its outputs ({shapes_of(outputs)}): "
            f"give model_type=, one of {', '.join(MODEL_TYPES)}"
        )
    return model_type


def _is_normalized(
    model_type: str, found: dict[str, np.ndarray], spec: InputSpec, path: Path
) -> bool:
    known = yolo_mpe.coordinates_normalized(found, spec) if model_type == "yolo_mpe" else True
    # Exporters write coordinates from 0 to 1 to TensorFlow Lite files, pixels to others.
    return path.suffix.lower() == ".tflite" if known is None else known


def _default_rescaling(
    network: Network, model_type: str, layout: KeypointLayout
) -> tuple[float, float] | None:
    """Float inputs need a range: -1…1 for heatmaps, as the zoo trains them, and for BlazeFace; else
    0…1."""
    if network.rescaling is not None or np.dtype(network.input.dtype).kind != "f":
        return network.rescaling
    return (
        (1 / 127.5, -1.0)
        if model_type == "heatmaps_spe" or layout.name == FACE6.name
        else (1 / 255, 0.0)
    )


def _checked_layout(
    layout: KeypointLayout | None, model_type: str, count: int, path: Path
) -> KeypointLayout:
    layout = layout or layout_of(model_type, count)
    if len(layout) != count:
        raise PoseError(
            f"{path} gives {count} keypoints; the layout {layout.name!r} has {len(layout)}"
        )
    return layout


def layout_of(model_type: str, count: int) -> KeypointLayout:
    """The usual layout of a model type with so many keypoints."""
    usual = {"hand_spe": HAND21, "head_spe": HEAD468, "detector": DETECTED.get(count)}.get(
        model_type
    )
    return usual or layout_for(count)
