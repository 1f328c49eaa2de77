"""The C side of the frames in this process: bytes in, frames or errors out."""

import ctypes
import subprocess
from functools import lru_cache

from poseutils.deployment.serial.frames import Frame
from poseutils.deployment.templates import filled
from tests.helpers.shared import shared

PORT = """
#include <string.h>
#include "pose_port.h"
#include "pose_serial.h"
static const uint8_t *line;
static size_t left;
static uint8_t sent[1 << 17];
static size_t sent_bytes;
static uint8_t memory[1 << 17];
static pose_receiver receiver = {memory, 0, 0, 0};

void pose_port_init(void) {}
uint32_t pose_port_cycles(void) { return 0; }
int pose_port_read(uint8_t *byte)
{
    if (left == 0) {
        return 0;
    }
    left--;
    *byte = *line++;
    return 1;
}
void pose_port_write(const uint8_t *bytes, size_t count)
{
    memcpy(sent + sent_bytes, bytes, count);
    sent_bytes += count;
}

void connect_line(const uint8_t *bytes, size_t count, size_t room)
{
    line = bytes;
    left = count;
    receiver = (pose_receiver){memory, room, 0, 0};
}
int receive(pose_frame *frame, pose_serial_error *error)
{
    return pose_frame_receive(&receiver, frame, error);
}
const uint8_t *sent_frame(const pose_frame *frame, size_t *bytes)
{
    sent_bytes = 0;
    pose_frame_send(frame);
    *bytes = sent_bytes;
    return sent;
}
"""

FLAGS = "-std=c99 -O1 -Wall -Wextra -Wconversion -Wundef -Werror -fsanitize=undefined "
FLAGS += "-fsanitize-undefined-trap-on-error -shared -fPIC"


class _Frame(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_uint8),
        ("sequence", ctypes.c_uint8),
        ("bytes", ctypes.c_uint16),
        ("payload", ctypes.c_void_p),
    ]


@lru_cache(maxsize=1)
def _library():
    def make(folder):
        for name in ("pose_serial.h", "pose_serial.c", "pose_port.h"):
            (folder / name).write_text(filled(f"serial/{name}", {}))
        (folder / "port.c").write_text(PORT)
        command = ["gcc", *FLAGS.split(), "pose_serial.c", "port.c", "-o", "frames.so"]
        subprocess.run(command, cwd=folder, check=True)

    library = ctypes.CDLL(str(shared("serial-frames", make) / "frames.so"))
    library.pose_crc32.restype = ctypes.c_uint32
    library.sent_frame.restype = ctypes.c_void_p
    return library


def crc32(data: bytes) -> int:
    return _library().pose_crc32(0, data, ctypes.c_size_t(len(data)))


def encoded(frame: Frame) -> bytes:
    payload = ctypes.create_string_buffer(frame.payload)
    given = _Frame(frame.type, frame.sequence, len(frame.payload), ctypes.addressof(payload))
    count = ctypes.c_size_t()
    return ctypes.string_at(
        _library().sent_frame(ctypes.byref(given), ctypes.byref(count)), count.value
    )


def received(data: bytes, most: int) -> tuple[list[Frame], list[int]]:
    """The frames in the data, after which the line falls silent, and the errors.

    Args:
        most: bytes of the longest payload that there is room for.
    """
    library, frame, error = _library(), _Frame(), ctypes.c_int()
    library.connect_line(data, ctypes.c_size_t(len(data)), ctypes.c_size_t(most + 10))
    frames, errors = [], []
    while True:
        if library.receive(ctypes.byref(frame), ctypes.byref(error)):
            payload = ctypes.string_at(frame.payload, frame.bytes)
            frames.append(Frame(frame.type, frame.sequence, payload))
        elif error.value == 0:
            return frames, errors
        else:
            errors.append(error.value)
