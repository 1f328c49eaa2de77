"""All that a bundle is made from, read from the model and checked against each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..compiler.emit.naming import symbol_name
from ..compiler.frontends.onnx import self_contained
from ..compiler.frontends.qdq import read_qdq
from ..compiler.frontends.tflite import parse_tflite, read_bytes
from ..compiler.graph import FILTER_RANK, Graph, Tensor, float_operators, layers
from ..decoders import DECODERS, InputSpec, Thresholds, find_outputs
from ..errors import PoseError
from ..keypoints import KeypointLayout
from ..models.precision import quantize_first
from .boards import Board, Fit, find_board, fits
from .recognition import PoseType, image_size, stand_ins

SUFFIXES = (".tflite", ".onnx")
"""Of the files that are deployed."""


@dataclass(frozen=True)
class AppSettings:
    """What the application on the board is told, by the names of user_config.yaml.

    Attributes:
        project_name: shown on the board's screen.
        aspect_ratio: how the camera image is brought to the network's input: fit, crop, padding or
            full_screen.
        color_mode: rgb, bgr, rgba or grayscale.
        kpts_conf_thresh, confidence_thresh: scores from which a keypoint, and a box, is shown.
        nms_thresh, max_detection_boxes, nms_measure, max_candidate_boxes: of the boxes of
        ``yolo_mpe``. refine: how finely keypoints are read off a heatmap; see
        :class:`poseutils.decoders.Thresholds`. optimization: what ST's compiler aims at: balanced,
        time or ram. ip_address, board_deploy_path: of a board that runs Linux. interpolation,
        rescaling: how such a board's program reads images, see :func:`poseutils.load_model`.
        label_file: the text of a label file that takes the place of the keypoints' names.
        missing_label_file: its path, where it is named but not there. c_project_path: where the
        project of ST's application is. stlink_serial_number: of the board's ST-LINK, where several
        are plugged in.
    """

    project_name: str = "pose_estimation"
    aspect_ratio: str = "fit"
    color_mode: str = "rgb"
    kpts_conf_thresh: float = 0.15
    confidence_thresh: float = 0.25
    nms_thresh: float = 0.5
    max_detection_boxes: int = 100
    optimization: str = "balanced"
    ip_address: str | None = None
    board_deploy_path: str | None = None
    interpolation: str = "bilinear"
    rescaling: tuple[float, float] | None = None
    refine: str = Thresholds.refine
    nms_measure: str = Thresholds.nms_measure
    max_candidate_boxes: int = Thresholds.max_candidates
    label_file: str | None = None
    missing_label_file: str | None = None
    c_project_path: str | None = None
    stlink_serial_number: str | None = None


def settings_from_config(config) -> AppSettings:
    """The settings out of a :class:`poseutils.config.Config`."""
    pre, post, hardware = (
        config.preprocessing,
        config.postprocessing,
        config.deployment.hardware_setup,
    )
    return AppSettings(
        config.general.project_name,
        pre.resizing.aspect_ratio,
        pre.color_mode,
        post.kpts_conf_thresh,
        Thresholds.confidence if post.confidence_thresh is None else post.confidence_thresh,
        post.NMS_thresh,
        post.max_detection_boxes,
        config.tools.stedgeai.optimization,
        hardware.ip_address,
        config.deployment.board_deploy_path,
        pre.resizing.interpolation,
        (pre.rescaling.scale, pre.rescaling.offset),
        post.refine,
        post.NMS_measure,
        post.max_candidate_boxes,
        *_label_file(config),
        config.deployment.c_project_path,
        hardware.stlink_serial_number,
    )


def _label_file(config) -> tuple[str | None, str | None]:
    """The text of the label file, and its path if it is not there: a configuration of ST's names
    one in ST's repository."""
    named = config.deployment.label_file_path
    if named is None:
        return None, None
    try:
        return config.resolve(named).read_text(encoding="utf-8"), None
    except PoseError:
        return None, named
    except (OSError, UnicodeDecodeError) as error:
        raise PoseError(
            f"deployment.label_file_path: {named} cannot be read as text: {error}"
        ) from error


@dataclass(frozen=True)
class Spec:
    """A network that can be deployed, and for what.

    Attributes:
        name: a C identifier, what ST's compiler and the C array call the network.
        path: the model file.
        data: the bytes of the .tflite or .onnx, which needs no other file.
        model_type, layout: of a pose network; None of any other, which becomes C without a decoder.
        outputs: shapes of the outputs by the decoder's names for them.
    """

    name: str
    path: Path
    data: bytes
    graph: Graph
    model_type: str | None
    layout: KeypointLayout | None
    board: Board
    settings: AppSettings
    outputs: dict[str, tuple[int, ...]]

    @property
    def source(self) -> str:
        """The model's file name."""
        return self.path.name

    @property
    def file_name(self) -> str:
        """What the network's file is called where it is copied to."""
        return self.name + self.path.suffix.lower()

    @property
    def is_tflite(self) -> bool:
        return self.file_name.endswith(".tflite")

    @property
    def symbol(self) -> str:
        """The C array."""
        return f"{self.name}_model"

    @property
    def input(self) -> Tensor:
        return self.graph.tensors[self.graph.inputs[0]]

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width."""
        return self.input.shape[1:3]

    def format_version(self) -> dict[str, int]:
        """The version of the file's format, by what the manifest calls it."""
        return {"tflite_schema" if self.is_tflite else "onnx_opset": self.graph.schema_version}

    def cost(self) -> dict[str, int]:
        """parameters, macs, weight_bytes and live_peak_bytes."""
        rows = layers(self.graph)
        total = {
            key: sum(row[key] for row in rows) for key in ("parameters", "macs", "weight_bytes")
        }
        return {**total, "live_peak_bytes": max(row["live_bytes"] for row in rows)}

    def fit(self) -> Fit:
        """Whether and where the board has room."""
        cost = self.cost()
        return fits(cost["live_peak_bytes"] / 1024, cost["weight_bytes"] / 1024, self.board)


def make_spec(
    model_path: str | Path,
    model_type: str,
    layout: KeypointLayout,
    board: str,
    name: str | None,
    settings: AppSettings,
) -> Spec:
    """Reads a pose network and checks that it can be deployed as what it is said to be.

    Raises:
        PoseError: if it is not a full-integer .tflite or QDQ .onnx with one image input, its
            outputs are not of ``model_type``, its keypoints are not as many as ``layout`` has, or
            the board is not known.
    """
    path = Path(model_path)
    data, graph = read_deployable(path)
    return spec_of(path, data, graph, PoseType(model_type, layout), board, name, settings)


def spec_of(
    path: Path,
    data: bytes,
    graph: Graph,
    pose: PoseType | None,
    board: str,
    name: str | None,
    settings: AppSettings,
) -> Spec:
    """As :func:`make_spec`, of what :func:`read_deployable` read; without ``pose`` of a network
    that is no pose network."""
    outputs = _find_outputs(graph, path.name, pose.model_type, pose.layout) if pose else {}
    kind = (pose.model_type, pose.layout) if pose else (None, None)
    return Spec(
        symbol_name(name, path), path, data, graph, *kind, find_board(board), settings, outputs
    )


def read_deployable(path: Path) -> tuple[bytes, Graph]:
    """The bytes and the graph of a full-integer .tflite or QDQ .onnx.

    Raises:
        PoseError: if the file is another one, damaged, or computes in floating point.
    """
    data, graph = _read(path)
    _check_integer(graph, path)
    return data, graph


def read_network(model_path: str | Path) -> Graph:
    """The graph of a quantized network, images channels last: a .tflite as it is, an .onnx as the
    integer network that its QDQ stands for.

    Raises:
        PoseError: if the file is of another kind or damaged; for an .onnx that computes in floats
            or cannot become integers.
    """
    return _read(Path(model_path))[1]


def _read(path: Path) -> tuple[bytes, Graph]:
    """The bytes of a file that needs no other, and its graph."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        kind = path.suffix or "file without suffix"
        raise PoseError(
            f"{path.name}: a quantized {' or '.join(SUFFIXES)} is deployed, not a {kind}. {quantize_first(path, 'chain_qd')}"
        )
    data = read_bytes(path)
    if suffix == ".tflite":
        return data, parse_tflite(data, path.name)
    data = self_contained(data, path.name, path.parent)
    return data, read_qdq(data, path.name, path.parent)


def _check_integer(graph: Graph, path: Path) -> None:
    floats = len(float_operators(graph))
    if floats:
        total = sum(operator.name in FILTER_RANK for operator in graph.operators)
        raise PoseError(
            f"{path.name}: {floats} of its {total} convolutions compute in floating point; a full-integer network is expected. "
            + quantize_first(path, "chain_qd")
        )


def _find_outputs(
    graph: Graph, source: str, model_type: str, layout: KeypointLayout
) -> dict[str, tuple[int, ...]]:
    for tensor in (graph.tensors[i] for i in (*graph.inputs, *graph.outputs)):
        if min(tensor.shape, default=0) < 1:
            raise PoseError(
                f"{source}: input or output {tensor.name!r} of shape {tensor.shape} is empty or a single number"
            )
    size = image_size(graph)
    if size is None:
        shapes = [graph.tensors[i].shape for i in graph.inputs]
        raise PoseError(
            f"{source}: one input of shape (1, height, width, channels) is expected; the model has {shapes}"
        )
    found = find_outputs(model_type, stand_ins(graph), InputSpec(*size))
    count = DECODERS[model_type].count_keypoints(found)
    if count != len(layout):
        raise PoseError(
            f"{source} finds {count} keypoints; the layout {layout.name!r} has {len(layout)}. Give the layout it was trained for."
        )
    return {name: array.shape for name, array in found.items()}
