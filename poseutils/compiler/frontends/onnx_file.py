"""The protobuf of an .onnx file, with the weights that it keeps in other files.

Nothing in it is run; weights beside the file are read only from its own folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import PoseError, missing_package

OLDEST_OPSET = 10
"""The first with QuantizeLinear and DequantizeLinear."""

MAX_NODES = 1 << 16
"""More nodes or values than this is a damaged file, not a network."""

MAX_BYTES = 1 << 30
"""Of one tensor; a damaged shape must not take all memory."""

OWN_DOMAINS = ("", "ai.onnx")


class Damaged(ValueError):
    """Raised for content that no valid file has; the message says what it is."""


@contextmanager
def damage_reported(name: str) -> Iterator[None]:
    """A context that raises PoseError for what is damaged in a file."""
    try:
        yield
    except Damaged as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise PoseError(
            f"{name} is damaged or not an .onnx model: {reason}. Copy or export it again."
        ) from error


def by_onnx(function: Callable[..., Any], *given: Any) -> Any:
    """What a function of the package onnx makes of the file's content. On damaged content they
    raise many kinds of exceptions; nothing of ours runs inside."""
    try:
        return function(*given)
    except Exception as error:
        raise Damaged(str(error) or type(error).__name__) from error


def onnx_library() -> Any:
    """The package onnx.

    Raises:
        PoseError: if it is not installed.
    """
    try:
        import onnx
        import onnx.checker
        import onnx.reference
        import onnx.shape_inference
    except ModuleNotFoundError as error:
        raise missing_package(error, "onnx") from error
    return onnx


def opset_of(proto: Any) -> int:
    own = (each.version for each in proto.opset_import if each.domain in OWN_DOMAINS)
    return max(own, default=0)


def parse_proto(data: bytes) -> Any:
    """The ModelProto of a file's bytes.

    Raises:
        Damaged: if it holds no network, or a number of nodes that no network has.
    """
    proto = by_onnx(onnx_library().load_model_from_string, data)
    graph = proto.graph
    if not (graph.node and graph.input and graph.output):
        raise Damaged(f"{len(data)} bytes in which no network is found")
    if max(len(graph.node), len(graph.initializer), len(graph.value_info)) > MAX_NODES:
        raise Damaged(f"{len(graph.node)} nodes and {len(graph.initializer)} constants")
    return proto


def parse_quantized(data: bytes, name: str) -> Any:
    """As :func:`parse_proto`, of a network in 8 bits.

    Raises:
        PoseError: if its opset is too old for one.
    """
    proto = parse_proto(data)
    opset = opset_of(proto)
    if opset < OLDEST_OPSET:
        raise PoseError(
            f"{name} is of opset {opset}; networks in 8 bits are of {OLDEST_OPSET} or later. "
            "Export it again with opset 17."
        )
    return proto


# ---------------------------------------------------------------- weights in other files


def self_contained(data: bytes, name: str, folder: Path) -> bytes:
    """The bytes of a file with the weights in it that it keeps beside itself; the same bytes if it
    has them already."""
    with damage_reported(name):
        proto = parse_quantized(data, name)
    if not any(tensor.data_location for tensor in _stored_tensors(proto.graph)):
        return data
    embed_weights(proto, name, folder)
    return bytes(proto.SerializeToString(deterministic=True))


def embed_weights(proto: Any, name: str, folder: Path) -> None:
    """Reads what is kept beside the file, from its folder or below, and nowhere else."""
    for tensor in _stored_tensors(proto.graph):
        if tensor.data_location:
            where = {entry.key: entry.value for entry in tensor.external_data}
            tensor.raw_data = _outside_bytes(where, tensor.name, name, folder)
            tensor.ClearField("data_location")
            tensor.ClearField("external_data")


def check_weights_beside(proto: Any, name: str, folder: Path) -> None:
    """Refuses a file that keeps weights elsewhere than in files of its folder or below.

    Raises:
        PoseError: the message says where.
    """
    for tensor in _stored_tensors(proto.graph):
        if tensor.data_location:
            location = {each.key: each.value for each in tensor.external_data}.get("location", "")
            if not _path_beside(location, tensor.name, name, folder).is_file():
                raise PoseError(
                    f"{name} keeps {tensor.name!r} in {location!r}, which is not there. Copy it "
                    "with that file."
                )


def _stored_tensors(graph: Any) -> Iterator[Any]:
    """Constants of a graph, dense and sparse, and of its nodes."""
    yield from graph.initializer
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    for attribute in attributes:
        yield from (attribute.t, *attribute.tensors)
    sparse = [each for a in attributes for each in (a.sparse_tensor, *a.sparse_tensors)]
    for tensor in (*graph.sparse_initializer, *sparse):
        yield from (tensor.values, tensor.indices)


def _path_beside(location: str, tensor: str, name: str, folder: Path) -> Path:
    home = folder.resolve()
    path = (folder / location).resolve() if location and "\0" not in location else home
    if not path.is_relative_to(home) or Path(location).is_absolute():
        raise PoseError(
            f"{name} keeps {tensor!r} in {location!r}, outside of its own folder: that is not "
            "read. Export it as one file."
        )
    return path


def _outside_bytes(where: dict[str, str], tensor: str, name: str, folder: Path) -> bytes:
    location = where.get("location", "")
    path = _path_beside(location, tensor, name, folder)
    try:
        offset, length = int(where.get("offset", 0)), int(where.get("length", -1))
        if not path.is_file() or offset < 0 or length > MAX_BYTES:
            raise ValueError(
                f"{length} bytes from {offset} of {location!r}, which is "
                f"{'' if path.is_file() else 'not '}a file"
            )
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(MAX_BYTES if length < 0 else length)
    except (OSError, ValueError) as error:
        raise PoseError(
            f"{name} keeps {tensor!r} in another file, which cannot be read: {error}. Copy it with "
            "that file."
        ) from error
    if len(data) < length:
        raise PoseError(
            f"{name} keeps {length} bytes of {tensor!r} in {location!r}, which has {len(data)} of "
            "them. Copy both again."
        )
    return data
