"""Transfer learning: freezing layers, and adding dropout."""

from __future__ import annotations

from ...errors import PoseError


def freeze(model, layers: str | None) -> None:
    """Freezes layers, including the moving averages of their batch normalization; all others become
    trainable.

    Args:
        model: keras.Model.
        layers: indices and slices of ``model.layers`` as in Python; 0 is the input. ``(0:154)`` are
            the first 154, a MobileNetV2 backbone; ``-1`` is the last; ``(7:13, 16, -2:)`` are
            several. None for none.

    Raises:
        PoseError: for an index out of range, or if nothing would be trainable.
    """
    frozen = set(chosen(layers, len(model.layers))) if layers else set()
    model.trainable = True
    for index, layer in enumerate(model.layers):
        layer.trainable = index not in frozen
    if not model.trainable_variables:
        raise PoseError(
            f"training.frozen_layers is {layers!r}, which freezes all that could be trained; "
            "leave some layers out"
        )


def chosen(layers: str, count: int) -> list[int]:
    """The indices of the layers in a text of :data:`poseutils.config.sections.Layers`, of ``count``
    layers.

    Raises:
        PoseError: for an index out of range.
    """
    try:
        return [index for part in layers.strip(" ()").split(",") for index in _indices(part, count)]
    except IndexError:
        raise PoseError(
            f"training.frozen_layers is {layers!r}; the network has {count} layers, 0 to "
            f"{count - 1}"
        ) from None


def _indices(part: str, count: int) -> list[int]:
    if ":" not in part:
        return [range(count)[int(part)]]
    numbers = (int(number) if number.strip() else None for number in part.split(":"))
    return list(range(count)[slice(*numbers)])


def with_dropout(model, rate: float | None, seed: int = 123):
    """A network with a dropout rate.

    The rate is set in the network's dropout layers. A network without any gets spatial dropout,
    which drops whole channels, before its last convolution: single cells could be inferred from
    their neighbors (Tompson et al., "Efficient Object Localization Using Convolutional Networks",
    CVPR 2015).

    Args:
        model: keras.Model, a graph of layers.
        rate: fraction to drop, from 0 to below 1; 0 or None returns the network itself.
        seed: of the random choice.

    Returns:
        A copy of the network with the same weights.

    Raises:
        PoseError: for an invalid rate, or a network to which dropout cannot be added.
    """
    if not rate:
        return model
    if not 0 < rate < 1:
        raise PoseError(f"training.dropout is {rate:g}; expected a fraction from 0 to below 1")
    try:
        copy = _copy_with_dropout(model, rate, seed)
        copy.set_weights(model.get_weights())
    except (ValueError, TypeError, AttributeError, NotImplementedError) as error:
        raise PoseError(
            f"training.dropout is {rate:g}, and dropout cannot be added to this network: {error}. "
            "Leave it out."
        ) from error
    return copy


def _copy_with_dropout(model, rate: float, seed: int):
    import keras

    kinds = (
        keras.layers.Dropout,
        keras.layers.SpatialDropout1D,
        keras.layers.SpatialDropout2D,
        keras.layers.SpatialDropout3D,
    )
    has_some = any(isinstance(layer, kinds) for layer in model.layers)
    convolutions = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    if not has_some and not convolutions:
        raise ValueError("it has neither a dropout layer nor a convolution")

    def copied(layer):
        return type(layer).from_config(
            layer.get_config() | ({"rate": rate} if isinstance(layer, kinds) else {})
        )

    def called(layer, *arguments, **named):
        if not has_some and layer.name == convolutions[-1]:
            arguments = (
                keras.layers.SpatialDropout2D(rate, seed=seed)(arguments[0]),
                *arguments[1:],
            )
        return layer(*arguments, **named)

    return keras.models.clone_model(model, clone_function=copied, call_function=called)
