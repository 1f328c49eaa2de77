"""Texture augmentation: filters, noise, compression, erasing. Images are (B, H, W, 3) float32 RGB,
0…255."""

from __future__ import annotations

from collections.abc import Callable

from ...models.networks.keras_files import load_tensorflow
from .color import each
from .draw import Draw, Factor

tf = load_tensorflow()


def sharpness(draw: Draw, images, factor: Factor):
    """Adds ``factor`` × the difference to a smoothed image; a number f is sampled from 0 to f. The
    border is unchanged.

    The smoothing is Pillow's: a 3 × 3 mean in which the center counts five times, which makes the
    difference 9/13 of that to a plain mean.
    """
    apart = images[:, 1:-1, 1:-1] - tf.nn.avg_pool2d(images, 3, 1, "VALID")
    strength = draw.between((0, factor) if isinstance(factor, (int, float)) else factor)
    return images + each(strength) * (9 / 13) * tf.pad(apart, ((0, 0), (1, 1), (1, 1), (0, 0)))


def blur(
    draw: Draw,
    images,
    filter_size: int | tuple[int, int],
    padding: str = "reflect",
    constant_values: float = 0.0,
):
    """Box filter of ``filter_size`` pixels. At an even size the outermost pixels count half, so
    that the image does not shift.

    Args:
        padding: as in ``tf.pad``: reflect, symmetric, or constant with ``constant_values``.
    """
    sizes, shape = tf.cast(draw.whole(filter_size), tf.float32), tf.shape(images)
    down, across = _means(sizes, shape[1], padding), _means(sizes, shape[2], padding)
    blurred = tf.matmul(down, tf.reshape(images, (shape[0], shape[1], -1)))
    blurred = tf.matmul(across[:, None], tf.reshape(blurred, shape))
    if padding == "constant":
        inside = (
            tf.reduce_sum(down, axis=-1)[:, :, None, None]
            * tf.reduce_sum(across, axis=-1)[:, None, :, None]
        )
        blurred += (1 - inside) * constant_values
    return tf.ensure_shape(blurred, images.shape)


def _means(sizes, length, padding: str):
    """(B, length, length) matrices of a box filter along an axis: the weight of pixel j in the mean
    around pixel i."""
    positions = tf.range(length, dtype=tf.float32)
    rows, columns, last = positions[:, None], positions[None, :], tf.cast(length, tf.float32) - 1

    def weights(places):
        return (
            tf.clip_by_value((sizes[:, None, None] + 1) / 2 - tf.abs(places - rows), 0, 1)
            / sizes[:, None, None]
        )

    total = weights(columns)
    if padding == "reflect":
        total += tf.where(columns > 0, weights(-columns), 0) + tf.where(
            columns < last, weights(2 * last - columns), 0
        )
    elif padding == "symmetric":
        total += weights(-1 - columns) + weights(2 * last + 1 - columns)
    return total


def gaussian_noise(draw: Draw, images, stddev: Factor, mode: str = "image"):
    """Gaussian noise; the standard deviation is a fraction of the range 0…255.

    Args:
        mode: one standard deviation per ``image``, or for the whole ``batch``.
    """
    deviations = draw.common(stddev) if mode == "batch" else draw.between(stddev)
    return images + 255 * each(deviations) * draw.normal(tf.shape(images))


def jpeg_quality(draw: Draw, images, jpeg_quality: int | tuple[int, int]):
    """JPEG compression of a quality from 0 to 100; 100 leaves the image unchanged."""

    def compressed(item):
        image, quality = item
        data = tf.raw_ops.EncodeJpegVariableQuality(images=image, quality=quality)
        return tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")

    qualities = draw.whole(jpeg_quality)
    pixels = tf.cast(tf.clip_by_value(tf.round(images), 0, 255), tf.uint8)
    spec = tf.TensorSpec(images.shape[1:], tf.uint8)
    coarse = tf.cast(
        tf.map_fn(compressed, (pixels, qualities), fn_output_signature=spec), tf.float32
    )
    return tf.where(each(qualities) >= 100, images, coarse)


def rectangle_erasing(
    draw: Draw,
    images,
    nrec: int | tuple[int, int] = 1,
    area: Factor = (0.05, 0.4),
    wh_ratio: Factor = (0.3, 2.0),
):
    """Random erasing: rectangles of random colors (Zhong et al., "Random Erasing", 2020).

    Keypoints under them stay labeled: the network learns to infer them from the context.

    Args:
        nrec: number of rectangles.
        area: of each as a fraction of the image; rectangles are clipped to the image.
        wh_ratio: ratio of width to height.
    """
    count = draw.whole(nrec)
    shape = tf.cast(tf.shape(images), tf.float32)
    for index in range(nrec if isinstance(nrec, int) else int(nrec[1])):
        pixels, ratio = draw.between(area) * shape[1] * shape[2], draw.between(wh_ratio)
        inside = (
            _span(draw, tf.sqrt(pixels / ratio), shape[1])[:, :, None, None]
            & _span(draw, tf.sqrt(pixels * ratio), shape[2])[:, None, :, None]
            & each(count > index)
        )
        images = tf.where(inside, draw.colors()[:, None, None, :], images)
    return images


def _span(draw: Draw, extents, length):
    """(B, length) bool: the pixels of a span of that extent at a random position."""
    places = draw.between((0, 1)) * length
    return tf.abs(tf.range(length)[None] + 0.5 - places[:, None]) <= extents[:, None] / 2


TEXTURE: dict[str, Callable] = {
    "random_sharpness": sharpness,
    "random_blur": blur,
    "random_gaussian_noise": gaussian_noise,
    "random_jpeg_quality": jpeg_quality,
    "random_rectangle_erasing": rectangle_erasing,
}
