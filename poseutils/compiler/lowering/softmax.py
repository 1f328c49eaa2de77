"""SOFTMAX and LOG_SOFTMAX along the last dimension."""

from __future__ import annotations

from ..attributes import Softmax
from ..reference.fixed_point import (
    log_softmax_differences,
    quantize_multiplier,
    softmax_exponentials,
)
from ..unsupported import need
from .layer import Fields, Layer, columns, need_int8, row_fields
from .requantize import pair_fields


def lower_softmax(layer: Layer) -> None:
    source, output = layer.input(0), layer.output
    need_int8(source, output)
    exact = float(output.scale) == 1 / 256 and output.zero_point == -128
    need(exact or layer.operator.rounds_once, "an output of another scale than 1/256")
    need(columns(source) < 4096, f"{columns(source)} channels; up to 4095 are supported")
    step = float(source.scale) * layer.attributes(Softmax).beta
    need(step > 0, "beta that is not positive")
    fields = {
        "rows": row_fields(layer),
        "exponentials": layer.constant("exponentials", softmax_exponentials(step)),
        **_share_fields(float(output.scale)),
        "zero": output.zero_point,
    }
    layer.call_on_data("pose_softmax", layer.struct("pose_softmax_layer", fields))


def _share_fields(scale: float) -> Fields:
    """How many steps of the output a share of 1 is: a power of two, as of LiteRT, or a multiplier
    and one."""
    multiplier, shift = quantize_multiplier(1 / scale)
    if multiplier == 2**30:
        return {"multiplier": 0, "bits": shift - 1}
    return {"multiplier": multiplier, "bits": shift}


def lower_log_softmax(layer: Layer) -> None:
    source, output = layer.input(0), layer.output
    need_int8(source, output)
    need(
        float(output.scale) == 1 / 16 and output.zero_point == 127,
        "an output of another scale than 1/16 and zero point than 127",
    )
    need(columns(source) < 4096, f"{columns(source)} channels; up to 4095 are supported")
    differences, least, reverse = log_softmax_differences(float(source.scale))
    fields = {
        "rows": row_fields(layer),
        "exponentials": layer.constant("exponentials", softmax_exponentials(float(source.scale))),
        "differences": layer.constant("differences", differences),
        "least": least,
        **pair_fields("reverse_", reverse),
    }
    layer.call_on_data("pose_log_softmax", layer.struct("pose_log_softmax_layer", fields))
