"""Firmware for the STM32F405 in QEMU, its USART1 on a line that tests may disturb."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.serial.board import Wire

COMMAND = "qemu-system-arm -M netduinoplus2 -nographic -monitor none -icount shift=0"


@contextmanager
def emulated(program: Path) -> Iterator[Wire]:
    """A line to the firmware, which goes on running when the line is cut."""
    with tempfile.TemporaryDirectory() as folder:
        place = f"{folder}/usart1"
        serial = ["-serial", f"unix:{place},server=on,wait=off"]
        process = subprocess.Popen([*COMMAND.split(), *serial, "-kernel", program])

        def connect() -> socket.socket:
            made = socket.socket(socket.AF_UNIX)
            made.connect(place)
            return made

        try:
            while not Path(place).exists():
                assert process.poll() is None, "QEMU did not start"
                time.sleep(0.05)
            with Wire(connect) as line:
                yield line
        finally:
            process.kill()
            process.wait()
