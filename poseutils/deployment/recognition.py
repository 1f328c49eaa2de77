"""The pose type of a network, from the shapes and names of its graph alone: no runtime is
loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..compiler.graph import Graph, Tensor
from ..decoders import DECODERS, InputSpec, find_outputs, guess_model_type, yolo_mpe
from ..errors import PoseError
from ..keypoints import LAYOUTS, KeypointLayout
from ..models.loading import layout_of, named_layout
from ..models.networks.metadata import Metadata
from ..models.yolo_rows import declared_candidates

_COUNTS = {len(layout) for layout in LAYOUTS.values()}


@dataclass(frozen=True)
class PoseType:
    """What the decoder of a network needs to know.

    Attributes:
        spec: size of the input; units and order of the outputs.
        outputs: shapes of the outputs by the decoder's names for them.
    """

    model_type: str
    layout: KeypointLayout
    spec: InputSpec
    outputs: dict[str, tuple[int, ...]]

    @property
    def normalized(self) -> bool:
        """Whether coordinates are from 0 to 1 rather than in pixels of the input."""
        usual = self.model_type in ("yolo_mpe", "spe")
        return usual if self.spec.normalized is None else self.spec.normalized


def pose_type(
    graph: Graph,
    source: str,
    model_type: str,
    layout: KeypointLayout | None = None,
    spec: InputSpec | None = None,
    metadata: Metadata = Metadata(),
) -> PoseType:
    """The pose type of a network whose model type is known.

    Args:
        source: what errors call the file.
        layout: default: the one that the metadata names, else the usual one of the model type.
        spec: units and order of the outputs; default: inferred from the range of the quantized
            output.
        metadata: of the file, which tells the rows of a YOLO head.

    Raises:
        PoseError: if the network does not take one image, its outputs are not those of
            ``model_type``, or ``layout`` has another number of keypoints; for outputs that the
            decoders in C do not read: mixed units, landmarks from 0 to 1, x before y in the
            keypoints of one person.
    """
    for tensor in (graph.tensors[i] for i in (*graph.inputs, *graph.outputs)):
        if min(tensor.shape, default=0) < 1:
            raise PoseError(
                f"{source}: input or output {tensor.name!r} of shape {tensor.shape} is empty or a "
                "single number"
            )
    size = image_size(graph)
    if size is None:
        raise PoseError(
            f"{source}: model_type={model_type!r} takes one image (1, height, width, channels); "
            f"the model has {_inputs(graph)}"
        )
    known = replace(spec, channels_first=False) if spec is not None else InputSpec(*size)
    found = find_outputs(model_type, placeholders(graph, graph), known)
    _check_read_in_c(model_type, known, source)
    if spec is None and model_type == "yolo_mpe" and metadata.kpt_shape is not None:
        rows = found["candidates"].shape[1]
        known = replace(known, head=declared_candidates(rows, metadata, source))
    if model_type == "yolo_mpe":
        known = replace(known, head=yolo_mpe.head_of(found, known))
    count = DECODERS[model_type].count_keypoints(found, known)
    layout = layout or named_layout(metadata, count) or layout_of(model_type, count)
    if count != len(layout):
        raise PoseError(
            f"{source} has {count} keypoints; the layout {layout.name!r} has {len(layout)}. Give "
            "the layout it was trained for."
        )
    if spec is None and model_type == "hand_spe":
        known = replace(known, world_first=_is_world_first(graph, found))
    if spec is None and model_type == "heatmaps_spe":
        known = replace(known, sums_to_one=_ends_in_softmax(graph))
    if spec is None and model_type == "yolo_mpe":
        known = replace(known, normalized=_is_normalized(graph, source, max(size)))
    outputs = {name: array.shape for name, array in found.items()}
    return PoseType(model_type, layout, known, outputs)


def _check_read_in_c(model_type: str, spec: InputSpec, source: str) -> None:
    odd = ""
    if spec.points_normalized is not None:
        odd = "boxes and keypoints in different units"
    if model_type in ("hand_spe", "head_spe") and spec.normalized:
        odd = "landmarks from 0 to 1"
    if spec.x_first:
        odd = "keypoints as x, y, score instead of y, x, score"
    if odd:
        raise PoseError(
            f"{source} has {odd}, which the decoders in C do not read; expected one unit, and of "
            "the keypoints of one person y before x. Its network can become C without a decoder: "
            "compile_graph of poseutils.compiler"
        )


def recognized(graph: Graph, source: str, metadata: Metadata = Metadata()) -> PoseType | None:
    """The pose type of a network, or None if it is not a pose network.

    The outputs must match exactly one model type. Except for YOLO, whose outputs are distinctive,
    the number of keypoints must be that of a known layout, so that a segmentation map is not taken
    for heatmaps.
    """
    size = image_size(graph)
    if size is None or min(min(graph.tensors[i].shape, default=0) for i in graph.outputs) < 1:
        return None
    model_type = guess_model_type(placeholders(graph, graph), InputSpec(*size))
    if model_type is None or metadata.task not in ("", "pose"):
        return None
    try:
        made = pose_type(graph, source, model_type, metadata=metadata)
    except PoseError:  # rows of a head that only metadata tells
        return None
    return made if model_type == "yolo_mpe" or len(made.layout) in _COUNTS else None


def image_size(graph: Graph) -> tuple[int, int] | None:
    """Height and width of the one image that a network takes; None if it takes anything else."""
    inputs = [graph.tensors[i].shape for i in graph.inputs]
    one_image = len(inputs) == 1 and len(inputs[0]) == 4 and inputs[0][3] in (1, 3, 4)
    return (inputs[0][1], inputs[0][2]) if one_image else None


def placeholders(named: Graph, shaped: Graph) -> dict[str, np.ndarray]:
    """Outputs by their names in one graph, in their shapes in another one of the same network, each
    filled with its number: decoders choose by shape and name. They have no memory of their own."""
    pairs = enumerate(zip(named.outputs, shaped.outputs))
    return {
        named.tensors[own].name: np.broadcast_to(np.float32(i), shaped.tensors[other].shape)
        for i, (own, other) in pairs
    }


def _inputs(graph: Graph) -> str:
    return ", ".join(f"{graph.tensors[i].name!r} {graph.tensors[i].shape}" for i in graph.inputs)


def _is_normalized(graph: Graph, source: str, size: int) -> bool:
    """Whether the coordinates of YOLO are from 0 to 1: the largest number that the 8-bit output
    can represent is near 1, or near the input size."""
    stored = _stored(graph, graph.outputs[0])
    if stored.quantization is None or stored.dtype not in ("int8", "uint8"):
        return not source.lower().endswith(".onnx")  # the convention of exporters
    return bool(_largest(stored) < np.sqrt(size))


def _stored(graph: Graph, output: int) -> Tensor:
    """The tensor whose values an output has: in 8 bits, where a DEQUANTIZE gives it."""
    made = (
        op.inputs[0] for op in graph.operators if (op.name, op.outputs[0]) == ("DEQUANTIZE", output)
    )
    return graph.tensors[next(made, output)]


_MOVES = ("DEQUANTIZE", "QUANTIZE", "RESHAPE", "TRANSPOSE")


def _ends_in_softmax(graph: Graph) -> bool:
    """Whether after a softmax values are only moved."""
    producers = {op.outputs[0]: op for op in graph.operators}
    last = producers.get(graph.outputs[0])
    while last is not None and last.name in _MOVES:
        last = producers.get(last.inputs[0])
    return last is not None and last.name == "SOFTMAX"


def _is_world_first(graph: Graph, found: dict[str, np.ndarray]) -> bool:
    """Whether the output taken for landmarks in pixels has the smaller range of the two: meters."""
    if "world" not in found:
        return False
    places = (int(found[name].flat[0]) for name in ("landmarks", "world"))
    image, world = (_stored(graph, graph.outputs[place]) for place in places)
    if image.quantization is None or world.quantization is None:
        return False
    return _largest(image) * 3 < _largest(world)


def _largest(tensor: Tensor) -> float:
    """The largest absolute value that a quantized tensor can represent."""
    limits = np.iinfo(tensor.dtype)
    ends = np.array([limits.min, limits.max]) - tensor.zero_point
    return float(np.abs(ends).max() * tensor.scale)
