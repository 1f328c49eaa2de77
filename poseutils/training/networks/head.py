"""The head of a network, its last convolution and the layers after it, for other keypoints."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...errors import PoseError
from ...models.networks.claims.unpacked import check_zip

KEEPING_SHAPE = (
    "Activation",
    "BatchNormalization",
    "Dropout",
    "LeakyReLU",
    "ReLU",
    "Reshape",
    "Softmax",
    "SpatialDropout2D",
)
"""Layers that may be between the last convolution and the heatmaps."""

Layers = list[tuple[str, Mapping[str, Any]]]
"""The class and the arguments of each layer, from the input on."""


def with_keypoints(model, keypoints: int, seed: int = 123):
    """The network with another number of heatmaps: its last convolution, and the layers after it,
    are new and have initial weights.

    Args:
        model: keras.Model from images (B, H, W, 3) to heatmaps (B, h, w, K).
        keypoints: the new K.
        seed: of the initial weights.

    Returns:
        keras.Model that shares all other layers with ``model``; ``model`` itself if it has that
        number.

    Raises:
        PoseError: if the network does not end in a convolution with K channels, followed only by
            layers of :data:`KEEPING_SHAPE`.
    """
    import keras

    channels = model.output_shape[-1]
    if channels == keypoints:
        return model
    layers = [(type(layer).__name__, layer.get_config()) for layer in model.layers]
    start = check_head(layers, channels, keypoints)
    replaced = {layer.name for layer in model.layers[start:]}
    keras.utils.set_random_seed(seed)

    def copied(layer):
        if layer.name not in replaced:
            return layer
        arguments = layer.get_config()
        return type(layer).from_config(arguments | _of_keypoints(arguments, channels, keypoints))

    return keras.models.clone_model(model, clone_function=copied)


def _of_keypoints(arguments: Mapping[str, Any], channels: int, keypoints: int) -> dict[str, Any]:
    """The arguments of a layer that are other ones for another number of heatmaps."""
    if "filters" in arguments:
        return {"filters": keypoints}
    shape = arguments.get("target_shape")
    if shape and shape[-1] == channels:
        return {"target_shape": (*shape[:-1], keypoints)}
    return {}


def check_head(layers: Layers, channels: int, keypoints: int) -> int:
    """The index of the last convolution of a network, which can be made anew.

    Raises:
        PoseError: if it cannot: it has another number of channels, or layers of other kinds
            follow it.
    """
    start = _start_of_head(layers)
    if start is None or layers[start][1]["filters"] != channels:
        raise PoseError(
            f"the network has {channels} keypoints and the data {keypoints}, for which its last "
            f"layer cannot be replaced: it does not end in a convolution with {channels} channels "
            "and an activation. Give a network that does, or one trained on the same keypoints, or "
            "train from scratch (model.model_path empty)"
        )
    return start


def _start_of_head(layers: Layers) -> int | None:
    """The index of the last convolution; None if layers of other kinds follow it."""
    for index in reversed(range(len(layers))):
        kind, arguments = layers[index]
        if "filters" in arguments:
            return index if arguments.get("groups", 1) == 1 else None
        if kind not in KEEPING_SHAPE:
            return None
    return None


def channels_of(layers: Layers) -> int | None:
    """The number of heatmaps of a network; None if its last layers do not tell."""
    for kind, arguments in reversed(layers):
        if "filters" in arguments:
            return arguments["filters"]
        if kind == "Reshape":
            return arguments["target_shape"][-1]
        if kind not in KEEPING_SHAPE:
            return None
    return None


def new_head(name: str, channels: int, keypoints: int) -> str:
    """The sentence about a network that gets a new head."""
    return (
        f"{name} has {channels} keypoints and the data {keypoints}: its last layer is new and "
        "starts at random; fine-tune for more epochs"
    )


def read_layers(path: Path) -> Layers | None:
    """The layers of a .keras file, without loading Keras; None for other files, and for one that
    cannot be read, of which loading tells why."""
    if path.suffix.lower() != ".keras":
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            check_zip(archive, path)
            described: Iterable[Mapping[str, Any]] = json.loads(archive.read("config.json"))[
                "config"
            ]["layers"]
        return [(layer["class_name"], layer["config"]) for layer in described]
    except (OSError, zipfile.BadZipFile, PoseError, ValueError, KeyError, TypeError):
        return None
