"""Operators that work value by value."""

from __future__ import annotations

from .case import ALL, Case, Rule, Shapes, broadcast

_ONE = (
    "ABS CEIL COS ELU EXP FLOOR GELU HARD_SWISH LEAKY_RELU LOG LOGISTIC NEG RELU RELU6 RELU_0_TO_1 "
    "RELU_N1_TO_1 ROUND RSQRT SIGN SIN SQRT SQUARE TANH"
).split()
_COMPARISONS = ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
_TWO = ("ADD", "SUB", "MUL", "DIV", "FLOOR_DIV", "FLOOR_MOD", "POW", "SQUARED_DIFFERENCE")


def _one(case: Case) -> Shapes:
    return [case.input(0).shape]


def _quantize(case: Case) -> Shapes:
    data, output = case.input(0), case.outputs[0]
    case.expect(
        output.quantization is not None, f"{output.name!r} of {output.dtype} without a scale"
    )
    case.expect(
        "float" in data.dtype or data.quantization is not None,
        f"{data.name!r} of {data.dtype} without a scale",
    )
    return [data.shape]


def _dequantize(case: Case) -> Shapes:
    data, output = case.input(0), case.outputs[0]
    case.expect("float" in output.dtype, f"{output.name!r} of {output.dtype}; floats are expected")
    case.expect(
        "float" in data.dtype or data.quantization is not None,
        f"{data.name!r} of {data.dtype} without a scale",
    )
    return [data.shape]


def _two(case: Case) -> Shapes:
    a, b = case.input(0), case.input(1)
    return [broadcast(case, a.shape, b.shape)]


def _compared(case: Case) -> Shapes:
    output = case.outputs[0]
    case.expect_same_type(case.input(0), case.input(1))
    case.expect(output.dtype == "bool", f"{output.name!r} of {output.dtype}; bool is expected")
    return _two(case)


def _prelu(case: Case) -> Shapes:
    data, slopes = case.input(0), case.input(1)
    case.expect(
        broadcast(case, data.shape, slopes.shape) == data.shape,
        f"slopes of shape {slopes.shape} for data of shape {data.shape}",
    )
    return [data.shape]


ELEMENTWISE = {
    **dict.fromkeys(_ONE, Rule(_one, (1, 1))),
    **dict.fromkeys(_TWO, Rule(_two, (2, 2), typed=ALL)),
    **dict.fromkeys(("MAXIMUM", "MINIMUM"), Rule(_two, (2, 2), scaled=False, typed=ALL)),
    **dict.fromkeys(_COMPARISONS, Rule(_compared, (2, 2), typed=None)),
    "QUANTIZE": Rule(_quantize, (1, 1), typed=None),
    "DEQUANTIZE": Rule(_dequantize, (1, 1), typed=None),
    "CAST": Rule(_one, (1, 1), scaled=False, typed=None),
    "PRELU": Rule(_prelu, (2, 2), typed=ALL),
}
