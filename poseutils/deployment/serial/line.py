"""A serial line on which a board answers requests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ...errors import PoseError
from .frames import ANSWER, ERROR, UNREADABLE, Frame, Receiver, Request, encoded

BAUD = 115_200

LONGEST = 1024
"""Bytes of the longest payload that a board is asked for."""

ANSWER_SECONDS = 8.0
WORK_SECONDS = 60.0
"""For an answer; to requests for which the network works, that of a slow network on a slow core."""

RESEND_SECONDS = 2.0
"""Until a request is sent again; a board drops half a frame after one second."""

SOON_SECONDS = 0.5
"""After an error, for the answer to a frame that was whole after all."""

SILENCE_SECONDS = 1.5
"""Without a byte: the frame that had begun is none."""

WAIT_SECONDS = 0.1
"""For more bytes, before the clock is looked at."""

_SET = "Set deployment.hardware_setup.serial_port"


class Line:
    """An open serial line, one request at a time.

    Args:
        port: a COM port, a device such as /dev/ttyACM0, or a URL of pyserial, such as
            socket://localhost:5555.

    Raises:
        PoseError: if there is no port, it cannot be opened, or pyserial is not installed.
    """

    def __init__(self, port: str | None):
        self.port = port
        self._port = _opened(port)
        self._receiver = Receiver(LONGEST)
        self._sequence = 0

    def close(self) -> None:
        self._port.close()

    def ask(self, request: Request, payload: bytes = b"") -> bytes:
        """The payload of the answer.

        Raises:
            PoseError: if the line is cut, there is no answer in time, or the board refuses the
                request, with its number and sentence.
        """
        self._sequence = self._sequence % 255 + 1
        works = request in (Request.ROW, Request.RUN)
        seconds = WORK_SECONDS if works else ANSWER_SECONDS
        until, heard = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            self._moved(self._port.write, encoded(Frame(request, self._sequence, payload)))
            answer, count = self._answer(request)
            if answer is not None:
                return answer
            heard += count
        raise PoseError(f"{self}: {_no_answer(heard, seconds)}")

    def _answer(self, request: Request) -> tuple[bytes | None, int]:
        """The payload of the answer if it comes before the request is sent again, and the number of
        bytes that came. Answers to earlier requests are skipped."""
        begin = last = time.monotonic()
        until, heard = begin + RESEND_SECONDS, 0
        while (now := time.monotonic()) < until:
            data = self._moved(self._port.read, self._receiver.missing)
            heard += len(data)
            last = now if data else last
            silent = now - last > SILENCE_SECONDS
            for frame in self._receiver.silence() if silent else self._receiver.feed(data):
                if frame.type == ERROR and frame.sequence == UNREADABLE:
                    until = min(until, now + SOON_SECONDS)
                elif frame.sequence == self._sequence and frame.type == request | ANSWER:
                    return frame.payload, heard
                elif frame.sequence == self._sequence and frame.type == ERROR:
                    raise PoseError(f"{self}: {_refusal(request, frame.payload)}")
        return None, heard

    def _moved(self, move: Callable[[Any], Any], what: bytes | int) -> Any:
        """What the port reads or writes."""
        try:
            return move(what)
        except OSError as error:  # of which pyserial's errors are
            raise PoseError(f"{self}: the line was cut ({error}).") from error

    def __str__(self) -> str:
        return f"serial port {self.port}"


def _opened(port: str | None) -> Any:
    if not port:
        raise PoseError(
            f"no serial port is configured. {_SET} to a COM port, a device such as /dev/ttyACM0, "
            "or socket://host:port."
        )
    try:
        from serial import serial_for_url
    except ModuleNotFoundError as error:
        raise PoseError(
            "the package pyserial is not installed: pip install -r requirements.txt installs it"
        ) from error
    try:
        return serial_for_url(port, BAUD, timeout=WAIT_SECONDS, exclusive=True)
    except (OSError, ValueError) as error:
        raise PoseError(
            f"serial port {port} cannot be opened ({error}). {_SET} to the board's port; no other "
            "program may have it open."
        ) from error


def _no_answer(heard: int, seconds: float) -> str:
    said = (
        f"{heard:,} bytes came in {seconds:g} s, and no answer among them"
        if heard
        else (f"nothing answers within {seconds:g} s")
    )
    return (
        f"{said}. Is it the board's port, at {BAUD:,} baud, and is the firmware of an exported "
        "folder (c/serial) running on it?"
    )


def _refusal(request: Request, payload: bytes) -> str:
    number, sentence = (payload[0], payload[1:].decode("ascii", "replace")) if payload else (0, "")
    return f"the board refused {request.name} with error {number}: {sentence}"
