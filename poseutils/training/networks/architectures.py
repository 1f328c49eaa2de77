"""Architectures of heatmap networks, as Keras models, on any backend of Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...config.names import USUAL_ALPHA
from ...errors import PoseError
from ...models.networks.keras_files import keras_library
from .pretrained import check_pretrained, load_pretrained

WIDEST = 4.0
"""Upper bound of alpha; larger values are typing errors."""
STRIDE = 32
LATERALS = (("block_9_add", 64, 32), ("block_5_add", 32, 24), ("block_2_add", 24, 24))
"""Of the feature pyramid at strides 16, 8 and 4: the backbone's layer, the channels of its lateral
connection, and the channels after merging."""
LAST_BLOCK = ("block_16_project", 320)
"""Of MobileNetV2 the last block's convolution, and its channels at alpha 1."""
CHANNEL_STEP = 8
"""MobileNetV2 rounds the channels of alpha to multiples of this."""
HEAD = 96
"""Channels of the last layer before the heatmaps."""
BATCH_NORM_MOMENTUM = 0.9
"""Momentum of the running mean and variance. Keras's MobileNetV2 has 0.999, whose averages take
thousands of steps to converge; a short training has hundreds."""
EMPTY_LOGIT = -4.0
"""Initial bias of sigmoid heatmaps, a prior probability of 0.02, as nearly all cells are empty (Lin
et al., "Focal Loss", 2017)."""


def build_model(
    model_name: str,
    input_shape: tuple[int, int, int],
    keypoints: int,
    alpha: float | None = None,
    final_activation: str = "sigmoid",
    seed: int = 123,
    pretrained: bool = False,
):
    """Builds a network with random weights, or with a backbone pretrained on ImageNet.

    Args:
        model_name: ``st_movenet_lightning_heatmaps`` (also as ``…_a100_heatmaps``), or
            ``st_movenet_thunder_heatmaps``, where alpha widens the feature pyramid and the head,
            too.
        input_shape: height, width and 3; height and width are multiples of 32.
        keypoints: K, the number of heatmaps.
        alpha: width multiplier of the MobileNetV2 backbone, above 0, up to 4; default 1, or 1.75
            for thunder.
        final_activation: ``sigmoid`` of each cell, or ``softmax`` over the cells of each heatmap.
        seed: of the random weights.
        pretrained: load Keras's ImageNet weights into the backbone.

    Returns:
        keras.Model from (B, height, width, 3) float RGB, -1 to 1, to (B, height / 4, width / 4, K)
        heatmaps, 0 to 1.

    Raises:
        PoseError: for an unknown name or activation, or an invalid shape or width; if there are no
            pretrained weights for this width, or they cannot be downloaded.
    """
    alpha = alpha or USUAL_ALPHA.get(model_name, 1.0)
    check_network(model_name, input_shape, keypoints, alpha, final_activation, pretrained)
    keras = keras_library()
    keras.utils.set_random_seed(seed)
    backbone = _backbone(input_shape, alpha)
    if pretrained:
        load_pretrained(backbone, alpha, input_shape[:2])
    return _heatmap_network(
        model_name, backbone, keypoints, final_activation, alpha if model_name in WIDENED else 1.0
    )


def check_network(
    model_name: str,
    input_shape: tuple[int, int, int],
    keypoints: int,
    alpha: float = 1.0,
    final_activation: str = "sigmoid",
    pretrained: bool = False,
) -> None:
    """Checks arguments of :func:`build_model`, without loading Keras.

    Raises:
        PoseError: for an unknown name or activation, or an invalid shape or width.
    """
    if model_name not in USUAL_ALPHA:
        raise PoseError(
            f"model_name is {model_name!r}; the networks that can be trained are "
            f"{', '.join(USUAL_ALPHA)}"
        )
    _check_shape(input_shape)
    if not 0 < alpha <= WIDEST:
        raise PoseError(f"alpha is {alpha}; give a width above 0, up to {WIDEST:g}")
    if keypoints < 1:
        raise PoseError(f"keypoints is {keypoints}; a network needs at least one")
    if final_activation not in ("sigmoid", "softmax"):
        raise PoseError(f"final_activation is {final_activation!r}; choose sigmoid or softmax")
    if pretrained:
        check_pretrained(alpha)


def _check_shape(input_shape) -> None:
    if (
        len(input_shape) != 3
        or input_shape[2] != 3
        or any(side < STRIDE or side % STRIDE for side in input_shape[:2])
    ):
        raise PoseError(
            f"input_shape is {tuple(input_shape)}; expected (height, width, 3) with height and "
            f"width multiples of {STRIDE}, for example (192, 192, 3)"
        )


def check_start(layers: Mapping[str, Mapping[str, Any]], input_shape) -> None:
    """Checks the input of a network to fine-tune, without loading Keras.

    Args:
        layers: the arguments of its layers by name. Of a network other than those of
            :func:`build_model` it is not known which inputs it takes.
        input_shape: height, width and channels.

    Raises:
        PoseError: for an invalid shape.
    """
    if {source for source, _, _ in LATERALS} <= layers.keys():
        _check_shape(input_shape)


def has_width(layers: Mapping[str, Mapping[str, Any]], alpha: float) -> bool:
    """Whether a network, by the arguments of its layers, may have a backbone of that width."""
    last = layers.get(LAST_BLOCK[0])
    return last is None or abs(last["filters"] - LAST_BLOCK[1] * alpha) <= CHANNEL_STEP / 2


def _backbone(input_shape: tuple[int, int, int], alpha: float):
    """MobileNetV2 (Sandler et al., 2018) with a lower momentum of batch normalization."""
    import keras

    backbone = keras.applications.MobileNetV2(
        input_shape=tuple(input_shape), alpha=alpha, include_top=False, weights=None
    )
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = BATCH_NORM_MOMENTUM
    return backbone


def _heatmap_network(name: str, backbone, keypoints: int, final_activation: str, width: float):
    """A feature pyramid and a heatmap head on a backbone, as in MoveNet (Google, 2021)."""
    import keras

    x = _pointwise(backbone.output, _widened(LATERALS[0][1], width))
    for source, merged, after in LATERALS:
        x = keras.layers.UpSampling2D(interpolation="bilinear")(x)
        x = keras.layers.Add()(
            [x, _pointwise(backbone.get_layer(source).output, _widened(merged, width))]
        )
        x = _separable(x, _widened(after, width))
    x = _separable(x, _widened(HEAD, width))
    x = keras.layers.Conv2D(keypoints, 1, use_bias=False)(x)
    sigmoid = final_activation == "sigmoid"
    x = keras.layers.BatchNormalization(
        momentum=BATCH_NORM_MOMENTUM,
        beta_initializer=keras.initializers.Constant(EMPTY_LOGIT) if sigmoid else "zeros",
    )(x)
    return keras.Model(backbone.input, _activated(x, final_activation), name=name)


def _widened(channels: int, width: float) -> int:
    """Channels times a width multiplier, rounded to a multiple of eight as in MobileNetV2."""
    return max(8, 8 * round(channels * width / 8))


def _pointwise(x, channels: int):
    import keras

    x = keras.layers.Conv2D(channels, 1, use_bias=False)(x)
    return keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x)


def _separable(x, channels: int):
    import keras

    x = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x)
    return keras.layers.ReLU()(_pointwise(x, channels))


def _activated(x, final_activation: str):
    import keras

    if final_activation == "sigmoid":
        return keras.layers.Activation("sigmoid", name="heatmaps")(x)
    height, width, keypoints = x.shape[1:]
    x = keras.layers.Reshape((height * width, keypoints))(x)
    x = keras.layers.Softmax(axis=1)(x)
    return keras.layers.Reshape((height, width, keypoints), name="heatmaps")(x)


WIDENED = ("st_movenet_thunder_heatmaps",)
"""Networks whose feature pyramid and head have alpha times the channels."""
