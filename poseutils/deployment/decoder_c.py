"""``network_poses.c`` and ``.h``: which output feeds which decoder, with the thresholds of the
application."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..compiler.emit.line_breaks import broken
from ..compiler.graph import Graph, Tensor
from ..decoders import DECODERS, InputSpec, Thresholds, ssd_detector
from ..keypoints import KeypointLayout
from .spec import Spec

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


def decoder_function(model_type: str) -> str:
    """The C function that decodes the outputs of a model type."""
    return f"pose_{_SOURCES[model_type]}"


def decoder_files(*model_types: str) -> dict[str, str]:
    """The header and the decoders of model types (default: all), by file name."""
    stems = sorted({_SOURCES[model_type] for model_type in model_types or _SOURCES})
    names = ["pose_decode.h", *(f"{stem}.c" for stem in stems)]
    return {name: (_DECODERS / name).read_text(encoding="utf-8") for name in names}


@dataclass(frozen=True)
class Decoding:
    """What the decoder is told.

    Attributes:
        roles: for each tensor that the decoder knows, the outputs (indices) that it is made of, in
            order.
        thresholds: of people, boxes and heatmaps.
        normalized: see :class:`poseutils.decoders.InputSpec`.
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
    def people(self) -> int:
        """The most people that an image may give."""
        return self.thresholds.max_detections if self.finds_several else 1

    @property
    def poses_bytes(self) -> int:
        """Of the structure that the decoder fills: ints and floats of 4 bytes."""
        boxes = 5 * self.people + self.thresholds.max_candidates if self.finds_several else 0
        return 4 * (1 + 3 * self.people * len(self.layout) + boxes)


def decoding_of(spec: Spec, graph: Graph, normalized: bool) -> Decoding:
    """The roles of the outputs of a folded graph, and the thresholds of the settings."""
    view = InputSpec(*spec.input_size, normalized=normalized)
    # The decoder picks outputs by shape and name: filled with their own number, they show up where it puts them.
    names = [spec.graph.tensors[i].name for i in spec.graph.outputs]
    filled = {
        name: np.full(graph.tensors[t].shape, i, np.float32)
        for i, (name, t) in enumerate(zip(names, graph.outputs))
    }
    found = DECODERS[spec.model_type].find(filled, view)
    roles = {
        role: [int(n) for n in dict.fromkeys(array.reshape(-1).tolist())]
        for role, array in found.items()
    }
    settings = spec.settings
    thresholds = Thresholds(
        settings.confidence_thresh,
        settings.nms_thresh,
        settings.max_detection_boxes,
        settings.nms_measure,
        settings.max_candidate_boxes,
        settings.refine,
    )
    return Decoding(
        spec.model_type,
        spec.layout,
        view,
        roles,
        ssd_detector.THRESHOLDS if spec.model_type == "detector" else thresholds,
    )


def poses_header(decoding: Decoding, name: str) -> str:
    """The declarations."""
    upper = name.upper()
    return broken(f"""#ifndef {upper}_POSES_H
#define {upper}_POSES_H

#include "{name}.h"
#include "pose_decode.h"

#ifdef __cplusplus
extern "C" {{
#endif

#define {upper}_KEYPOINTS {len(decoding.layout)}
#define {upper}_MAX_PEOPLE {decoding.people}
{_sizes(decoding, upper)}
/* What decoding gives: people best first, all in pixels of the input. */
typedef struct {{
    int32_t people;
    pose_keypoint keypoints[{upper}_MAX_PEOPLE][{upper}_KEYPOINTS];
{_boxes(decoding, upper)}}} {name}_poses;

/* Decodes the outputs of an instance after {name}_run. */
pose_status {name}_decode(const {name}_context *context, {name}_poses *poses);

#ifdef __cplusplus
}}
#endif

#endif
""")


def _sizes(decoding: Decoding, upper: str) -> str:
    return (
        f"#define {upper}_MAX_CANDIDATES {decoding.thresholds.max_candidates}\n"
        if decoding.finds_several
        else ""
    )


def _boxes(decoding: Decoding, upper: str) -> str:
    if not decoding.finds_several:
        return ""
    return f"""    pose_box boxes[{upper}_MAX_PEOPLE];
    int32_t candidates[{upper}_MAX_CANDIDATES]; /* what decoding works in */
"""


def poses_source(decoding: Decoding, graph: Graph, name: str) -> str:
    """The call of the decoder."""
    outputs = [graph.tensors[t] for t in graph.outputs]
    constants, lines = {
        "heatmaps_spe": _heatmaps,
        "spe": _spe,
        "hand_spe": _landmarks,
        "head_spe": _landmarks,
        "yolo_mpe": _yolo,
        "detector": _ssd,
    }[decoding.model_type](decoding, outputs, name)
    text = "".join(f"    {line}\n" for line in lines)
    return broken(f"""#include "{name}_poses.h"

{constants}pose_status {name}_decode(const {name}_context *context, {name}_poses *poses)
{{
    if (context == NULL || poses == NULL) {{
        return POSE_ERROR_NULL;
    }}
    if (context->arena == NULL) {{
        return POSE_ERROR_NOT_INITIALIZED;
    }}
{text}}}
""")


def _output(outputs: list[Tensor], index: int, name: str) -> str:
    """A ``pose_output``."""
    tensor = outputs[index]
    kind = {"float32": "POSE_FLOAT32", "int8": "POSE_INT8", "uint8": "POSE_UINT8"}[tensor.dtype]
    scale, zero = "0.0f", 0
    if tensor.dtype != "float32":
        scale, zero = (
            f"{float(tensor.quantization.scales[0]).hex()}f",
            int(tensor.quantization.zero_points[0]),
        )
    return f"{{{name}_output(context, {index}), {kind}, {scale}, {zero}}}"


Body = tuple[str, list[str]]
"""Constants before the function, and its lines."""


def _one_person(lines: list[str], call: str) -> Body:
    return "", [*lines, "poses->people = 1;", f"return {call};"]


def _heatmaps(decoding: Decoding, outputs: list[Tensor], name: str) -> Body:
    (index,) = decoding.roles["heatmaps"]
    _, height, width, count = outputs[index].shape
    cell, refine = (
        f"{decoding.view.width / width!r}f",
        f"POSE_REFINE_{decoding.thresholds.refine.upper()}",
    )
    call = f"pose_decode_heatmaps(&maps, {height}, {width}, {count}, {cell}, {refine}, poses->keypoints[0])"
    return _one_person([f"const pose_output maps = {_output(outputs, index, name)};"], call)


def _spe(decoding: Decoding, outputs: list[Tensor], name: str) -> Body:
    (index,), view = decoding.roles["keypoints"], decoding.view
    call = f"pose_decode_spe(&points, {len(decoding.layout)}, {view.width}.0f, {view.height}.0f, poses->keypoints[0])"
    return _one_person([f"const pose_output points = {_output(outputs, index, name)};"], call)


def _landmarks(decoding: Decoding, outputs: list[Tensor], name: str) -> Body:
    (index,), count = decoding.roles["landmarks"], len(decoding.layout)
    lines = [f"const pose_output points = {_output(outputs, index, name)};"]
    presence = "NULL"
    if "presence" in decoding.roles:
        lines.append(
            f"const pose_output presence = {_output(outputs, decoding.roles['presence'][0], name)};"
        )
        presence = "&presence"
    dims = outputs[index].elements // count
    return _one_person(
        lines, f"pose_decode_landmarks(&points, {presence}, {count}, {dims}, poses->keypoints[0])"
    )


def _limits(decoding: Decoding, name: str) -> Body:
    made, upper = decoding.thresholds, name.upper()
    by_keypoints = made.nms_measure == "oks" and decoding.model_type == "yolo_mpe"
    sigmas = ", ".join(f"{float(sigma)!r}f" for sigma in decoding.layout.sigma_array)
    return (f"static const float sigmas[] = {{{sigmas}}};\n\n" if by_keypoints else ""), [
        f"const pose_thresholds thresholds = {{{float(made.confidence)!r}f, {float(made.nms_iou)!r}f, {upper}_MAX_PEOPLE, "
        f"{upper}_MAX_CANDIDATES, {'sigmas' if by_keypoints else 'NULL'}}};",
    ]


_RESULTS = "poses->candidates, poses->boxes, poses->keypoints[0], &poses->people"


def _yolo(decoding: Decoding, outputs: list[Tensor], name: str) -> Body:
    (index,), view, count = decoding.roles["candidates"], decoding.view, len(decoding.layout)
    _, rows, columns = outputs[index].shape
    transposed = rows != 5 + 3 * count
    scales = (view.width, view.height) if view.normalized else (1, 1)
    constants, limits = _limits(decoding, name)
    sizes = f"{rows if transposed else columns}, {count}, {int(transposed)}, {scales[0]}.0f, {scales[1]}.0f"
    return constants, [
        *limits,
        f"const pose_output outputs = {_output(outputs, index, name)};",
        f"return pose_decode_yolo(&outputs, {sizes}, &thresholds, {_RESULTS});",
    ]


def _ssd(decoding: Decoding, outputs: list[Tensor], name: str) -> Body:
    pairs = list(zip(decoding.roles["boxes"], decoding.roles["scores"], strict=True))
    grid = ssd_detector.grid_of(
        decoding.view.height, decoding.view.width, sum(outputs[b].shape[1] for b, _ in pairs)
    )
    constants, limits = _limits(decoding, name)
    layers = [
        f"    {{{_output(outputs, b, name)}, {_output(outputs, s, name)}, {outputs[b].shape[1]}}},"
        for b, s in pairs
    ]
    grids = ", ".join(f"{{{stride}, {each}}}" for stride, each in grid)
    size = f"{decoding.view.width}, {decoding.view.height}, {len(decoding.layout)}"
    return f"{constants}static const pose_ssd_grid grids[] = {{{grids}}};\n\n", [
        *limits,
        "const pose_ssd_layer layers[] = {",
        *layers,
        "};",
        f"const pose_ssd ssd = {{layers, {len(pairs)}, grids, {len(grid)}, {size}}};",
        f"return pose_decode_ssd(&ssd, &thresholds, {_RESULTS});",
    ]
