"""``network_poses.c`` and ``.h``: which output feeds which decoder, with the thresholds of the
application."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..compiler.graph import Graph, Tensor
from ..decoders import (
    DECODERS,
    ONE_PERSON_TYPES,
    InputSpec,
    Thresholds,
    ssd_detector,
)
from ..decoders.options import Head
from ..keypoints import KeypointLayout
from .recognition import PoseType, placeholders
from .spec import DeploymentSpec
from .templates import filled

_DECODERS = Path(__file__).parent / "decoders_c"

_SOURCES = {
    "heatmaps_spe": "decode_heatmaps",
    "spe": "decode_spe",
    "hand_spe": "decode_landmarks",
    "head_spe": "decode_landmarks",
    "yolo_mpe": "decode_yolo",
    "detector": "decode_ssd",
}
"""The C file of each model type."""
_HEADERS = {"decode_yolo": ["decode_yolo.h"]}
"""Those besides ``pose_decode.h``."""


def decoder_function(model_type: str) -> str:
    """The C function that decodes the outputs of a model type."""
    return f"pose_{_SOURCES[model_type]}"


def decoder_files(*model_types: str) -> dict[str, str]:
    """The headers and the decoders of model types (default: all), by file name."""
    stems = sorted({_SOURCES[model_type] for model_type in model_types or _SOURCES})
    own = [name for stem in stems for name in (*_HEADERS.get(stem, ()), f"{stem}.c")]
    names = ["pose_decode.h", *own]
    return {name: (_DECODERS / name).read_text(encoding="utf-8") for name in names}


@dataclass(frozen=True)
class Decoding:
    """The arguments of a decoder.

    Attributes:
        roles: for each tensor that the decoder takes, the indices of the outputs that it consists
            of, in order.
    """

    model_type: str
    layout: KeypointLayout
    view: InputSpec
    roles: dict[str, list[int]]
    thresholds: Thresholds

    @property
    def finds_several(self) -> bool:
        return self.model_type in ("yolo_mpe", "detector")

    @property
    def gives_classes(self) -> bool:
        return self.view.head is not None and self.view.head.classes > 1

    @property
    def people(self) -> int:
        """The maximum number of people per image."""
        return self.thresholds.max_detections if self.finds_several else 1

    @property
    def poses_bytes(self) -> int:
        """The size of the structure that the decoder fills: ints and floats of 4 bytes."""
        boxes = 5 * self.people + self.thresholds.max_candidates if self.finds_several else 0
        boxes += self.people if self.gives_classes else 0
        score = int(self.model_type in ONE_PERSON_TYPES)
        return 4 * (1 + score + 3 * self.people * len(self.layout) + boxes)


def decoding_of(spec: DeploymentSpec, pose: PoseType, graph: Graph) -> Decoding:
    """The decoding of the outputs of a compiled graph."""
    view = replace(pose.spec, normalized=pose.normalized)
    found = DECODERS[pose.model_type].find(placeholders(spec.graph, graph), view)
    roles = {
        role: [int(n) for n in dict.fromkeys(array.reshape(-1).tolist())]
        for role, array in found.items()
    }
    is_detector = pose.model_type == "detector"
    thresholds = ssd_detector.THRESHOLDS if is_detector else spec.thresholds
    return Decoding(pose.model_type, pose.layout, view, roles, thresholds)


def poses_header(decoding: Decoding, name: str) -> str:
    """The declarations."""
    values = {
        "name": name,
        "NAME": name.upper(),
        "keypoints": str(len(decoding.layout)),
        "people": str(decoding.people),
        "candidates": str(decoding.thresholds.max_candidates),
    }
    words = ["several"] if decoding.finds_several else []
    words += ["scored"] if decoding.model_type in ONE_PERSON_TYPES else []
    words += ["classed"] if decoding.gives_classes else []
    return filled("poses.h", values, words)


def poses_source(decoding: Decoding, graph: Graph, name: str) -> str:
    """The call of the decoder."""
    outputs = [graph.tensors[t] for t in graph.outputs]
    constants, lines = _BODIES[decoding.model_type](decoding, outputs, name)
    body = "\n".join(f"    {line}" for line in lines)
    return filled("poses.c", {"name": name, "constants": constants, "body": body})


def _output(outputs: list[Tensor], index: int, name: str) -> str:
    """A ``pose_output``."""
    tensor = outputs[index]
    kind = {"float32": "POSE_FLOAT32", "int8": "POSE_INT8", "uint8": "POSE_UINT8"}[tensor.dtype]
    scale, zero_point = "0.0f", 0
    if tensor.dtype != "float32":
        scale, zero_point = f"{float(tensor.scale).hex()}f", tensor.zero_point
    return f"{{{name}_output(context, {index}), {kind}, {scale}, {zero_point}}}"


Body = tuple[str, list[str]]
"""Constants before the function, and its lines."""


def _one_person(lines: list[str], function: str, arguments: Sequence[object]) -> Body:
    listed = ", ".join(map(str, arguments))
    return "", [*lines, f"return {function}({listed});"]


def _scored(decoding: Decoding) -> list[str]:
    """The confidence, and what a decoder of one person or none writes."""
    confidence = f"{float(decoding.thresholds.confidence)!r}f"
    return [confidence, "poses->keypoints[0]", "&poses->score", "&poses->people"]


def _heatmaps(decoding: Decoding, outputs: list[Tensor], name: str) -> Body:
    (index,) = decoding.roles["heatmaps"]
    _, height, width, count = outputs[index].shape
    cell = f"{decoding.view.width / width!r}f"
    refine = f"POSE_REFINE_{decoding.thresholds.refine.upper()}"
    lines = [f"const pose_output maps = {_output(outputs, index, name)};"]
    arguments = ["&maps", height, width, count, cell, refine, *_scored(decoding)]
    return _one_person(lines, "pose_decode_heatmaps", arguments)


def _spe(decoding: Decoding, outputs: list[Tensor], name: str) -> Body:
    (index,), view = decoding.roles["keypoints"], decoding.view
    lines = [f"const pose_output points = {_output(outputs, index, name)};"]
    x, y = view.unit(usual=True)
    size = f"{x:.0f}.0f", f"{y:.0f}.0f"
    arguments = ["&points", len(decoding.layout), *size, *_scored(decoding)]
    return _one_person(lines, "pose_decode_spe", arguments)


def _landmarks(decoding: Decoding, outputs: list[Tensor], name: str) -> Body:
    (index,), count = decoding.roles["landmarks"], len(decoding.layout)
    lines = [f"const pose_output points = {_output(outputs, index, name)};"]
    presence = decoding.roles.get("presence")
    if presence:
        lines.append(f"const pose_output presence = {_output(outputs, presence[0], name)};")
    dims = outputs[index].elements // count
    arguments = ["&points", "&presence" if presence else "NULL", count, dims, "poses->keypoints[0]"]
    lines.append("poses->people = 1;")
    return _one_person(lines, "pose_decode_landmarks", arguments)


def _thresholds(decoding: Decoding, name: str) -> Body:
    made, upper = decoding.thresholds, name.upper()
    by_oks = made.nms_measure == "oks" and decoding.model_type == "yolo_mpe"
    sigmas = ", ".join(f"{float(sigma)!r}f" for sigma in decoding.layout.sigma_array)
    values = (
        f"{float(made.confidence)!r}f, {float(made.nms_iou)!r}f, {upper}_MAX_PEOPLE, "
        f"{upper}_MAX_CANDIDATES, {'sigmas' if by_oks else 'NULL'}"
    )
    constants = f"static const float sigmas[] = {{{sigmas}}};\n\n" if by_oks else ""
    return constants, [f"const pose_thresholds thresholds = {{{values}}};"]


_RESULTS = "poses->candidates, poses->boxes, poses->keypoints[0], &poses->people"


def _yolo(decoding: Decoding, outputs: list[Tensor], name: str) -> Body:
    (index,), view, count = decoding.roles["candidates"], decoding.view, len(decoding.layout)
    _, rows, columns = outputs[index].shape
    head = view.head or Head(1, count)
    transposed = head.end_to_end or rows != head.rows
    candidates = rows if transposed else columns
    scale_x, scale_y = (view.width, view.height) if view.normalized else (1, 1)
    scale = f"{scale_x}.0f, {scale_y}.0f"
    constants, lines = _thresholds(decoding, name)
    lines.append(f"const pose_output outputs = {_output(outputs, index, name)};")
    if head == Head(1, count):
        arguments = f"{candidates}, {count}, {int(transposed)}, {scale}"
        return constants, [
            *lines,
            f"return pose_decode_yolo(&outputs, {arguments}, &thresholds, {_RESULTS});",
        ]
    values = f"{candidates}, {head.classes}, {count}, {head.columns}, {int(transposed)}"
    classes = "poses->classes" if decoding.gives_classes else "NULL"
    return '#include "decode_yolo.h"\n\n' + constants, [
        *lines,
        f"const pose_yolo_head head = {{{values}, {int(head.end_to_end)}, {scale}}};",
        "return pose_decode_yolo_head(&outputs, &head, &thresholds, poses->candidates, "
        f"poses->boxes, {classes}, poses->keypoints[0], &poses->people);",
    ]


def _ssd(decoding: Decoding, outputs: list[Tensor], name: str) -> Body:
    pairs = list(zip(decoding.roles["boxes"], decoding.roles["scores"], strict=True))
    view, anchors = decoding.view, sum(outputs[b].shape[1] for b, _ in pairs)
    grid = ssd_detector.grid_of(view.height, view.width, anchors) or ()
    constants, lines = _thresholds(decoding, name)
    layers = [
        f"    {{{_output(outputs, b, name)},\n         {_output(outputs, s, name)}, "
        f"{outputs[b].shape[1]}}},"
        for b, s in pairs
    ]
    grids = ", ".join(f"{{{stride}, {each}}}" for stride, each in grid)
    size = f"{view.width}, {view.height}, {len(decoding.layout)}"
    return f"{constants}static const pose_ssd_grid grids[] = {{{grids}}};\n\n", [
        *lines,
        "const pose_ssd_layer layers[] = {",
        *layers,
        "};",
        f"const pose_ssd ssd = {{layers, {len(pairs)}, grids, {len(grid)}, {size}}};",
        f"return pose_decode_ssd(&ssd, &thresholds, {_RESULTS});",
    ]


_BODIES: dict[str, Callable[[Decoding, list[Tensor], str], Body]] = {
    "heatmaps_spe": _heatmaps,
    "spe": _spe,
    "hand_spe": _landmarks,
    "head_spe": _landmarks,
    "yolo_mpe": _yolo,
    "detector": _ssd,
}
