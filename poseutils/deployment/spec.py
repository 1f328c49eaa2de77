"""What is deployed: a network's file and graph, its pose type, the board and the configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ..compiler.frontends import read
from ..compiler.graph import FILTER_RANK, Graph, Tensor, float_operators, layers
from ..config import Config
from ..decoders import Thresholds, thresholds_of
from ..errors import PoseError
from ..files import sha256
from ..models.networks.precision import quantize_first
from .boards import Board, Fit, fits
from .recognition import PoseType


@dataclass(frozen=True)
class DeploymentSpec:
    """A network to deploy, and for what.

    Attributes:
        name: the prefix of files and C symbols, a C identifier.
        path: the model file.
        data: the bytes of the .tflite or .onnx, which needs no other file.
        graph: the network as the file has it.
        pose: None if it is not a pose network: it becomes C without a decoder.
        config: thresholds, preprocessing, tools and deployment.
    """

    name: str
    path: Path
    data: bytes = field(repr=False)
    graph: Graph = field(repr=False)
    pose: PoseType | None
    board: Board
    config: Config

    @property
    def source(self) -> str:
        """The model's file name, in which a byte that is not UTF-8 is a replacement character."""
        return os.fsencode(self.path.name).decode("utf-8", "replace")

    @property
    def file_name(self) -> str:
        """The name of the model file in the folder."""
        return self.name + self.path.suffix.lower()

    @property
    def is_tflite(self) -> bool:
        return self.file_name.endswith(".tflite")

    @property
    def sha256(self) -> str:
        """Of the model file, by which a published one is known."""
        return sha256(self.data)

    @property
    def input(self) -> Tensor:
        """The first input, in the file."""
        return self.graph.tensors[self.graph.inputs[0]]

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width."""
        return self.input.shape[1], self.input.shape[2]

    @property
    def thresholds(self) -> Thresholds:
        """Of the decoder of a pose network."""
        assert self.pose is not None  # there is a decoder
        given = self.config.postprocessing.thresholds
        return thresholds_of(self.pose.model_type, self.pose.spec, **given)

    def format_version(self) -> dict[str, int]:
        """The version of the file's format, by its name in the manifest."""
        return {"tflite_schema" if self.is_tflite else "onnx_opset": self.graph.schema_version}

    def cost(self) -> dict[str, int]:
        """parameters, macs, weight_bytes and live_peak_bytes of the file's graph."""
        rows = layers(self.graph)
        keys = ("parameters", "macs", "weight_bytes")
        total = {key: sum(row[key] for row in rows) for key in keys}
        return total | {"live_peak_bytes": max(row["live_bytes"] for row in rows)}

    def fit(self) -> Fit:
        """Whether, and in which memory, the board has room."""
        cost = self.cost()
        return fits(cost["live_peak_bytes"] / 1024, cost["weight_bytes"] / 1024, self.board)


def read_deployable(path: Path) -> tuple[bytes, Graph]:
    """The bytes and the graph of a full-integer .tflite or QDQ .onnx.

    Raises:
        PoseError: if the file is another one, damaged, or computes in floating point.
    """
    data, graph = _read(path)
    floats = len(float_operators(graph))
    if floats:
        total = sum(operator.name in FILTER_RANK for operator in graph.operators)
        raise PoseError(
            f"{path.name}: {floats} of its {total} convolutions compute in floating point; a "
            f"full-integer network is expected. {quantize_first(path, 'chain_qd')}"
        )
    return data, graph


def read_network(model_path: str | Path) -> Graph:
    """The graph of a quantized network, images channels last: a .tflite as it is, an .onnx as the
    integer network that its QDQ represents.

    Raises:
        PoseError: if the file is of another kind or damaged; for an .onnx that computes in floats
            or cannot be converted to integers.
    """
    return _read(Path(model_path))[1]


def _read(path: Path) -> tuple[bytes, Graph]:
    """The bytes of a file that needs no other, and its graph."""
    if path.suffix.lower() not in read.SUFFIXES:
        kind = path.suffix or "file without suffix"
        raise PoseError(
            f"{path.name}: a quantized {' or '.join(read.SUFFIXES)} is deployed, not a {kind}. "
            f"{quantize_first(path, 'chain_qd')}"
        )
    return read.read_network(path)
