"""The networks that can be trained, as Keras models."""

from __future__ import annotations

from ..errors import PoseError
from ..networks import load_tensorflow

NARROWEST, WIDEST = 0.35, 1.4
STRIDE = 32
LATERALS = (("block_9_add", 64, 32), ("block_5_add", 32, 24), ("block_2_add", 24, 24))
"""Top down: the backbone's layer at strides 16, 8 and 4, the channels it is merged at, and the channels after merging."""
BATCH_NORM_MOMENTUM = 0.9
"""Of the running mean and variance. Keras's MobileNetV2 has 0.999, which follows over thousands of steps; a short training has hundreds."""
EMPTY_LOGIT = -4.0
"""Where sigmoid heatmaps start: at 0.02, since nearly every cell is empty (the prior of Lin et al., "Focal Loss", 2017)."""


def build_model(
    model_name: str,
    input_shape: tuple[int, int, int],
    keypoints: int,
    alpha: float = 1.0,
    final_activation: str = "sigmoid",
    seed: int = 123,
):
    """A network with fresh weights.

    Args:
        model_name: ``"st_movenet_lightning_heatmaps"``; the name with ``_a100`` is the same network.
        input_shape: height, width and 3; height and width are multiples of 32.
        keypoints: K, the number of heatmaps.
        alpha: width of the MobileNetV2 backbone, any number from 0.35 to 1.4.
        final_activation: ``"sigmoid"``, every cell for itself, or ``"softmax"`` over all cells of a heatmap.
        seed: of the weights; the same seed gives the same network.

    Returns:
        keras.Model from (B, height, width, 3) float RGB, -1 to 1, to (B, height / 4, width / 4, K) heatmaps, 0 to 1.

    Raises:
        PoseError: for a name, shape, width or activation that is not one of these.
    """
    check_network(model_name, input_shape, keypoints, alpha, final_activation)
    load_tensorflow()
    import keras

    keras.utils.set_random_seed(seed)
    return ARCHITECTURES[model_name](tuple(input_shape), keypoints, alpha, final_activation)


def check_network(
    model_name: str, input_shape: tuple[int, int, int], keypoints: int, alpha: float = 1.0, final_activation: str = "sigmoid"
) -> None:
    """Whether :func:`build_model` takes these, without loading TensorFlow.

    Raises:
        PoseError: for a name, shape, width or activation that it does not.
    """
    if model_name not in ARCHITECTURES:
        raise PoseError(f"model_name is {model_name!r}; the networks that can be trained are {', '.join(ARCHITECTURES)}")
    _check_shape(input_shape)
    if not NARROWEST <= alpha <= WIDEST:
        raise PoseError(f"alpha is {alpha}; give a width from {NARROWEST} to {WIDEST}")
    if keypoints < 1:
        raise PoseError(f"keypoints is {keypoints}; a network needs at least one")
    if final_activation not in ("sigmoid", "softmax"):
        raise PoseError(f"final_activation is {final_activation!r}; choose sigmoid or softmax")


def _check_shape(input_shape) -> None:
    if len(input_shape) != 3 or input_shape[2] != 3 or any(side < STRIDE or side % STRIDE for side in input_shape[:2]):
        raise PoseError(
            f"input_shape is {tuple(input_shape)}; expected (height, width, 3) with height and width multiples of {STRIDE}, "
            "for example (192, 192, 3)"
        )


def _heatmap_network(input_shape: tuple[int, int, int], keypoints: int, alpha: float, final_activation: str):
    """MobileNetV2 (Sandler et al., 2018) with a feature pyramid merged top down, as in MoveNet (Google, 2021)."""
    import keras

    backbone = keras.applications.MobileNetV2(input_shape=input_shape, alpha=alpha, include_top=False, weights=None)
    _follow_faster(backbone)
    x = _pointwise(backbone.output, LATERALS[0][1])
    for source, merged, after in LATERALS:
        x = keras.layers.UpSampling2D(interpolation="bilinear")(x)
        x = keras.layers.Add()([x, _pointwise(backbone.get_layer(source).output, merged)])
        x = _separable(x, after)
    x = _separable(x, 96)
    x = keras.layers.Conv2D(keypoints, 1, use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, beta_initializer=_prior(final_activation))(x)
    return keras.Model(backbone.input, _activated(x, final_activation), name="st_movenet_lightning_heatmaps")


def _follow_faster(backbone) -> None:
    import keras

    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = BATCH_NORM_MOMENTUM


def _pointwise(x, channels: int):
    import keras

    x = keras.layers.Conv2D(channels, 1, use_bias=False)(x)
    return keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x)


def _separable(x, channels: int):
    import keras

    x = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x)
    return keras.layers.ReLU()(_pointwise(x, channels))


def _prior(final_activation: str):
    import keras

    return keras.initializers.Constant(EMPTY_LOGIT) if final_activation == "sigmoid" else "zeros"


def _activated(x, final_activation: str):
    import keras

    if final_activation == "sigmoid":
        return keras.layers.Activation("sigmoid", name="heatmaps")(x)
    height, width, keypoints = x.shape[1:]
    x = keras.layers.Reshape((height * width, keypoints))(x)
    x = keras.layers.Softmax(axis=1)(x)
    return keras.layers.Reshape((height, width, keypoints), name="heatmaps")(x)


ARCHITECTURES = {"st_movenet_lightning_heatmaps": _heatmap_network, "st_movenet_lightning_a100_heatmaps": _heatmap_network}
