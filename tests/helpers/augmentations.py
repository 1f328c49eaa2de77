"""Arguments for every augmentation, and people of any number of keypoints to try them on."""

import numpy as np

from poseutils.keypoints import layout_from_names

STRONG = {
    "random_contrast": {"factor": (0.5, 0.9)},
    "random_brightness": {"factor": (0.2, 0.4)},
    "random_gamma": {"gamma": (2, 3)},
    "random_hue": {"delta": (0.2, 0.4)},
    "random_saturation": {"delta": (-0.6, -0.3)},
    "random_value": {"delta": (-0.5, -0.3)},
    "random_hsv": {"hue_delta": 0.3, "saturation_delta": 0.3, "value_delta": (-0.5, -0.3)},
    "random_rgb_to_hsv": {},
    "random_rgb_to_grayscale": {},
    "random_posterize": {"bits": (1, 3)},
    "random_invert": {},
    "random_solarize": {},
    "random_autocontrast": {"cutoff": 20},
    "random_sharpness": {"factor": (2, 4)},
    "random_blur": {"filter_size": (2, 6)},
    "random_gaussian_noise": {"stddev": (0.1, 0.3)},
    "random_jpeg_quality": {"jpeg_quality": (5, 20)},
    "random_rectangle_erasing": {"nrec": (1, 3), "area": (0.05, 0.2)},
    "random_crop": {},
    "random_flip": {"mode": "horizontal"},
    "random_translation": {"width_factor": (0.05, 0.1), "height_factor": (-0.1, 0.1)},
    "random_rotation": {"factor": (0.03, 0.08)},
    "random_shear": {"factor": (0.02, 0.04)},
    "random_shear_x": {"factor": (-0.06, -0.02)},
    "random_shear_y": {"factor": (0.02, 0.06)},
    "random_zoom": {"width_factor": (-0.2, -0.1), "height_factor": (0.1, 0.3)},
    "random_periodic_resizing": {"image_sizes": [[64, 96], [128, 64]]},
}
"""Arguments with which an image that is changed is changed visibly."""

IDENTITY = {
    "random_contrast": {"factor": 0},
    "random_brightness": {"factor": 0},
    "random_gamma": {"gamma": 1},
    "random_hue": {"delta": 0},
    "random_saturation": {"delta": 0},
    "random_value": {"delta": 0},
    "random_hsv": {},
    "random_posterize": {"bits": 8},
    "random_sharpness": {"factor": 0},
    "random_blur": {"filter_size": 1},
    "random_gaussian_noise": {"stddev": 0},
    "random_jpeg_quality": {"jpeg_quality": 100},
    "random_rectangle_erasing": {"nrec": 0},
    "random_crop": {"crop_center_x": 0.5, "crop_center_y": 0.5, "crop_width": 1, "crop_height": 1},
    "random_translation": {"width_factor": 0, "height_factor": 0},
    "random_rotation": {"factor": 0},
    "random_shear": {"factor": 0},
    "random_shear_x": {"factor": 0},
    "random_shear_y": {"factor": 0},
    "random_zoom": {"width_factor": 0},
    "random_periodic_resizing": {"image_sizes": [[96, 96]]},
}
"""Arguments that leave an image of 96 × 96 pixels as it is, for the operations that have such."""


def paired(count):
    """A layout of that many keypoints: pairs of left and right, and one in the middle if the number
    is odd."""
    names = [f"{side}_{i}" for i in range(count // 2) for side in ("left", "right")]
    return layout_from_names(names + ["middle"] * (count % 2))


def noise(count, size=96, seed=0):
    """(count, size, size, 3) float32 of whole numbers 0 to 255."""
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3)).astype(np.float32)


def scattered(count, keypoints, low=34.0, high=62.0, seed=0):
    """(count, keypoints, 3) visible keypoints in a square."""
    points = np.random.default_rng(seed).uniform(low, high, (count, keypoints, 2))
    return np.concatenate([points, np.full((count, keypoints, 1), 2)], axis=-1).astype(np.float32)
