"""The decoders in C, called through ctypes."""

import ctypes

import numpy as np

from poseutils.compiler.emit.kernels import kernel_files
from poseutils.deployment import decoder_c

FLAGS = (
    "-std=c99 -O1 -Wall -Wextra -Wconversion -Wundef -Werror -fsanitize=undefined "
    "-fsanitize-undefined-trap-on-error -shared -fPIC"
)


class Output(ctypes.Structure):
    _fields_ = [
        ("values", ctypes.c_void_p),
        ("type", ctypes.c_int),
        ("scale", ctypes.c_float),
        ("zero", ctypes.c_int32),
    ]


class Limits(ctypes.Structure):
    _fields_ = [
        ("confidence", ctypes.c_float),
        ("overlap", ctypes.c_float),
        ("people", ctypes.c_int32),
        ("candidates", ctypes.c_int32),
    ]
    _fields_ += [("sigmas", ctypes.c_void_p)]


class YoloHead(ctypes.Structure):
    _fields_ = [
        ("candidates", ctypes.c_int32),
        ("classes", ctypes.c_int32),
        ("keypoints", ctypes.c_int32),
        ("columns", ctypes.c_int32),
    ]
    _fields_ += [("transposed", ctypes.c_int), ("end_to_end", ctypes.c_int)]
    _fields_ += [("scale_x", ctypes.c_float), ("scale_y", ctypes.c_float)]


class Layer(ctypes.Structure):
    _fields_ = [("boxes", Output), ("scores", Output), ("anchors", ctypes.c_int32)]


class Grid(ctypes.Structure):
    _fields_ = [("stride", ctypes.c_int32), ("each", ctypes.c_int32)]


class Detector(ctypes.Structure):
    _fields_ = [
        ("layers", ctypes.POINTER(Layer)),
        ("layers_count", ctypes.c_int32),
        ("grids", ctypes.POINTER(Grid)),
    ]
    _fields_ += [
        ("grids_count", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("keypoints", ctypes.c_int32),
    ]


def decoder_sources():
    """The decoders and the headers that they include, by file name."""
    return {
        **decoder_c.decoder_files(),
        "pose_network.h": kernel_files()["pose_network.h"],
    }


def output(array, scale=0.0, zero=0):
    """A ``pose_output``; the array must outlive it."""
    kinds = {"float32": 0, "int8": 1, "uint8": 2}
    return Output(array.ctypes.data, kinds[array.dtype.name], scale, zero)


def floats(*shape):
    made = np.zeros(shape, np.float32)
    return made, made.ctypes.data_as(ctypes.c_void_p)


def quantized(array, dtype=np.int8):
    """8-bit values with scale and zero point, and the reals that they stand for."""
    low, limits = min(float(array.min()), 0.0), np.iinfo(dtype)
    scale = np.float32((max(float(array.max()), 0.0) - low) / 255 or 1.0)
    zero = int(limits.min - round(low / float(scale)))
    q = np.clip(np.rint(array / scale) + zero, limits.min, limits.max).astype(dtype)
    return q, float(scale), zero, (q.astype(np.float32) - zero) * scale
