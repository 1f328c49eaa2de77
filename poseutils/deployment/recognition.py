"""Which decoder a network's file calls for, told by its graph alone: no runtime is loaded for
it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..compiler.graph import Graph, Tensor
from ..decoders import DECODERS, InputSpec, find_outputs, guess_model_type
from ..errors import PoseError
from ..keypoints import LAYOUTS, KeypointLayout
from ..models.loading import layout_of
from ..models.zoo import Entry

_COUNTS = {len(layout) for layout in LAYOUTS.values()}


@dataclass(frozen=True)
class PoseType:
    """What a decoder is chosen by; ``normalized`` as in :class:`poseutils.decoders.InputSpec`."""

    model_type: str
    layout: KeypointLayout
    normalized: bool = True


def recognized(
    graph: Graph, source: str, model_type: str | None = None, entry: Entry | None = None
) -> PoseType | None:
    """The type of a pose network, or None for a network that is none.

    Without ``model_type`` and ``entry`` the outputs must fit one type alone, and the number of
    keypoints must be one that a known layout has; YOLO's boxes are told by their number. So a map
    of classes or an image is not taken for heatmaps.

    Args:
        source: what errors call the file.
        model_type: what the caller says it is.
        entry: of the zoo, if the file is one of its.

    Raises:
        PoseError: if the outputs are not those of ``model_type``.
    """
    said = model_type or (entry.model_type if entry else None)
    size = image_size(graph)
    if size is None:
        if said:
            raise PoseError(
                f"{source}: model_type={said!r} takes one image (1, height, width, channels); the model has {_inputs(graph)}"
            )
        return None
    if min(min(graph.tensors[i].shape, default=0) for i in graph.outputs) < 1:
        return None
    outputs, view = stand_ins(graph), InputSpec(*size)
    kind = said or guess_model_type(outputs, view)
    if kind is None:
        return None
    found = find_outputs(kind, outputs, view)
    count = DECODERS[kind].count_keypoints(found)
    if said is None and kind != "yolo_mpe" and count not in _COUNTS:
        return None
    return PoseType(
        kind, layout_of(kind, count), kind != "yolo_mpe" or _normalized(graph, source, max(size))
    )


def image_size(graph: Graph) -> tuple[int, int] | None:
    """Height and width of the one image that a network takes, None if it takes anything else."""
    inputs = [graph.tensors[i].shape for i in graph.inputs]
    one_image = len(inputs) == 1 and len(inputs[0]) == 4 and inputs[0][3] in (1, 3, 4)
    return inputs[0][1:3] if one_image else None


def stand_ins(graph: Graph) -> dict[str, np.ndarray]:
    """Outputs by name, as arrays without memory of their own: a decoder chooses by shapes and names
    alone."""
    return {
        graph.tensors[i].name: np.broadcast_to(np.float32(0), graph.tensors[i].shape)
        for i in graph.outputs
    }


def _inputs(graph: Graph) -> str:
    return ", ".join(f"{graph.tensors[i].name!r} {graph.tensors[i].shape}" for i in graph.inputs)


def _normalized(graph: Graph, source: str, size: int) -> bool:
    """Whether YOLO's coordinates are from 0 to 1, told by the largest number that the 8-bit output
    can hold: near 1, or near the size."""
    makers = {op.outputs[0]: op for op in graph.operators if op.name == "DEQUANTIZE"}
    output = graph.outputs[0]
    held = graph.tensors[makers[output].inputs[0] if output in makers else output]
    if held.quantization is None or held.dtype not in ("int8", "uint8"):
        return not source.lower().endswith(
            ".onnx"
        )  # exporters: 0…1 in TensorFlow Lite files, pixels in others
    return _largest(held) < np.sqrt(size)


def _largest(tensor: Tensor) -> float:
    limits = np.iinfo(tensor.dtype)
    ends = np.array([limits.min, limits.max]) - int(tensor.quantization.zero_points[0])
    return float(np.abs(ends).max() * tensor.quantization.scales[0])
