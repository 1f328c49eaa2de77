"""A network on a serial line that is a TCP socket: its C as a program of this computer."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from poseutils.deployment import Bundle
from poseutils.deployment.templates import filled
from tests.helpers.running.compiled import STRICT, kernel_objects

PORT = """
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
#include "pose_port.h"

void pose_port_init(void)
{
}

uint32_t pose_port_cycles(void)
{
    static uint32_t cycles;
    return cycles += 1000;
}

int pose_port_read(uint8_t *byte)
{
    struct pollfd line = {0, POLLIN, 0};
    if (poll(&line, 1, 200) == 0) {
        return 0;
    }
    if (read(0, byte, 1) != 1) {
        exit(0);
    }
    return 1;
}

void pose_port_write(const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        const ssize_t written = write(1, bytes, count);
        if (written < 0) {
            exit(0);
        }
        bytes += written;
        count -= (size_t)written;
    }
}
"""


def built(bundle: Bundle, folder: Path) -> Path:
    """The program, with all warnings and sanitizers."""
    name, code = bundle.name, bundle.sources
    (folder / "port.c").write_text(PORT)
    (folder / "main.c").write_text(filled("serial/main.c", {"name": name, "NAME": name.upper()}))
    sources = [code / f"{name}.c", code / f"{name}_weights.c", code / "serial/pose_serial.c"]
    sources += [code / f"serial/{name}_serial.c", folder / "main.c", folder / "port.c"]
    if bundle.model_type:
        sources += [code / f"{name}_poses.c", *code.glob("decode_*.c")]
    command = ["gcc", *STRICT, "-Wpedantic", "-D_POSIX_C_SOURCE=200809L", f"-I{code}"]
    command += [f"-I{code}/serial", *sources, kernel_objects(*STRICT) / "kernels.a", "-lm"]
    subprocess.run([*command, "-o", folder / "board"], check=True)
    return folder / "board"


@contextmanager
def on_program(program: Path) -> Iterator[Wire]:
    """A line to a program, which is started for each connection."""
    running = []

    def connect() -> socket.socket:
        ours, its = socket.socketpair()
        with its:
            running.append(subprocess.Popen([program], stdin=its, stdout=its))
        return ours

    with Wire(connect) as line:
        yield line
    for process in running:  # each ends with its connection
        assert process.wait(10) == 0


class Wire:
    """A TCP port that passes bytes on to a board and back.

    Attributes:
        url: for pyserial.
        to_board: what of a piece of data reaches the board; None cuts the line there.
        connections: how many there were.
    """

    def __init__(self, connect: Callable[[], socket.socket]):
        self._connect = connect
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self._server.getsockname()[1]}"
        self.to_board: Callable[[bytes], bytes | None] = lambda data: data
        self.connections = 0
        self._client: socket.socket | None = None

    def __enter__(self) -> Wire:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._server.close()
        if self._client is not None:
            _shut(self._client)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections, self._client = self.connections + 1, client
            with client, self._connect() as board:
                back = threading.Thread(target=_pass_on, args=(board, client, lambda data: data))
                back.start()
                _pass_on(client, board, lambda data: self.to_board(data))
                back.join()


def _pass_on(
    source: socket.socket, target: socket.socket, changed: Callable[[bytes], bytes | None]
) -> None:
    """Until one of the two is closed, which closes both."""
    try:
        while (data := source.recv(4096)) and (passed := changed(data)) is not None:
            target.sendall(passed)
    except OSError:
        pass
    _shut(source)
    _shut(target)


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:  # closed before
        pass
