"""A Keras model as a list of layer calls and tensors, with folded batch normalization."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import PoseError

CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D", "Dense")
"""Layers with a kernel, whose channels are on the last axis."""


@dataclass(frozen=True)
class Step:
    """One call of a layer.

    Attributes:
        layer: the Keras layer or operation.
        kind: the name of its class; ``Other`` unless it is a layer of Keras's that computes one
            tensor from tensors.
        inputs, output: numbers of tensors, in order of first use.
    """

    layer: Any
    kind: str
    inputs: tuple[int, ...]
    output: int


@dataclass(frozen=True)
class Layers:
    """A Keras model as steps in execution order.

    Attributes:
        model: the keras.Model.
        steps: its layer calls.
        tensors: the symbolic tensors by number.
        inputs, outputs: numbers of the model's inputs and outputs.
    """

    model: Any
    steps: tuple[Step, ...]
    tensors: tuple[Any, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def readers(self) -> Counter:
        """The number of reads of each tensor; being an output of the model counts as one."""
        return Counter([*self.outputs, *(t for step in self.steps for t in step.inputs)])

    def convolutions(self) -> list[Step]:
        """The steps of layers with a kernel, without layers that are called several times, whose
        weights are shared."""
        return [step for step in self.steps if step.kind in CONVOLUTIONS and self.called_once(step)]

    def called_once(self, step: Step) -> bool:
        """Whether no other step calls the same layer."""
        return sum(other.layer is step.layer for other in self.steps) == 1


def folded(model) -> Layers:
    """An equivalent copy of the model with batch normalization folded into the convolutions.

    Weights become w·γ/σ, biases (b − μ)·γ/σ + β (Jacob et al., 2018). Activations inside layers
    become separate layers, to make all tensors accessible.

    Raises:
        PoseError: for a model that is not a graph of layers.
    """
    split = _split(model)
    readers, producers = split.readers(), {step.output: step for step in split.convolutions()}
    pairs = {}
    for step in split.steps:
        if step.kind != "BatchNormalization" or not split.called_once(step):
            continue
        before = producers.get(step.inputs[0])
        last = step.layer.axis in (-1, len(split.tensors[step.output].shape) - 1)
        if before and last and channels_last(before) and readers[before.output] == 1:
            pairs[before.layer.name] = step.layer
    dropped = {norm.name for norm in pairs.values()}

    def copy(layer):
        changes = {"use_bias": True} if layer.name in pairs else {}
        return _copied(layer, **changes)

    def call(run, layer, *inputs, **options):
        return inputs[0] if layer.name in dropped else run(layer, *inputs, **options)

    result = _rebuilt(split.model, copy, call)
    _copy_weights(
        split.model,
        result.model,
        lambda layer, weights: _folded_weights(layer, weights, pairs.get(layer.name)),
    )
    return result


def channels_last(step: Step) -> bool:
    """Whether the layer's inputs and outputs have the channels on the last axis."""
    return getattr(step.layer, "data_format", "channels_last") == "channels_last"


def _folded_weights(layer, weights: list[np.ndarray], norm) -> list[np.ndarray]:
    if norm is None:
        return weights
    kernel, bias = weights[0].astype(np.float64), weights[1] if len(weights) > 1 else 0.0
    mean = np.asarray(norm.moving_mean, np.float64)
    variance = np.asarray(norm.moving_variance, np.float64)
    gamma = np.asarray(norm.gamma) if norm.scale else 1.0
    beta = np.asarray(norm.beta) if norm.center else 0.0
    factor = gamma / np.sqrt(variance + norm.epsilon)
    shape = kernel.shape[-2:] if layer.__class__.__name__ == "DepthwiseConv2D" else (1, -1)
    return [kernel * factor.reshape(shape), (bias - mean) * factor + beta]


def _split(model) -> Layers:
    """A copy with the activations of convolutions as separate layers, and activations by name as
    layers of their class."""
    import keras

    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs, model.outputs, name=model.name)
    after = {
        layer.name: layer.activation
        for layer in model.layers
        if _activation(layer) not in (None, "linear")
    }

    def copy(layer):
        changes = {}
        if layer.name in after and layer.__class__.__name__ in CONVOLUTIONS:
            changes = {"activation": "linear"}
        return _copied(layer, **changes)

    def call(run, layer, *inputs, **options):
        activation = after.get(layer.name)
        if layer.__class__.__name__ in CONVOLUTIONS:
            result = run(layer, *inputs, **options)
            if activation:
                return run(_activate(activation, f"{layer.name}_own_activation"), result)
            return result
        if activation:
            return run(_activate(activation, layer.name), *inputs)
        return run(layer, *inputs, **options)

    result = _rebuilt(model, copy, call)
    _copy_weights(model, result.model)
    return result


def _copy_weights(source, target, change=lambda layer, weights: weights) -> None:
    """Copies the weights of layers by their names."""
    originals = {layer.name: layer for layer in source.layers}
    for layer in target.layers:
        if layer.weights:
            layer.set_weights(change(layer, originals[layer.name].get_weights()))


def _activation(layer) -> str | None:
    """The name of the activation function of a convolution or ``Activation`` layer."""
    if layer.__class__.__name__ not in (*CONVOLUTIONS, "Activation"):
        return None
    return getattr(layer.activation, "__name__", "other")


def _activate(function, name: str):
    """An activation function as a layer."""
    import keras

    known = {"relu": {}, "relu6": {"max_value": 6.0}}
    kind = getattr(function, "__name__", "")
    if kind in known:
        return keras.layers.ReLU(name=name, **known[kind])
    return keras.layers.Activation(function, name=name)


def _copied(layer, **changes):
    """A layer of the same configuration, with changes, and without its weights. Operations, which
    have no weights, are not copied."""
    import keras

    if not isinstance(layer, keras.Layer):
        return layer
    return layer.__class__.from_config({**layer.get_config(), **changes})


def _rebuilt(model, copy, call) -> Layers:
    """Rebuilds a model from copies of its layers, each called by ``call(run, layer, *inputs,
    **options)``, and records the calls of ``run``."""
    import keras

    numbers: dict[int, int] = {}
    tensors: list[Any] = []
    steps: list[Step] = []

    def number(tensor) -> int:
        if id(tensor) not in numbers:
            numbers[id(tensor)] = len(tensors)
            tensors.append(tensor)
        return numbers[id(tensor)]

    def run(layer, *inputs, **options):
        results = layer(*inputs, **options)
        given = [
            number(x)
            for x in keras.tree.flatten((inputs, options))
            if keras.backend.is_keras_tensor(x)
        ]
        kind = _kind(layer, inputs, options, results)
        steps.extend(
            Step(layer, kind, tuple(given), number(result))
            for result in keras.tree.flatten(results)
        )
        return results

    try:
        result = keras.models.clone_model(
            model,
            clone_function=copy,
            call_function=lambda *given, **options: call(run, *given, **options),
        )
    except (
        Exception
    ) as error:  # a layer that cannot be made from its configuration raises whatever it likes
        raise PoseError(f"{model.name} cannot be copied layer by layer: {error}") from error
    inputs, outputs = (
        [number(tensor) for tensor in ends] for ends in (result.inputs, result.outputs)
    )
    return Layers(result, tuple(steps), tuple(tensors), tuple(inputs), tuple(outputs))


def _kind(layer, inputs, options, results) -> str:
    """The class of a layer of Keras's that computes one tensor from tensors, else ``Other``; the
    operator ``+`` is an ``Add``."""
    import keras

    plain = all(
        keras.backend.is_keras_tensor(x)
        for x in keras.tree.flatten((inputs, options, results))
        if x is not None
    )
    name = type(layer).__name__
    own = type(layer) is getattr(keras.layers, name, None) or (
        name == "Add" and type(layer).__module__.startswith("keras.")
    )
    return name if plain and own and keras.backend.is_keras_tensor(results) else "Other"
