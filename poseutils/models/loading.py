"""Models from the zoo, from files, and from configurations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..decoders import DECODERS
from ..errors import PoseError
from ..keypoints import (
    DETECTED,
    HAND21,
    HEAD468,
    KeypointLayout,
    layout_for,
    layout_from_coco_category,
    with_sigmas,
)
from .model import Model
from .networks.metadata import Metadata
from .networks.network import open_network
from .probing import Hints, Reading, read
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
    keypoints: int | None = None,
    likely_type: str | None = None,
    input_size: tuple[int, int] | None = None,
    class_names: Sequence[str] = (),
    detector: Model | str | os.PathLike[str] | None = None,
) -> Model:
    """Loads a model from the zoo or from a file.

    Args:
        name_or_path: a name of ``ZOO`` or the URL of one of its files, or a .tflite, .onnx, .keras
            or .h5 file.
        model_type: one of ``MODEL_TYPES``; required for a file whose outputs are not evidently
            those of one.
        layout: of the keypoints (default: by the names in the file, else the usual one for their
            number).
        num_threads: of the runtime (default: half of the cores; the others read images ahead).
        rescaling: scale and offset for pixels 0…255. Default: the zoo's; else by type and scale of
            the input, the operators that rescale it, or how sure the network is of images of
            people; else to -1…1 for ``heatmaps_spe`` networks, to 0…1 for others.
        aspect_ratio, interpolation: see :func:`poseutils.images.fit_to`. Default: ``fit`` and
            ``bilinear``; for detectors of palms and faces ``padding`` and ``area``, as their
            anchors are square and their input is small.
        color_mode: ``rgb`` or ``bgr``.
        normalized: whether a network outputs coordinates from 0 to 1 (True) or in pixels (False).
            Default: determined from its output.
        keypoints: their number, where the outputs fit several (default: that of ``layout``).
        likely_type: the model type of a file whose outputs have its shapes, but are not evidently
            of any type.
        input_size: height and width of an input whose size the file leaves open.
        class_names: those of the network's classes that are kept, if it names them; else the names
            of all its classes. Default: all, with the names in the file.
        detector: a model, or its name or file, that detects the people, hands or heads that this
            model then crops.

    Raises:
        PoseError: if there is no such model or file; if the file is damaged; if the outputs do not
            fit the model type, or what it gives cannot be poses.
    """
    path, entry = find_file(name_or_path)
    if model_type is not None and model_type not in DECODERS:
        raise PoseError(f"model_type={model_type!r}: expected one of {', '.join(DECODERS)}")
    rescaling = rescaling or (entry.rescaling if entry else None)
    network = open_network(path, num_threads, rescaling, input_size)
    if entry and entry.rescaling:  # published with its rescaling
        network = replace(network, declared=None)
    named = network.metadata.names
    keypoints = keypoints or len(layout or ()) or (entry.keypoints if entry else 0)
    hints = Hints(keypoints, 0 if named else len(class_names), normalized, likely_type)
    reading = read(network, model_type or (entry.model_type if entry else None), hints)
    model_type = reading.model_type
    model = Model(
        reading.network,
        model_type,
        _checked_layout(layout, reading, path),
        reading.spec,
        aspect_ratio or ("padding" if model_type == "detector" else "fit"),
        interpolation or ("area" if model_type == "detector" else "bilinear"),
        color_mode,
        entry.name if entry else str(name_or_path),
        class_names=named or tuple(class_names),
        classes=_kept_classes(named, class_names, path),
        decided=reading.decided,
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
    from ..datasets import configured_layout  # a model that is loaded by its file needs no datasets

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
        rescaling=_given_rescaling(config) if not published else None,
        keypoints=None if published else config.dataset.keypoints,
        likely_type=config.model.model_type,
        input_size=config.model.input_shape[:2],
        class_names=(config.dataset.class_names or ()) if own else (),
    )
    named = None if published else configured_layout(config)
    by_file = len(model.network.metadata.kpt_names) == len(model.layout)
    own_names = named is not None and len(named) == len(model.layout) and not by_file
    layout = named if named is not None and own_names else model.layout
    model = replace(model, layout=with_sigmas(layout, config.dataset.oks_sigmas))
    return model.with_detector(load_detector(detector) if detector else None)


def _given_rescaling(config: Config) -> tuple[float, float] | None:
    """That of a configuration that sets it; for others it is read from the network."""
    given = config.preprocessing.rescaling
    is_set = "rescaling" in config.preprocessing.model_fields_set
    return (given.scale, given.offset) if is_set else None


def _model_file(config: Config, name: str) -> Path:
    if not Path(name).suffix:
        find_entry(name)  # raises, with the nearest name
    return config.resolve(name)


def _kept_classes(named: tuple[str, ...], wanted: Sequence[str], path: Path) -> tuple[int, ...]:
    """The indices of the classes that are kept; empty: all."""
    if len(named) < 2 or not wanted:
        return ()
    index = {name.casefold(): i for i, name in enumerate(named)}
    missing = [name for name in wanted if name.casefold() not in index]
    if missing:
        raise PoseError(
            f"{path} has the classes {', '.join(named)}; none of them is {missing[0]!r} of "
            "class_names"
        )
    return tuple(sorted(index[name.casefold()] for name in wanted))


def _checked_layout(layout: KeypointLayout | None, reading: Reading, path: Path) -> KeypointLayout:
    """The layout given, else the one that the file names, else the usual one."""
    count = reading.keypoints
    layout = layout or named_layout(reading.network.metadata, count)
    layout = layout or layout_of(reading.model_type, count)
    if len(layout) != count:
        raise PoseError(
            f"{path} gives {count} keypoints; the layout {layout.name!r} has {len(layout)}"
        )
    return layout


def named_layout(metadata: Metadata, count: int) -> KeypointLayout | None:
    """The layout by the names in a file; None if it has not so many."""
    names = metadata.kpt_names
    if len(names) != count:
        return None
    return layout_from_coco_category({"name": f"custom{count}", "keypoints": names})


def layout_of(model_type: str, count: int) -> KeypointLayout:
    """The usual layout of a model type with so many keypoints."""
    usual = {"hand_spe": HAND21, "head_spe": HEAD468, "detector": DETECTED.get(count)}.get(
        model_type
    )
    return usual or layout_for(count)
