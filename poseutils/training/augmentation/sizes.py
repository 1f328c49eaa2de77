"""Multi-scale training."""

from __future__ import annotations

from collections.abc import Sequence

from ...models.networks.keras_files import load_tensorflow
from .draw import Draw

tf = load_tensorflow()


def periodic_resizing(
    draw: Draw,
    images,
    image_sizes: Sequence[tuple[int, int]],
    period: int = 10,
    interpolation: str = "bilinear",
    change_rate: float = 1.0,
):
    """(B, H, W, 3) images resized to one of several sizes, the same for the batch (Redmon and
    Farhadi, "YOLO9000", 2017).

    Args:
        image_sizes: pairs (height, width).
        period: number of batches of the same size; ``training_batches`` uses it.
        interpolation: a method of ``tf.image.resize``.
        change_rate: probability that a period has another size than the original.
    """
    index = draw.of_period(len(image_sizes), change_rate)
    chosen = tf.gather(tf.constant(image_sizes, tf.int32), tf.maximum(index, 0))
    size = tf.where(index < 0, tf.shape(images)[1:3], chosen)
    return tf.clip_by_value(tf.image.resize(images, size, interpolation, antialias=True), 0, 255)
