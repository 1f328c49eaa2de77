"""Analysis of quantization: the error of the outputs and of each layer, and the ranges of weights
and activations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..compiler.frontends.tflite import read_tflite
from ..compiler.graph import Graph, Operator, Quantization
from ..errors import PoseError
from ..models.networks.network import open_network
from ..streams import silent_stderr
from .layers import CONVOLUTIONS, Layers, Step, folded
from .options import checked_model
from .statistics import reader


def quantization_error(model_or_path, path: str | Path, images: np.ndarray) -> dict[str, float]:
    """The error of a quantized network's outputs against the float network's.

    Args:
        model_or_path: the float keras.Model, or its file.
        path: the .tflite or .onnx quantized from it.
        images: (N, H, W, 3) float32 inputs of the float network.

    Returns:
        ``snr_db``, the signal-to-noise ratio over all outputs in dB (larger is better), and
        ``max_error``, the largest absolute difference.

    Raises:
        PoseError: for images of another shape, or if the outputs have different shapes.
    """
    model = checked_model(model_or_path, images)
    exact = model.predict(images, batch_size=32, verbose=0)
    network = open_network(path, rescaling=(1.0, 0.0))
    (rounded,) = network.run(images).values()
    rounded = (
        rounded.transpose(0, 2, 3, 1) if network.channels_first and rounded.ndim == 4 else rounded
    )
    if rounded.shape != exact.shape:
        raise PoseError(
            f"{path} gives {rounded.shape} and the float network {exact.shape}: they are not the "
            "same network"
        )
    noise = np.square(exact - rounded, dtype=np.float64).sum()
    signal = np.square(exact, dtype=np.float64).sum()
    return {
        "snr_db": float(10 * np.log10(signal / max(noise, 1e-30))),
        "max_error": float(np.abs(exact - rounded).max()),
    }


# ---------------------------------------------------------------- layer by layer


def layer_errors(model_or_path, tflite_path: str | Path, images: np.ndarray) -> list[dict]:
    """The signal-to-noise ratio of each layer's output, in the order of the quantized network.

    Each output of the .tflite's operators is matched with a tensor of the Keras model: the nearest
    of those with the same shape from the same kind of layer, best matches first. This is robust to
    fused layers and reordered branches.

    Args:
        model_or_path: the float keras.Model that was converted, or its file; with ``optimize`` the
            result of :func:`optimized`, as equalization scales the channels.
        tflite_path: the quantized file.
        images: (N, H, W, 3) float32 inputs of the float network; eight are enough.

    Returns:
        Rows of ``layer`` (Keras's name), ``operator`` (TFLite's), ``shape`` and ``snr_db``,
        10·log10 of the mean square of the float values over that of the error.

    Raises:
        PoseError: for images of another shape, or if no layer of the file matches the model.
    """
    model = checked_model(model_or_path, images)
    layers, graph = folded(model), read_tflite(tflite_path)
    operators = [operator for operator in graph.operators if _holds_steps(graph, operator)]
    read_exact = reader(layers, [step.output for step in layers.steps])
    read_rounded = _rounded_reader(
        tflite_path, graph, [operator.outputs[0] for operator in operators]
    )
    first = read_exact(images[:1])
    pairs = _matched(operators, read_rounded(images[:1]), layers, first)
    if not pairs:
        raise PoseError(
            f"no layer of {tflite_path} is one of {model.name}: they are not the same network"
        )
    sums = np.zeros((len(pairs), 2))
    for image in images[:, None]:
        exact, rounded = read_exact(image), read_rounded(image)
        sums += [
            (np.square(exact[s]).sum(), np.square(exact[s] - rounded[o]).sum()) for o, s in pairs
        ]
    ratios = 10 * np.log10(np.maximum(sums[:, 0], 1e-30) / np.maximum(sums[:, 1], 1e-30))
    return [
        {
            "layer": _maker(layers, layers.steps[s]).layer.name,
            "operator": operators[o].name,
            "shape": first[s].shape[1:],
            "snr_db": float(r),
        }
        for (o, s), r in zip(pairs, ratios, strict=True)
    ]


_KINDS = {
    "CONV_2D": ("Conv2D", "Dense"),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2D",),
    "FULLY_CONNECTED": ("Dense", "Conv2D"),
}
"""The layers that an operator may be converted from."""


def _holds_steps(graph: Graph, operator: Operator) -> bool:
    """Whether an operator computes a quantized result, other than a conversion of types."""
    return (
        operator.name not in ("QUANTIZE", "DEQUANTIZE")
        and graph.tensors[operator.outputs[0]].quantization is not None
    )


def _rounded_reader(path: str | Path, graph: Graph, tensors: list[int]):
    """A function from one image to dequantized tensors of a .tflite."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    network = open_network(path, rescaling=(1.0, 0.0))
    # Delegates would not expose the intermediate tensors.
    with silent_stderr():
        interpreter = Interpreter(
            str(path),
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()

    def read(image: np.ndarray) -> list[np.ndarray]:
        interpreter.set_tensor(graph.inputs[0], network.prepare(image))
        interpreter.invoke()
        return [
            _real(interpreter.get_tensor(tensor), graph.tensors[tensor].quantization)
            for tensor in tensors
        ]

    return read


def _real(values: np.ndarray, quantization: Quantization | None) -> np.ndarray:
    assert quantization is not None  # as _holds_steps selects
    return (values.astype(np.float32) - quantization.zero_points[0]) * quantization.scales[0]


def _matched(
    operators: list[Operator], rounded: list[np.ndarray], layers: Layers, exact: list[np.ndarray]
) -> list[tuple[int, int]]:
    """Pairs (operator, step), each at most once, in the order of the operators."""
    distances, hidden = [], _fused(layers)
    for o, operator in enumerate(operators):
        for s, values in enumerate(exact):
            kinds = _KINDS.get(operator.name)
            if (
                s not in hidden
                and values.shape == rounded[o].shape
                and (not kinds or _maker(layers, layers.steps[s]).kind in kinds)
            ):
                noise, signal = np.square(values - rounded[o]).sum(), np.square(values).sum()
                distances.append((noise / max(signal, 1e-30), o, s))
    pairs: dict[int, int] = {}
    for _, o, s in sorted(distances):
        if o not in pairs and s not in pairs.values():
            pairs[o] = s
    return sorted(pairs.items())


def _fused(layers: Layers) -> set[int]:
    """The steps whose output is not in the .tflite, as it is only read by an activation that is
    fused into their operator."""
    read = layers.readers()
    numbers = {step.output: number for number, step in enumerate(layers.steps)}
    makers = [_maker(layers, step) for step in layers.steps]
    return {
        numbers[maker.output]
        for step, maker in zip(layers.steps, makers)
        if maker is not step and read[maker.output] == 1
    }


def _maker(layers: Layers, step: Step) -> Step:
    """The step that an activation is fused with; any other step itself."""
    if (
        step.kind != "ReLU"
        or step.layer.max_value not in (None, 6)
        or step.layer.negative_slope
        or step.layer.threshold
    ):
        return step
    before = [
        other
        for other in layers.steps
        if other.output == step.inputs[0] and other.kind in ("Add", *CONVOLUTIONS)
    ]
    return before[0] if before else step


# ---------------------------------------------------------------- ranges


@dataclass(frozen=True)
class Range:
    """The range of real values of the weights or the output of one operator.

    Attributes:
        name: of the tensor.
        operator: TFLite's name, for example ``CONV_2D``.
        low, high: (C,), per channel, for weights; (1,) for activations.
    """

    name: str
    operator: str
    low: np.ndarray
    high: np.ndarray


def weight_ranges(tflite_path: str | Path) -> list[Range]:
    """The smallest and largest quantized weight per output channel, of each operator with int8
    weights."""
    graph = read_tflite(tflite_path)
    ranges = []
    for operator in graph.operators:
        weights = graph.tensors[operator.inputs[1]] if operator.name in _CHANNEL_AXIS else None
        if (
            weights is None
            or weights.data is None
            or weights.dtype != "int8"
            or weights.quantization is None
        ):
            continue
        by_channel = np.moveaxis(weights.data, _CHANNEL_AXIS[operator.name], 0)
        by_channel = by_channel.reshape(len(by_channel), -1)
        scale = weights.quantization.scales.astype(np.float64)
        ranges.append(
            Range(
                weights.name,
                operator.name,
                by_channel.min(axis=1) * scale,
                by_channel.max(axis=1) * scale,
            )
        )
    return ranges


def activation_ranges(tflite_path: str | Path) -> list[Range]:
    """The representable range, by scale and zero point, of each 8-bit output of an operator."""
    limits = {"int8": (-128, 127), "uint8": (0, 255)}
    graph = read_tflite(tflite_path)
    ranges = []
    for operator in graph.operators:
        tensor = graph.tensors[operator.outputs[0]]
        if tensor.dtype in limits and tensor.quantization is not None:
            scale = tensor.quantization.scales.astype(np.float64)
            zero_point = tensor.quantization.zero_points
            low, high = ((q - zero_point) * scale for q in limits[tensor.dtype])
            ranges.append(Range(tensor.name, operator.name, low, high))
    return ranges


def most_uneven(ranges: list[Range]) -> Range:
    """The weights whose channels differ most in range, which lose most by per-tensor
    quantization."""

    def unevenness(weights: Range) -> float:
        widths = weights.high - weights.low
        return float(widths.max() / max(np.median(widths), 1e-9))

    return max(ranges, key=unevenness)


_CHANNEL_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
"""The axis of the output channels in the weights of each operator."""
