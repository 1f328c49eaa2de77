"""Frames of the serial protocol, as ``c/serial/pose_serial.h`` of an exported folder describes
them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import IntEnum

MAGIC = b"PF"
VERSION = 1
ANSWER = 0x80
"""Set in the type of an answer."""
ERROR = 0xFF
"""The type of an error."""
UNREADABLE = 0
"""The sequence number of an error about a frame that the board dropped."""

_HEADER, _CRC = 6, 4
"""Bytes; the CRC is CRC-32/ISO-HDLC in Greg Cook's catalogue, that of Ethernet and zlib."""
OVERHEAD = _HEADER + _CRC


class Request(IntEnum):
    """The type of a request."""

    HELLO = 1
    ROW = 2
    RUN = 3
    READ = 4


@dataclass(frozen=True)
class Frame:
    """A frame: type and sequence number from 0 to 255, and up to 65,535 bytes of payload."""

    type: int
    sequence: int
    payload: bytes = b""


def encoded(frame: Frame) -> bytes:
    """The bytes of a frame."""
    head = bytes([frame.type, frame.sequence]) + len(frame.payload).to_bytes(2, "little")
    body = MAGIC + head + frame.payload
    return body + zlib.crc32(body).to_bytes(_CRC, "little")


class Receiver:
    """Finds frames in bytes as they come; damaged ones and what lies between are dropped.

    Args:
        most: bytes of the longest payload that is expected. A header that says more is garbage.
    """

    def __init__(self, most: int):
        self._room = most + OVERHEAD
        self._held = b""

    @property
    def missing(self) -> int:
        """Bytes that must come before there can be another frame."""
        return (self._bytes() or OVERHEAD) - len(self._held)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete with this data, in order."""
        self._held += data
        frames: list[Frame] = []
        while True:
            self._skip_to_magic()
            size = self._bytes()
            if size is None or len(self._held) < size <= self._room:
                return frames
            if size <= self._room and self._crc_is_right(size):
                frames.append(self._frame(size))
                self._held = self._held[size:]
            else:  # a frame may have begun within the bytes of what was none
                self._held = self._held[1:]

    def silence(self) -> list[Frame]:
        """No bytes came for long: the frame that had begun is none. Frames within its bytes."""
        self._held = self._held[1:]
        return self.feed(b"")

    def _skip_to_magic(self) -> None:
        start = self._held.find(MAGIC)
        if start < 0:
            start = len(self._held) - self._held.endswith(MAGIC[:1])
        self._held = self._held[start:]

    def _bytes(self) -> int | None:
        """The size of the frame whose header is held."""
        if len(self._held) < _HEADER:
            return None
        return OVERHEAD + int.from_bytes(self._held[4:6], "little")

    def _crc_is_right(self, size: int) -> bool:
        body, crc = self._held[: size - _CRC], self._held[size - _CRC : size]
        return zlib.crc32(body) == int.from_bytes(crc, "little")

    def _frame(self, size: int) -> Frame:
        return Frame(self._held[2], self._held[3], self._held[_HEADER : size - _CRC])
