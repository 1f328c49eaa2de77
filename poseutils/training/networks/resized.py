"""A network at another input resolution."""

from __future__ import annotations

from ...errors import PoseError


def at_size(model, size: tuple[int, int]):
    """The network for another input resolution, with the same weights.

    Args:
        model: keras.Model from images (B, H, W, 3) to heatmaps (B, h, w, K).
        size: height and width of the input; h and w change in proportion.

    Returns:
        keras.Model that shares the layers of ``model``; ``model`` itself if it has that size.

    Raises:
        PoseError: if the network cannot be built for that size.
    """
    import keras

    built = model.input_shape[1:3]
    if tuple(size) == tuple(built):
        return model
    image = keras.Input((*size, model.input_shape[3]))

    def layer_at_size(layer):
        if not isinstance(layer, keras.layers.Reshape):
            return layer
        return keras.layers.Reshape(
            _shape_at_size(layer.target_shape, model.output_shape[1:3], built, size)
        )

    try:
        return keras.models.clone_model(model, input_tensors=image, clone_function=layer_at_size)
    except (ValueError, TypeError, AttributeError) as error:
        raise PoseError(
            f"the network was built for images of {tuple(built)} and cannot take {tuple(size)}. "
            "Give it images of its own size, or of sides that are multiples of 32 "
            "(model.input_shape, random_periodic_resizing.image_sizes), or build it of layers that "
            "take any size."
        ) from error


def _shape_at_size(
    shape: tuple[int, ...], cells: tuple[int, int], built: tuple[int, int], size: tuple[int, int]
) -> tuple[int, ...]:
    """The target shape of a Reshape to or from a vector of h · w cells, for another resolution;
    others are unchanged."""
    scaled = tuple(n * new // old for n, new, old in zip(cells, size, built, strict=True))
    if tuple(shape[:2]) == tuple(cells):
        return (*scaled, *shape[2:])
    return (scaled[0] * scaled[1], *shape[1:]) if shape[0] == cells[0] * cells[1] else tuple(shape)
