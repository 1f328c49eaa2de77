"""Frames of the serial protocol in Python and in C: the checksum, and what garbage does to them."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseutils.deployment.serial.frames import MAGIC, OVERHEAD, Frame, Receiver, encoded
from tests.helpers.marks import with_gcc
from tests.helpers.serial import receiver as in_c

MOST = 40
SILENT, TOO_LONG, DAMAGED = 1, 2, 3
FRAMES = st.builds(Frame, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=MOST))
HEADER = encoded(Frame(1, 1, bytes(MOST)))[:6]
"""Of a frame that does not come: the receiver waits for its payload."""
GARBAGE = st.lists(
    st.sampled_from([MAGIC, MAGIC[:1], HEADER, encoded(Frame(1, 1, b"abc"))[:9]])
    | st.binary(max_size=60),
    max_size=4,
).map(b"".join)


def in_python(data: bytes, size: int = 1) -> list[Frame]:
    """The frames in data that comes in pieces, after which the line falls silent."""
    receiver, frames = Receiver(MOST), []
    for at in range(0, len(data), size):
        frames += receiver.feed(data[at : at + size])
    for _ in data:
        frames += receiver.silence()
    return frames


@with_gcc
@pytest.mark.parametrize("crc", [zlib.crc32, in_c.crc32])
@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"123456789", 0xCBF43926),  # "check" of CRC-32/ISO-HDLC in Cook's catalogue
        (b"IEND", 0xAE426082),  # the end of every PNG file
        (b"", 0),
    ],
)
def test_the_checksum_is_that_of_its_catalogue(crc, data, value):
    assert crc(data) == value


@with_gcc
@given(st.binary(max_size=200))
def test_the_checksum_in_c_is_that_in_python(data):
    assert in_c.crc32(data) == zlib.crc32(data)


def test_a_frame_is_what_the_header_says():
    assert encoded(Frame(2, 7, b"\x05\x06\x07"))[:9] == b"PF\x02\x07\x03\x00\x05\x06\x07"


@with_gcc
@given(FRAMES)
def test_c_sends_the_same_bytes(frame):
    assert in_c.encoded(frame) == encoded(frame)


@with_gcc
@given(st.lists(st.tuples(GARBAGE, FRAMES), max_size=4), GARBAGE, st.integers(1, 9))
def test_garbage_never_makes_a_frame_and_never_costs_one(pairs, end, size):
    data = b"".join(garbage + encoded(frame) for garbage, frame in pairs) + end
    sent = [frame for _, frame in pairs]
    assert in_python(data, size) == sent
    assert in_c.received(data, MOST)[0] == sent


@with_gcc
@given(FRAMES, st.integers(0, 8 * (OVERHEAD + MOST) - 1))
def test_a_turned_bit_is_found(frame, bit):
    data = bytearray(encoded(frame))
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    assert in_python(bytes(data)) == in_c.received(bytes(data), MOST)[0] == []


@with_gcc
def test_errors_say_what_is_wrong_with_a_frame():
    whole = encoded(Frame(1, 1, b"abc"))
    assert in_c.received(whole[:-1], MOST) == ([], [SILENT])
    assert in_c.received(whole[:-1] + b"x", MOST) == ([], [DAMAGED])
    assert in_c.received(encoded(Frame(1, 1, bytes(MOST + 1))), MOST) == ([], [TOO_LONG])
    assert in_c.received(whole[:5] + whole, MOST)[0] == [Frame(1, 1, b"abc")]
    assert in_c.received(b"\xff" * 999 + b"P", MOST) == ([], [SILENT])
