"""A board in place of LiteRT: a model whose network runs in firmware on a serial line."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import PoseError
from ...models import Model
from ...models.networks.network import Network
from ..bundle import Bundle
from ..export import export
from ..verify.exported_model import network_of
from .board import Board
from .firmware import interface_number


def on_board(model: Model, port: str | None) -> Model:
    """The same model, with a board on a serial line as its network.

    If an image fails, as when the line is cut, that is printed, and the image sent again on a new
    connection; if that fails too, it is an error, and the next image connects anew.

    Args:
        model: of a full-integer .tflite or QDQ .onnx, from which the board's firmware was exported;
            its detector is unchanged.
        port: a COM port, a device such as /dev/ttyACM0, or a URL of pyserial, such as
            socket://localhost:5555.

    Raises:
        PoseError: if the port cannot be opened, nothing answers, or the board has another network
            or another version of the protocol.
    """
    return replace(model, network=_network(model, port), name=f"{model.label} on a board")


def _network(model: Model, port: str | None) -> Network:
    with tempfile.TemporaryDirectory(prefix="pose-") as work:
        bundle = export(model, Path(work) / "c")
    run = _Reconnecting(lambda: _connected(port, bundle), bundle)
    return network_of(bundle, model, run, f"c on {port}", 1, (_network, (model, port)))


def _connected(port: str | None, bundle: Bundle) -> Board:
    """A board that has the network of the exported folder.

    Raises:
        PoseError: if it has another one.
    """
    board = Board(port)
    wanted = str(bundle.files[bundle.model_path.name]["sha256"])
    if board.info.sha256 == wanted and board.info.interface == interface_number(
        bundle.inputs, bundle.outputs
    ):
        return board
    board.close()
    if board.info.sha256 == wanted:
        raise PoseError(
            f"{board.line}: the board has this network with other types or scales of its input and "
            "outputs. Export it with io='quantized', and build its firmware."
        )
    raise PoseError(
        f"{board.line}: the board has another network, of the model file with sha256 "
        f"{board.info.sha256}; expected is {bundle.model_path.name} with sha256 {wanted}. Build "
        "its firmware from an export of this file."
    )


class _Reconnecting:
    """Runs images on a board, and prints the cycles of the first; a failure ends its connection."""

    def __init__(self, connect: Callable[[], Board], bundle: Bundle):
        self._connect, self._bundle = connect, bundle
        self._board: Board | None = connect()
        self._told = False

    def __call__(self, array: np.ndarray) -> list[np.ndarray]:
        try:
            return self._run(array)
        except PoseError as error:
            print(f"{error} The image is sent again.")
            return self._run(array)

    def _run(self, array: np.ndarray) -> list[np.ndarray]:
        board = self._board or self._connect()
        self._board = None
        try:
            cycles = board.run(array.tobytes()).cycles
            given = [board.output(i) for i in range(len(self._bundle.outputs))]
        except PoseError:
            board.close()
            raise
        self._board = board
        if not self._told:
            self._told = True
            print(f"{board.line}: {cycles:,} cycles, {board.info.arena_bytes:,} bytes of arena")
        return [
            np.frombuffer(data, tensor.dtype).reshape(tensor.shape)
            for data, tensor in zip(given, self._bundle.outputs, strict=True)
        ]
