"""Networks whose file leaves shapes to the runtime, as the converter writes them for layers
on sequences."""

import numpy as np

from tests.helpers.networks.parts import IN, OUT, bias, filters, integers
from tests.helpers.networks.tiny_tflite import build, tensor

SHAPE = "ShapeOptions", {"outType": 2}


def numbers(name, *shape):
    return tensor(name, shape, "INT32", scale=None)


def number(name, value):
    return tensor(name, (), "INT32", np.int32(value), scale=None)


def packed(axis, count):
    return "PackOptions", {"axis": axis, "valuesCount": count}


def along(kind):
    return kind, {"axis": 0}


def dense_on_sequence(rows=(1, 1), made=(1, 2), **more):
    """Dense on (1, 6, 4), as the converter writes it: rows come together by SHAPE, GATHER,
    REDUCE_PROD and PACK."""
    tensors = {
        "x": tensor("x", (1, 6, 4), signature=(-1, 6, 4), **IN),
        "shape": numbers("shape", 3),
        "outer": integers("outer", 0, 1),
        "sizes": numbers("sizes", 2),
        "first": integers("first", 0),
        "rows": numbers("rows"),
        "inner": integers("inner", 2),
        "size": numbers("size", 1),
        "depth": numbers("depth"),
        "flat": numbers("flat", 2),
        "together": tensor("together", rows, signature=(-1, -1), **IN),
        "w": filters("w", (2, 4)),
        "b": bias(2),
        "made": tensor("made", made, signature=(-1, 2), **OUT),
        "channels": integers("channels", 2),
        "back": numbers("back", 3),
        "y": tensor("y", (1, 6, 2), signature=(-1, 6, 2), **OUT),
    } | more
    reduction = "ReducerOptions", {"keepDims": False}
    operators = [
        ("SHAPE", ["x"], ["shape"], SHAPE),
        ("GATHER", ["shape", "outer"], ["sizes"], along("GatherOptions")),
        ("REDUCE_PROD", ["sizes", "first"], ["rows"], reduction),
        ("CONCATENATION", ["sizes", "channels"], ["back"], along("ConcatenationOptions")),
        ("GATHER", ["shape", "inner"], ["size"], along("GatherOptions")),
        ("REDUCE_PROD", ["size", "first"], ["depth"], reduction),
        ("PACK", ["rows", "depth"], ["flat"], packed(0, 2)),
        ("RESHAPE", ["x", "flat"], ["together"]),
        ("FULLY_CONNECTED", ["together", "w", "b"], ["made"], ("FullyConnectedOptions", {})),
        ("RESHAPE", ["made", "back"], ["y"]),
    ]
    return named(tensors, operators, ["x"], ["y"])


def named(tensors, operators, inputs, outputs):
    at = {name: number for number, name in enumerate(tensors)}
    operators = [
        (name, [at[t] for t in a], [at[t] for t in b], *rest) for name, a, b, *rest in operators
    ]
    return build(
        list(tensors.values()), operators, [at[t] for t in inputs], [at[t] for t in outputs]
    )


def recurrent():
    """The first step of an unrolled recurrent layer: a state of zeros by FILL, and one time step of
    a transposed input."""
    tensors = {
        "x": tensor("x", (1, 3, 4), signature=(-1, 3, 4), **IN),
        "shape": numbers("shape", 3),
        "zero": integers("zero", 0),
        "one": integers("one", 1),
        "batch": numbers("batch"),
        "units": number("units", 5),
        "sizes": numbers("sizes", 2),
        "nothing": tensor("nothing", (), data=np.int8(-7), **IN),
        "state": tensor("state", (1, 1), signature=(-1, -1), **IN),
        "order": integers("order", 1, 0, 2),
        "turned": tensor("turned", (1, 1, 1), signature=(3, -1, 4), **IN),
        **{f"t{n}": tensor(f"t{n}", (1, 4), signature=(-1, 4), **IN) for n in range(3)},
        "w": filters("w", (5, 4)),
        "b": bias(5),
        "step": tensor("step", (1, 5), signature=(-1, 5), **OUT),
        "y": tensor("y", (1, 5), signature=(-1, 5), **OUT),
    }
    masks = ("beginMask", "endMask", "ellipsisMask", "newAxisMask")
    first = "StridedSliceOptions", dict.fromkeys(masks, 0) | {"shrinkAxisMask": 1}
    operators = [
        ("SHAPE", ["x"], ["shape"], SHAPE),
        ("STRIDED_SLICE", ["shape", "zero", "one", "one"], ["batch"], first),
        ("PACK", ["batch", "units"], ["sizes"], packed(0, 2)),
        ("FILL", ["sizes", "nothing"], ["state"]),
        ("TRANSPOSE", ["x", "order"], ["turned"]),
        ("UNPACK", ["turned"], ["t0", "t1", "t2"], ("UnpackOptions", {"axis": 0, "num": 3})),
        ("FULLY_CONNECTED", ["t1", "w", "b"], ["step"], ("FullyConnectedOptions", {})),
        ("ADD", ["step", "state"], ["y"], ("AddOptions", {})),
    ]
    return named(tensors, operators, ["x"], ["y"])


def moved():
    """Dimensions of one, a slice and a SQUEEZE, all of which are stored as placeholders."""
    opened = {"signature": (-1, -1, -1), **IN}
    tensors = {
        "x": tensor("x", (1, 6, 4), **IN),
        "axis": number("axis", -3),
        "deep": tensor("deep", (1, 1, 1, 1), signature=(-1,) * 4, **IN),
        "begin": integers("begin", 0, 0, 1, 0),
        "end": integers("end", 1, 1, 6, 4),
        "steps": integers("steps", 1, 1, 2, 1),
        "part": tensor("part", (1, 1, 1), **opened),
        "flat": tensor("flat", (1, 1), signature=(-1, -1), **IN),
        "sizes": integers("sizes", 2, -1),
        "y": tensor("y", (1, 1), signature=(-1, -1), **IN),
    }
    masks = dict.fromkeys(("beginMask", "endMask", "ellipsisMask", "newAxisMask"), 0)
    operators = [
        ("EXPAND_DIMS", ["x", "axis"], ["deep"]),
        (
            "STRIDED_SLICE",
            ["deep", "begin", "end", "steps"],
            ["part"],
            ("StridedSliceOptions", masks | {"shrinkAxisMask": 1}),
        ),
        (
            "SQUEEZE",
            ["part"],
            ["flat"],
            ("SqueezeOptions", {"squeezeDims": np.array([0], np.int32)}),
        ),
        ("RESHAPE", ["flat", "sizes"], ["y"]),
    ]
    return named(tensors, operators, ["x"], ["y"])
