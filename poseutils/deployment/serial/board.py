"""A board with an exported network, on a serial line."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from ...errors import PoseError
from .frames import VERSION, Request
from .line import LONGEST, Line

_U32 = struct.Struct("<I")
_DIGEST_BYTES = 32
_NUMBERS = struct.Struct("<7I")


@dataclass(frozen=True)
class Info:
    """What firmware says of itself.

    Attributes:
        sha256: of the model file.
        interface: :func:`.firmware.interface_number` of input and outputs.
        rows, row_bytes: of the input.
        arena_bytes: RAM of the network.
        keypoints, people: of each person, and the most people; 0 without a decoder.
        output_bytes: of each output.
    """

    sha256: str
    interface: int
    rows: int
    row_bytes: int
    arena_bytes: int
    keypoints: int
    people: int
    output_bytes: tuple[int, ...]


@dataclass(frozen=True)
class Run:
    """A run: the cycles that the network took, by the board's own counter, and the people that its
    decoder found."""

    cycles: int
    people: int


class Board:
    """A board that answers; see :class:`Line` for the port.

    Raises:
        PoseError: as :class:`Line`; if nothing answers, or in another version of the protocol.
    """

    def __init__(self, port: str | None):
        self.line = Line(port)
        try:
            self.info = self._info(self.line.ask(Request.HELLO))
        except PoseError:
            self.close()
            raise

    def close(self) -> None:
        self.line.close()

    def run(self, image: bytes) -> Run:
        """Sends the input tensor row by row, and runs the network on it.

        Raises:
            PoseError: if the image has another size; if the line is cut, the board falls silent or
                refuses a request: at which row.
        """
        info = self.info
        if len(image) != info.rows * info.row_bytes:
            raise PoseError(
                f"{self.line}: an image of {len(image):,} bytes; the board takes "
                f"{info.rows} rows of {info.row_bytes:,}"
            )
        for row in range(info.rows):
            data = image[row * info.row_bytes : (row + 1) * info.row_bytes]
            try:
                self.line.ask(Request.ROW, _U32.pack(row) + data)
            except PoseError as error:
                raise PoseError(f"{error} It happened at row {row} of {info.rows}.") from error
        cycles, people = struct.unpack("<QI", self.line.ask(Request.RUN))
        return Run(cycles, people)

    def output(self, index: int) -> bytes:
        """An output of the last run."""
        return self._read(index, self.info.output_bytes[index])

    def keypoints(self, people: int) -> np.ndarray:
        """The keypoints of the last run, (people, K, 3) float32: x, y in pixels of the input,
        score."""
        size = people * self.info.keypoints * 3 * 4
        data = self._read(len(self.info.output_bytes), size)
        return np.frombuffer(data, "<f4").reshape(people, self.info.keypoints, 3)

    def _read(self, place: int, size: int) -> bytes:
        return b"".join(
            self.line.ask(Request.READ, struct.pack("<3I", place, at, min(LONGEST, size - at)))
            for at in range(0, size, LONGEST)
        )

    def _info(self, payload: bytes) -> Info:
        (version,) = _U32.unpack_from(payload)
        if version != VERSION:
            raise PoseError(
                f"{self.line}: the firmware speaks version {version} of the protocol, version "
                f"{VERSION} is expected. Export the network again and build its firmware."
            )
        digest, rest = payload[4 : 4 + _DIGEST_BYTES], payload[4 + _DIGEST_BYTES :]
        interface, rows, row, arena, keypoints, people, outputs = _NUMBERS.unpack_from(rest)
        sizes = struct.unpack_from(f"<{outputs}I", rest, _NUMBERS.size)
        return Info(digest.hex(), interface, rows, row, arena, keypoints, people, sizes)
