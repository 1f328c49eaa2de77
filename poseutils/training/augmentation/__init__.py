"""Data augmentation of a batch of images with their keypoints.

Names and arguments are those of the ``data_augmentation`` section of user_config.yaml. A factor or
delta is a number f, sampled from -f to f, or a range (low, high); other amounts are a number, or a
range to sample from. Each image has its own random values; ``change_rate`` is the probability that
an operation is applied to an image. B images, K keypoints; images are (B, H, W, 3) float32, 0…255;
points are in pixels, pixel centers at +0.5.

Importing this package loads TensorFlow, so it is imported inside functions.
"""

from .augment import AUGMENTATIONS, make_augment, resizing_period

__all__ = ["AUGMENTATIONS", "make_augment", "resizing_period"]
