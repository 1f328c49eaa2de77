"""Where windows lie: their size, dilation, and the padding that follows."""

from __future__ import annotations

from .attributes import Conv2D, Pair, Pool2D, Window
from .graph import Graph, Operator


def window_size(graph: Graph, operator: Operator) -> Pair:
    """Rows and columns of the window of a convolution or of pooling."""
    if "POOL" in operator.name:
        return operator.attributes_as(Pool2D).size
    height, width = graph.tensors[operator.inputs[1]].shape[1:3]
    return height, width


def window_dilation(operator: Operator) -> Pair:
    return operator.attributes_as(Conv2D).dilation if "CONV_2D" in operator.name else (1, 1)


def window_pads(graph: Graph, operator: Operator) -> Pair:
    """Rows and columns before the image: none for VALID; for SAME half of what is missing, the
    smaller half. Of a TRANSPOSE_CONV those of the convolution that it turns around, the output's
    size being that one's input."""
    window = operator.attributes_as(Window)
    if window.pads is not None:
        return window.pads
    transposed = operator.name == "TRANSPOSE_CONV"
    image = graph.tensors[operator.outputs[0] if transposed else operator.inputs[0]].shape
    made, pads = graph.tensors[operator.outputs[0]].shape, []
    sizes = zip(window_size(graph, operator), window_dilation(operator), window.stride)
    for d, (taps, dilation, stride) in enumerate(sizes, 1):
        steps = -(-image[d] // stride) if transposed else made[d]
        missing = (steps - 1) * stride + (taps - 1) * dilation + 1 - image[d]
        pads.append(max(missing, 0) // 2 if window.padding == "SAME" else 0)
    return pads[0], pads[1]
