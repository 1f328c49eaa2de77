"""Networks of the operators beyond those of the published networks: several
scales, odd sizes, every variant."""

import numpy as np

from tests.helpers.networks.parts import IMAGE, IN, OUT, conv, filters, integers, one
from tests.helpers.networks.parts_more import (
    SCALES,
    between,
    elementwise,
    grouped,
    log_softmax,
    looked_up,
    matmul,
    pads,
    pair,
    pool_of,
    reduce,
    sized_by_shape,
    spread,
    strided,
    transposed,
    zeros,
)
from tests.helpers.networks.tiny_tflite import build, tensor
from tests.helpers.running.litert_reference import Reference

UNARY = {
    "HARD_SWISH": {"coarser": 1, "the same": 1, "finer": 0},
    "LEAKY_RELU": dict.fromkeys(SCALES, 1),
    "ABS": dict.fromkeys(SCALES, 1),
    "RELU_0_TO_1": dict.fromkeys(SCALES, 1),
}


CASES = {
    f"{name}, {scales}": lambda name=name, scales=scales: elementwise(
        name,
        *SCALES[scales],
        ("LeakyReluOptions", {"alpha": 0.17}) if name == "LEAKY_RELU" else None,
    )
    for name, known in UNARY.items()
    for scales, runs in known.items()
    if runs
}


CASES |= {
    f"hard swish, {scale} to {made}": lambda scale=scale, made=made: elementwise(
        "HARD_SWISH", {"scale": scale, "zero_point": -3}, {"scale": made, "zero_point": -110}
    )
    for scale, made in ((0.001, 0.0008), (0.024, 0.02), (0.07, 0.05), (0.9, 0.7), (20.0, 13.0))
}


CASES |= {
    "tanh, many scales": lambda: looked_up("TANH", 1 / 128, 0),
    "logistic, many scales": lambda: looked_up("LOGISTIC", 1 / 256, -128),
}


ROOTS = {"scale": 0.05, "zero_point": -128}


CASES |= {
    f"{name.lower()}, {scales}{more}": lambda name=name, given=given, made=made, options=options: (
        elementwise(name, given, made, options)
    )
    for name, options, more in (
        ("EXP", None, ""),
        ("LOG", None, ""),
        ("NEG", None, ""),
        ("GELU", ("GeluOptions", {"approximate": False}), ""),
        ("GELU", ("GeluOptions", {"approximate": True}), ", approximate"),
        ("RSQRT", None, ""),
        ("SQRT", None, ""),
    )
    for scales, (given, made) in SCALES.items()
    for given in ([ROOTS] if name in ("RSQRT", "SQRT") else [given])
}


CASES |= {
    "squared difference": lambda: pair(
        "SQUARED_DIFFERENCE", (1, 9, 11, 6), (1, 9, 11, 6), (1, 9, 11, 6), same=False
    ),
    "squared difference of a row": lambda: pair(
        "SQUARED_DIFFERENCE", (1, 9, 11, 6), (11, 1), (1, 9, 11, 6), constant=True, same=False
    ),
    "squared difference of one value": lambda: pair(
        "SQUARED_DIFFERENCE", (2, 256), (1,), (2, 256), constant=True, same=False
    ),
    "log softmax": lambda: log_softmax(0.1, 33),
    "log softmax, steep": lambda: log_softmax(0.9, 7),
    "log softmax, flat": lambda: log_softmax(0.004, 900),
    "average pool of 25 rows": lambda: pool_of(
        "AVERAGE_POOL_2D", (1, 25, 5, 9), (25, 5), (1, 1, 1, 9), 1
    ),
    "average pool of 40 rows, padded": lambda: pool_of(
        "AVERAGE_POOL_2D", (1, 50, 4, 70), (40, 3), (1, 50, 4, 70), 0
    ),
    "max pool of 25 rows": lambda: pool_of("MAX_POOL_2D", (1, 30, 5, 9), (25, 2), (1, 6, 4, 9), 1),
    "convolution of 30 rows": lambda: one(
        "CONV_2D",
        [tensor("x", (1, 40, 3, 5), **IN), filters("w", (7, 30, 2, 5)), zeros(7)],
        tensor("o", (1, 40, 3, 7), scale=0.9, zero_point=3),
        conv(),
    ),
    "a single number": lambda: build(
        [
            tensor("x", (1, 1), **IN),
            tensor("s", (0,), "INT32", np.zeros(0, np.int32), scale=None),
            tensor("y", (), **IN),
        ]
        + [tensor("o", (), **OUT)],
        [("RESHAPE", [0, 1], [2], ("ReshapeOptions", {})), ("RELU", [2], [3])],
        [0],
        [3],
    ),
    "a single number, padded": lambda: build(
        [
            tensor("x", (), **IN),
            tensor("p", (0, 2), "INT32", np.zeros((0, 2), np.int32), scale=None),
            tensor("y", (), **IN),
            tensor("o", (), **OUT),
        ],
        [("PAD", [0, 1], [2]), ("RELU", [2], [3])],
        [0],
        [3],
    ),
    "a shape itself": lambda: build(
        [IMAGE, tensor("s", (4,), "INT32", scale=None), tensor("o", (1, 9, 11, 6), **OUT)],
        [("SHAPE", [0], [1], ("ShapeOptions", {"outType": 2})), ("RELU", [0], [2])],
        [0],
        [1, 2],
    ),
    "a size worked out from a shape": lambda: sized_by_shape(),
}


REDUCED = {
    "rows": (1,),
    "columns": (2,),
    "channels": (-1,),
    "rows and columns": (2, 1),
    "columns and channels": (2, 3),
    "all": (1, 2, 3),
}


CASES |= {
    f"mean over {what}, {scales}{', kept' * keep}": lambda axes=axes, scales=scales, keep=keep: (
        reduce("MEAN", (1, 5, 7, 9), axes, *SCALES[scales], keep)
    )
    for what, axes in REDUCED.items()
    for scales in SCALES
    for keep in (False, True)
    if keep or scales == "coarser"
}


CASES |= {
    "mean of rows of a matrix": lambda: reduce("MEAN", (13, 60), (0,), *SCALES["finer"], False),
    "greatest of a picture": lambda: reduce("REDUCE_MAX", (1, 9, 11, 6), (1, 2), IN, IN, False),
    "greatest channel": lambda: reduce("REDUCE_MAX", (1, 9, 11, 6), (3,), IN, IN, True),
    "least of rows": lambda: reduce("REDUCE_MIN", (1, 9, 11, 6), (1,), IN, IN, True),
    "transposed 2x2, stride 2": lambda: transposed(
        (4, 2, 2, 6), (1, 10, 14, 4), (2, 2), scale=spread(4)
    ),
    "transposed 3x3, stride 2, valid": lambda: transposed(
        (5, 3, 3, 6), (1, 11, 15, 5), (2, 2), padding=1
    ),
    "transposed 4x4, stride 2": lambda: transposed(
        (5, 4, 4, 6), (1, 10, 14, 5), (2, 2), activation=1
    ),
    "transposed 5x3, strides 1 and 3": lambda: transposed(
        (3, 5, 3, 6), (1, 5, 21, 3), (1, 3), with_bias=False
    ),
    "transposed, odd output": lambda: transposed((3, 3, 3, 6), (1, 9, 13, 3), (2, 2), activation=3),
    "two groups": lambda: grouped(6, 2, 10),
    "three groups, stride 2": lambda: grouped(6, 3, 9, stride=(2, 2), activation=1),
    "groups of one channel": lambda: grouped(7, 7, 14),
    "groups of 1x1": lambda: grouped(8, 2, 6, size=1),
    "every second row and third column": lambda: strided(
        (1, 9, 11, 6), (0, 1, 2, 0), (1, 9, 11, 6), (1, 2, 3, 1), (1, 4, 3, 6)
    ),
    "every second channel": lambda: strided(
        (1, 9, 11, 6), (0, 0, 0, 1), (1, 9, 11, 6), (1, 1, 1, 2), (1, 9, 11, 3)
    ),
    "rows backwards": lambda: strided(
        (1, 9, 11, 6), (0, -1, 0, 0), (1, 0, 11, 6), (1, -2, 1, 1), (1, 5, 11, 6), begin=15, end=15
    ),
    "one row, which vanishes": lambda: strided(
        (1, 9, 11, 6), (0, -2, 0, 0), (1, 0, 11, 6), (1, 1, 1, 1), (1, 11, 6), shrinkAxis=2
    ),
    "one channel, which vanishes": lambda: strided(
        (1, 9, 11, 6), (0, 0, 0, 4), (1, 9, 11, 5), (1, 1, 1, 1), (1, 9, 11), shrinkAxis=8
    ),
    "a new dimension": lambda: strided(
        (9, 11, 6),
        (0, 2, 0, 0),
        (0, 7, 0, 0),
        (1, 1, 1, 1),
        (1, 5, 11, 6),
        newAxis=1,
        begin=12,
        end=12,
    ),
    "an ellipsis": lambda: strided(
        (1, 9, 11, 6), (0, 1), (0, 4), (1, 1), (1, 9, 11, 3), ellipsis=1
    ),
    "slice": lambda: one(
        "SLICE",
        [IMAGE, integers("b", 0, 2, 3, 1), integers("s", 1, 4, -1, 3)],
        tensor("o", (1, 4, 8, 3), **IN),
        ("SliceOptions", {}),
    ),
    "split between": lambda: between("SPLIT_V"),
    "slice between": lambda: between("SLICE"),
    "pad with a value": lambda: one(
        "PADV2",
        [IMAGE, pads((0, 0), (1, 0), (2, 3), (0, 2)), tensor("v", (1,), data=np.int8([-77]), **IN)],
        tensor("o", (1, 10, 16, 8), **IN),
    ),
    "tile": lambda: one(
        "TILE",
        [tensor("x", (1, 3, 4, 5), **IN), integers("t", 1, 2, 3, 2)],
        tensor("o", (1, 6, 12, 10), **IN),
    ),
    "broadcast": lambda: one(
        "BROADCAST_TO",
        [tensor("x", (4, 1, 5), **IN), integers("t", 1, 4, 7, 5)],
        tensor("o", (1, 4, 7, 5), **IN),
    ),
    "depth to space": lambda: one(
        "DEPTH_TO_SPACE",
        [tensor("x", (1, 3, 5, 12), **IN)],
        tensor("o", (1, 6, 10, 3), **IN),
        ("DepthToSpaceOptions", {"blockSize": 2}),
    ),
    "space to depth": lambda: one(
        "SPACE_TO_DEPTH",
        [tensor("x", (1, 6, 9, 2), **IN)],
        tensor("o", (1, 2, 3, 18), **IN),
        ("SpaceToDepthOptions", {"blockSize": 3}),
    ),
    "gather rows": lambda: one(
        "GATHER",
        [tensor("x", (1, 9, 6), **IN), integers("i", 8, 0, 3, 3)],
        tensor("o", (1, 4, 6), **IN),
        ("GatherOptions", {"axis": 1}),
    ),
    "gather channels": lambda: one(
        "GATHER",
        [IMAGE, integers("i", 5, 0)],
        tensor("o", (1, 9, 11, 2), **IN),
        ("GatherOptions", {"axis": -1}),
    ),
    "pack": lambda: build(
        [tensor("a", (4, 5), **IN), tensor("b", (4, 5), **IN), tensor("o", (4, 2, 5), **IN)],
        [("PACK", [0, 1], [2], ("PackOptions", {"axis": 1, "valuesCount": 2}))],
        [0, 1],
        [2],
    ),
    "pack along the last": lambda: build(
        [tensor("a", (4, 5), **IN), tensor("b", (4, 5), **IN), tensor("o", (4, 5, 2), **IN)],
        [("PACK", [0, 1], [2], ("PackOptions", {"axis": -1, "valuesCount": 2}))],
        [0, 1],
        [2],
    ),
    "unpack": lambda: build(
        [tensor("x", (4, 3, 5), **IN), *(tensor(n, (4, 5), **IN) for n in "abc")],
        [("UNPACK", [0], [1, 2, 3], ("UnpackOptions", {"axis": 1, "num": 3}))],
        [0],
        [1, 2, 3],
    ),
    "maximum": lambda: pair("MAXIMUM", (1, 9, 11, 6), (1, 9, 11, 6), (1, 9, 11, 6)),
    "minimum of a row": lambda: pair(
        "MINIMUM", (1, 9, 11, 6), (11, 6), (1, 9, 11, 6), constant=True
    ),
    "maximum with one value": lambda: pair("MAXIMUM", (1, 300), (1,), (1, 300), constant=True),
    "prelu, a slope a place": lambda: pair(
        "PRELU", (1, 9, 11, 6), (9, 11, 6), (1, 9, 11, 6), constant=True, same=False
    ),
    "prelu, one slope": lambda: pair(
        "PRELU", (1, 9, 11, 6), (1, 1, 1), (1, 9, 11, 6), constant=True, same=False
    ),
    "prelu, a slope a column": lambda: pair(
        "PRELU", (1, 9, 11, 6), (1, 11, 1), (1, 9, 11, 6), constant=True, same=False
    ),
    "prelu, computed slopes": lambda: pair(
        "PRELU", (1, 9, 11, 6), (1, 1, 6), (1, 9, 11, 6), same=False
    ),
    "matrices": lambda: matmul((2, 13, 8), (2, 8, 5), (2, 13, 5)),
    "matrices, turned": lambda: matmul((2, 8, 13), (2, 5, 8), (2, 13, 5), x=True, y=True),
    "matrices, one of them constant": lambda: matmul(
        (1, 3, 13, 8), (8, 5), (1, 3, 13, 5), constant=True
    ),
    "matrices, repeated": lambda: matmul((2, 1, 4, 8), (3, 8, 5), (2, 3, 4, 5), y=False),
    "nearest, larger and smaller": lambda: one(
        "RESIZE_NEAREST_NEIGHBOR",
        [IMAGE, integers("size", 20, 7)],
        tensor("o", (1, 20, 7, 6), **IN),
        ("ResizeNearestNeighborOptions", {"halfPixelCenters": True}),
    ),
    "bilinear to a third": lambda: one(
        "RESIZE_BILINEAR",
        [IMAGE, integers("size", 3, 4)],
        tensor("o", (1, 3, 4, 6), **IN),
        ("ResizeBilinearOptions", {}),
    ),
}


def reference_of(data, graph, inputs):
    reference = Reference(data)
    for index, values in zip(graph.inputs, inputs):
        reference.interpreter.set_tensor(index, values)
    reference.interpreter.invoke()
    return b"".join(reference.tensor(t).tobytes() for t in graph.outputs)
