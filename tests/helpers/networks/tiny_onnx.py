"""Writes small .onnx files by hand, so that the tests need no package for it: onnx.proto of ONNX
1.x, in protobuf's wire format."""

import numpy as np

_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int64": 7}
_INT = 2  # AttributeProto.AttributeType


def _varint(number):
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes(parts + bytes([number]))


def _field(number, value):
    """One field of a message: an integer as a varint; text, bytes and messages with their
    length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    value = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _message(*fields):
    return b"".join(_field(number, value) for number, value in fields)


def node(operator, inputs, output, **integers):
    """A NodeProto of one output, with attributes that are integers."""
    attributes = [
        (5, _message((1, name), (3, value), (20, _INT))) for name, value in integers.items()
    ]
    return _message(*((1, name) for name in inputs), (2, output), (4, operator), *attributes)


def _tensor(name, array):
    return _message(
        *((1, n) for n in array.shape),
        (2, _TYPES[array.dtype.name]),
        (8, name),
        (9, array.tobytes()),
    )


def _value(name, shape):
    dimensions = _message(*((1, _message((1, n))) for n in shape))
    return _message(
        (1, name), (2, _message((1, _message((1, _TYPES["float32"]), (2, dimensions)))))
    )


def onnx_model(nodes, constants, given, result, metadata=None):
    """The bytes of a ModelProto, opset 13; ``given`` and ``result`` are (name, shape) of its float
    input and output."""
    graph = _message(
        *((1, n) for n in nodes),
        (2, "tiny"),
        *((5, _tensor(name, np.asarray(array, np.float32))) for name, array in constants.items()),
        (11, _value(*given)),
        (12, _value(*result)),
    )
    stamps = [(14, _message((1, key), (2, value))) for key, value in (metadata or {}).items()]
    return _message((1, 8), (2, "tests"), (7, graph), (8, _message((1, ""), (2, 13))), *stamps)
