"""Validation of the arguments of operations: names by their signatures, values by these tables."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping

from ...config.names import INTERPOLATIONS
from ...errors import PoseError
from .geometry import FLIPS

WARPING = {"fill_mode": "reflect", "fill_value": 0.0, "interpolation": "bilinear"}
"""Arguments of warping with their defaults."""
CHANGE_RATES = {
    "random_flip": 0.5,
    "random_crop": 0.9,
    "random_blur": 0.5,
    "random_gaussian_noise": 0.5,
    **dict.fromkeys(
        (
            "random_rgb_to_hsv",
            "random_rgb_to_grayscale",
            "random_invert",
            "random_solarize",
            "random_autocontrast",
        ),
        0.25,
    ),
}
"""Default probabilities of operations, as in ST's model zoo; 1 for all others."""

_WORDS = {
    "mode": tuple(FLIPS),
    "random_gaussian_noise.mode": ("image", "batch"),
    "padding": ("reflect", "constant", "symmetric"),
    "fill_mode": ("constant", "reflect", "nearest", "wrap"),
    "interpolation": ("bilinear", "nearest"),
    "random_periodic_resizing.interpolation": INTERPOLATIONS,
}
_LEAST_AND_MOST = {
    "gamma": (0, math.inf),
    "stddev": (0, math.inf),
    "random_sharpness.factor": (0, math.inf),
    "random_zoom.width_factor": (-0.99, math.inf),
    "random_zoom.height_factor": (-0.99, math.inf),
    "random_shear.factor": (-0.24, 0.24),
    "bits": (1, 8),
    "filter_size": (1, 255),
    "jpeg_quality": (0, 100),
    "crop_center_x": (0, 1),
    "crop_center_y": (0, 1),
    "crop_width": (0.01, 1),
    "crop_height": (0.01, 1),
    "nrec": (0, 100),
    "area": (0, 1),
    "wh_ratio": (0.01, 100),
    "cutoff": (0, 49),
    "period": (1, math.inf),
    "change_rate": (0, 1),
}
_WHOLE = ("bits", "filter_size", "jpeg_quality", "nrec", "period")
_ONE = ("cutoff", "period", "change_rate", "fill_value", "constant_values")
"""Arguments that cannot be ranges."""


def checked(
    name: str,
    arguments: Mapping | None,
    available: Mapping[str, Callable],
    warping: Mapping[str, tuple[str, ...]],
) -> dict:
    """Validated arguments of an operation, including its change rate.

    Args:
        name: of the operation.
        arguments: as in the configuration.
        available: the operations by name.
        warping: the arguments of warping that each operation takes.

    Raises:
        PoseError: for an unknown operation or argument, or an invalid value.
    """
    arguments = dict(arguments or {})
    if name not in available:
        raise PoseError(
            f"data_augmentation: {name} is not available; available are "
            f"{', '.join(sorted(available))}"
        )
    own = list(inspect.signature(available[name]).parameters.values())[2:]
    allowed = {p.name for p in own} | {"change_rate"} | set(warping.get(name, ()))
    missing = [p.name for p in own if p.default is p.empty and arguments.get(p.name) is None]
    if missing or set(arguments) - allowed:
        raise PoseError(
            f"data_augmentation: {name} was given {', '.join(arguments) or 'nothing'}; it needs "
            f"{', '.join(missing) or 'no more'} and takes {', '.join(sorted(allowed))}"
        )
    given = {argument: value for argument, value in arguments.items() if value is not None}
    for argument, value in given.items():
        _check(name, argument, value)
    return {"change_rate": CHANGE_RATES.get(name, 1.0), **given}


def _check(name: str, argument: str, value) -> None:
    full = f"{name}.{argument}"
    words = _WORDS.get(full, _WORDS.get(argument))
    if argument == "image_sizes":
        _check_sizes(full, value)
    elif words:
        if value not in words:
            raise PoseError(
                f"data_augmentation: {full} is {value!r}; choose from {', '.join(words)}"
            )
    else:
        _check_numbers(full, argument, value)


def _check_numbers(full: str, argument: str, value) -> None:
    kinds = int if argument in _WHOLE else (int, float)
    numbers = (
        value
        if isinstance(value, (list, tuple)) and argument not in _ONE and len(value) == 2
        else [value]
    )
    least, most = _LEAST_AND_MOST.get(full, _LEAST_AND_MOST.get(argument, (-math.inf, math.inf)))
    good = all(
        isinstance(n, kinds) and not isinstance(n, bool) and least <= n <= most for n in numbers
    )
    if not good or (len(numbers) == 2 and numbers[0] > numbers[1]):
        kind = "whole number" if argument in _WHOLE else "number"
        bounds = (
            ""
            if (least, most) == (-math.inf, math.inf)
            else f", from {least}" + (f" to {most}" if most < math.inf else " up")
        )
        either = "" if argument in _ONE else " or a range (low, high)"
        raise PoseError(f"data_augmentation: {full} is {value!r}; give a {kind}{either}{bounds}")


def _check_sizes(full: str, value) -> None:
    sizes = value if isinstance(value, (list, tuple)) else [value]
    pairs = [size for size in sizes if isinstance(size, (list, tuple)) and len(size) == 2]
    if (
        not sizes
        or len(pairs) < len(sizes)
        or not all(isinstance(n, int) and n > 0 and n % 32 == 0 for size in pairs for n in size)
    ):
        raise PoseError(
            f"data_augmentation: {full} is {value!r}; give sizes (height, width) in multiples of "
            "32, for example [[160, 160], [192, 192]]"
        )
