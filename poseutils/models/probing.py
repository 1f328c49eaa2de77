"""What no file says of its network, found at load by running it on three images of people: the
range of a float input, the units and order of the outputs, the rows of a YOLO head; and whether
what it gives can be poses at all."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..decoders import DECODERS, InputSpec, find_outputs, guess_model_type, shapes_of, yolo_mpe
from ..decoders.heatmaps_spe import are_peaks
from ..decoders.scores import probability
from ..decoders.spe import is_x_first
from ..decoders.yolo_heads import (
    SUPPRESSED,
    are_detections,
    has_keypoints,
    is_suppressed,
)
from ..errors import PoseError
from ..images import fit_to, read_image
from ..keypoints import MAX_KEYPOINTS, layout_from_names
from . import yolo_rows
from .networks.inputs import PIXELS, RANGES, SIGNED, UNIT, described, of_range, quantized_range
from .networks.network import Network

_PROBES = 3
"""Images."""
_CONFIDENT = 0.5
"""Confidence from which on another range of the input is taken than the usual one."""
_MOST_OF_SOFTMAX = 2.0
"""What the cells of a softmax over a heatmap add up to at most, 8-bit values included; the peak of
a sigmoid on a person adds up to more."""
_OUTSIDE, _NEGATIVE = 0.05, 0.25
"""How far outside of the image a keypoint may be, as a fraction of it, and the fraction of
coordinates below that from which they are not fractions of the image."""
_FAR = 3
"""Sizes of the input from its border, within which keypoints are expected."""
_LARGEST_HAND = 3.0
"""Meters."""
_AS_GIVEN = "rescaling= or preprocessing.rescaling says: remove that"
_BY_METADATA = "its metadata says: give rescaling="

Outputs = dict[str, np.ndarray]


@dataclass(frozen=True)
class Hints:
    """What the caller knows: numbers of keypoints and classes (0: unknown), whether coordinates are
    from 0 to 1, and the model type of other networks for the same purpose."""

    keypoints: int = 0
    classes: int = 0
    normalized: bool | None = None
    likely: str | None = None


@dataclass(frozen=True)
class Reading:
    """How a network is to be read.

    Attributes:
        network: with its rescaling.
        model_type: of its decoder.
        spec: units, order and rows of its outputs.
        keypoints: their number.
        decided: of each choice, what decided it.
    """

    network: Network
    model_type: str
    spec: InputSpec
    keypoints: int
    decided: dict[str, str] = field(default_factory=dict)


def read(network: Network, model_type: str | None, hints: Hints) -> Reading:
    """Reads a network.

    Raises:
        PoseError: if the outputs are not those of the model type, or, without one, not evidently
            those of one; if several readings of a YOLO head fit, or none; if the keypoints that it
            gives cannot be meant.
    """
    known, by = _rescaling_by_file(network)
    undecided = known is None and by == ""
    outputs = _run(network, known, 1 if undecided else _PROBES)
    first = {name: array[:1] for name, array in outputs.items()}
    spec = _spec_of(network, first)
    kind = model_type or guess_model_type(first, spec)
    if kind is None:
        raise _not_evident(network, first)
    find_outputs(kind, first, spec)
    if undecided:
        known, by = _usual_rescaling(network, kind, outputs, spec), "usual"
        known, by, outputs = _probed_rescaling(network, kind, known, spec)
    found = find_outputs(kind, outputs, spec)
    expected = kind in (model_type, hints.likely)
    if not expected and not _is_evident(kind, found, spec, network):
        raise _not_evident(network, first)
    spec = _with_outputs_read(spec, kind, found, network, hints)
    found = find_outputs(kind, outputs, spec)
    keypoints = DECODERS[kind].count_keypoints(found, spec)
    if keypoints > MAX_KEYPOINTS:
        raise PoseError(
            f"{network.path}, read as {kind}, gives {keypoints:,} keypoints; expected up to "
            f"{MAX_KEYPOINTS:,}: it is not a pose network, or model_type= is another"
        )
    _question(kind, found, spec, network)
    return Reading(
        replace(network, rescaling=known),
        kind,
        spec,
        keypoints,
        {"values": f"{described(known)} ({by})"},
    )


@lru_cache(maxsize=1)
def _images() -> list[np.ndarray]:
    """Synthetic people, (H, H, 3) each."""
    strip = read_image(Path(__file__).with_name("probes.jpg"))
    return np.split(strip, _PROBES, axis=1)


def _run(network: Network, rescaling: tuple[float, float] | None, count: int = _PROBES) -> Outputs:
    pixels = [fit_to(image, network.input_size)[0] for image in _images()[:count]]
    return replace(network, rescaling=rescaling).run(np.stack(pixels))


# ---------------------------------------------------------------- values of the input


def _rescaling_by_file(network: Network) -> tuple[tuple[float, float] | None, str]:
    """The rescaling, and what decides it; nothing if the file does not."""
    dtype = np.dtype(network.input.dtype)
    stated = network.metadata.rescaling
    if network.rescaling is not None:
        _warn_of_contradiction(network, network.rescaling, _AS_GIVEN)
        return network.rescaling, "given"
    if stated is not None and (dtype.kind == "f" or (dtype.itemsize > 1 and network.input.scale)):
        _warn_of_contradiction(network, stated, _BY_METADATA)
        return stated, "by its metadata"
    if dtype.kind == "f":
        return network.declared, "" if network.declared is None else "by its first operators"
    if dtype.itemsize == 1 or not network.input.scale:
        return None, f"by its type, {dtype.name}"
    limits = quantized_range(dtype.name, network.input.scale, network.input.zero_point)
    symmetric = dtype.kind == "i" and network.input.zero_point == 0
    by_scale = of_range(*limits)
    # A symmetric range has negative values, whether the network expects some or not.
    if by_scale is None or (symmetric and by_scale is not PIXELS):
        return None, ""
    return by_scale, "by its scale"


def _warn_of_contradiction(network: Network, rescaling: tuple[float, float], why: str) -> None:
    given, declared = described(rescaling), described(network.declared)
    if network.declared is not None and given != declared:
        warnings.warn(
            f"{network.path}: its first operators take values {declared}; it is given {given}, as "
            f"{why} if the results are poor",
            stacklevel=4,
        )


def _usual_rescaling(
    network: Network, kind: str, outputs: Outputs, spec: InputSpec
) -> tuple[float, float]:
    """−1…1 for heatmaps, as the zoo trains them, and for BlazeFace, as MediaPipe publishes it; else
    0…1."""
    found = DECODERS[kind].find(outputs, spec)
    is_face = kind == "detector" and found and DECODERS[kind].count_keypoints(found, spec) == 6
    return SIGNED if kind == "heatmaps_spe" or is_face else UNIT


def _probed_rescaling(
    network: Network, kind: str, usual: tuple[float, float], spec: InputSpec
) -> tuple[tuple[float, float], str, Outputs]:
    """The usual rescaling, unless with it the network hardly finds the people, and with another it
    finds them with confidence."""
    outputs = {usual: _run(network, usual)}
    confidence = {usual: _confidence(kind, outputs[usual], spec)}
    if confidence[usual] < _CONFIDENT:
        for other in RANGES.keys() - {usual}:
            outputs[other] = _run(network, other)
            confidence[other] = _confidence(kind, outputs[other], spec)
    best = max(confidence, key=lambda r: confidence[r])
    if confidence[best] > max(_CONFIDENT, 2 * confidence[usual]):
        return best, "by its confidence on images of people", outputs[best]
    return usual, "usual for its model type", outputs[usual]


def _confidence(kind: str, outputs: Outputs, spec: InputSpec) -> float:
    """The mean confidence over the images; 0 if that is not a number from 0 to 1."""
    found = DECODERS[kind].find(outputs, spec)
    if found is None:
        return 0.0
    by_kind = {
        "heatmaps_spe": lambda: found["heatmaps"].max(axis=(1, 2)),
        "spe": lambda: found["keypoints"][:, :, 2],
        "yolo_mpe": lambda: found["candidates"][:, 4].max(axis=1),
        "detector": lambda: probability(found["scores"]).max(axis=1),
    }
    landmarks = probability(found["presence"]) if "presence" in found else np.zeros(1)
    mean = float(by_kind.get(kind, lambda: landmarks)().mean())
    return mean if 0 <= mean <= 1 else 0.0


# ---------------------------------------------------------------- which model type


def _is_evident(kind: str, found: Outputs, spec: InputSpec, network: Network) -> bool:
    """Whether outputs whose shapes fit a model type are its own by their values, too: those of a
    segmentation or detection may have the same shapes."""
    task = network.metadata.task
    if task and task != "pose":
        return False
    if kind == "heatmaps_spe":
        return are_peaks(found["heatmaps"])
    if kind == "yolo_mpe":
        declared = task == "pose" or network.metadata.kpt_shape is not None
        if yolo_mpe.gives_detections(found, spec):
            return declared or are_detections(found["candidates"].swapaxes(1, 2))
        return declared or has_keypoints(found, spec)
    if kind == "spe":
        points, scores = found["keypoints"][:, :, :2], found["keypoints"][:, :, 2]
        inside = np.abs(points).max() <= 2 * max(spec.height, spec.width)
        return bool(inside and scores.min() >= 0 and scores.max() <= 1)
    return True


def _not_evident(network: Network, outputs: Outputs) -> PoseError:
    if is_suppressed(outputs):
        return PoseError(f"{network.path}: its output ({shapes_of(outputs)}) {SUPPRESSED}")
    task = network.metadata.task
    reason = f"; its metadata has task={task!r}" if task else ""
    return PoseError(
        f"cannot determine the model type of {network.path} from its outputs "
        f"({shapes_of(outputs)}){reason}: it may detect or segment instead of estimating poses. "
        f"If it estimates poses, give model_type=, one of {', '.join(DECODERS)}"
    )


# ---------------------------------------------------------------- units, order, rows


def _spec_of(network: Network, outputs: Outputs) -> InputSpec:
    """The input. Heatmaps have its order of axes, unless only the other one fits, as where a
    converter exchanged those of the input alone."""
    spec = InputSpec(*network.input_size, network.channels_first)
    spec = replace(spec, head=yolo_rows.declared_detections(outputs, spec, network))
    other = replace(spec, channels_first=not spec.channels_first)
    fits, fits_other = (
        DECODERS["heatmaps_spe"].find(outputs, s) is not None for s in (spec, other)
    )
    return other if fits_other and not fits else spec


def _with_outputs_read(
    spec: InputSpec, kind: str, found: Outputs, network: Network, hints: Hints
) -> InputSpec:
    if kind == "yolo_mpe":
        head = yolo_rows.head_of_file(found, spec, network, hints.keypoints, hints.classes)
        spec = replace(spec, head=head)
        yolo_rows.check_scores(found, spec, network)
        boxes, points = yolo_mpe.units(found, spec)
        if hints.normalized is not None:
            return replace(spec, normalized=hints.normalized)
        # Exporters write coordinates from 0 to 1 to TensorFlow Lite files, pixels to others.
        boxes = network.path.suffix.lower() == ".tflite" if boxes is None else boxes
        return replace(
            spec, normalized=boxes, points_normalized=None if points == boxes else points
        )
    if kind == "heatmaps_spe":
        largest = found["heatmaps"].sum(axis=(1, 2)).max()
        return replace(spec, sums_to_one=bool(largest < _MOST_OF_SOFTMAX))
    if kind == "hand_spe" and "world" in found:
        image, world = (np.abs(found[name]).max() for name in ("landmarks", "world"))
        if image * 3 < world:
            spec = replace(spec, world_first=True)
            found = found | {"landmarks": found["world"]}
    name = {"spe": "keypoints", "hand_spe": "landmarks", "head_spe": "landmarks"}.get(kind)
    if name is None:
        return spec
    columns = 3 if kind == "hand_spe" else found[name].shape[-1]
    table = found[name].reshape(-1, columns)[:, :2]
    normalized = hints.normalized
    if normalized is None:
        _check_signs(table, network)
        normalized = spec.reads_fractions(float(np.abs(table).max()))
    spec = replace(spec, normalized=normalized)
    return replace(spec, x_first=kind == "spe" and is_x_first(found, spec))


def _check_signs(table: np.ndarray, network: Network) -> None:
    """Raises PoseError if coordinates (P, 2) are from -1 to 1, not fractions of the image."""
    if np.abs(table).max() <= 1 + _OUTSIDE and (table < -_OUTSIDE).mean() > _NEGATIVE:
        raise PoseError(
            f"{network.path}: its coordinates are from {table.min():.3g} to {table.max():.3g} on "
            "images of people; expected fractions of the image, 0 to 1, or pixels. Export it with "
            "(x + 1) / 2 after them if they are from -1 to 1, or give normalized=True"
        )


# ---------------------------------------------------------------- can it be?


def _question(kind: str, found: Outputs, spec: InputSpec, network: Network) -> None:
    """Decodes the images once.

    Raises:
        PoseError: if most keypoints are far outside of the image, or a hand is larger than any.
    """
    decoder = DECODERS[kind]
    count = decoder.count_keypoints(found, spec)
    layout = layout_from_names([str(i) for i in range(count)])
    try:
        poses = decoder.decode(found, spec, layout)
    except PoseError:  # not finite: reported with the first image that is predicted
        return
    points = np.concatenate([one.keypoints.reshape(-1, 2) for one in poses])
    size = np.array([spec.width, spec.height])
    far = ((points < -_FAR * size) | (points > (1 + _FAR) * size)).any(axis=1)
    if len(points) and far.mean() > 0.5:
        x, y = points[far][0]
        raise PoseError(
            f"{network.path}, read as {kind}: its keypoints are far outside of images of people, "
            f"such as ({x:.0f}, {y:.0f}) in {spec.width} × {spec.height} pixels. Units, order of "
            "the outputs or the model type are others: give normalized= or model_type="
        )
    world = [one.world for one in poses if one.world is not None]
    if world and np.abs(np.concatenate(world)).max() > _LARGEST_HAND:
        raise PoseError(
            f"{network.path}: neither of its two outputs of 63 numbers is a hand in meters: the "
            f"largest number is {np.abs(np.concatenate(world)).max():.3g}"
        )
