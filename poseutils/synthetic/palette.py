"""Materials: colors and patterns (stripes, checks, dots, prints, planks)."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, field

import numpy as np

PATTERNS = ("plain", "rings", "stripes", "checks", "dots", "blotches", "print", "zip", "planks")
_SKIN = np.array(
    [
        (250, 220, 200),
        (241, 205, 178),
        (229, 184, 152),
        (212, 163, 128),
        (192, 138, 100),
        (161, 108, 74),
        (126, 82, 56),
        (92, 58, 41),
        (66, 43, 33),
    ],
    float,
)
_HAIR = np.array(
    [
        (24, 20, 19),
        (38, 28, 23),
        (60, 42, 30),
        (88, 60, 38),
        (120, 84, 50),
        (168, 130, 80),
        (205, 175, 120),
        (130, 60, 30),
        (150, 146, 142),
        (215, 212, 208),
    ],
    float,
)
_CLOTH = np.array(
    [
        (28, 28, 32),
        (245, 244, 240),
        (120, 122, 126),
        (30, 40, 75),
        (45, 75, 135),
        (150, 30, 35),
        (205, 190, 160),
        (60, 80, 55),
    ],
    float,
)


@dataclass
class Palette:
    """Materials by index: color, second color, pattern, its scale in meters, roughness, gloss."""

    rows: list[tuple] = field(default_factory=list)

    def add(
        self,
        color,
        second=None,
        pattern: str = "plain",
        scale: float = 0.1,
        rough: float = 0.0,
        gloss: float = 0.0,
    ) -> int:
        """Adds a material and returns its index; colors are RGB, 0…255."""
        second = color if second is None else second
        self.rows.append(
            (
                *np.clip(color, 3, 252),
                *np.clip(second, 3, 252),
                PATTERNS.index(pattern),
                scale,
                rough,
                gloss,
            )
        )
        return len(self.rows) - 1

    def table(self) -> np.ndarray:
        """(M, 10) float32, a row per material."""
        return np.array(self.rows, np.float32)


def any_color(rng: np.random.Generator, saturation=(0.0, 1.0), value=(0.05, 1.0)) -> np.ndarray:
    """A random color of any hue, (3,) RGB, 0…255."""
    low, high = saturation
    return 255 * np.array(
        colorsys.hsv_to_rgb(
            rng.random(), low + (high - low) * rng.random() ** 1.8, rng.uniform(*value)
        )
    )


def cloth_color(rng) -> np.ndarray:
    """A random color of clothes, often one of a few common ones."""
    if rng.random() < 0.45:
        return np.clip(_CLOTH[rng.integers(len(_CLOTH))] + rng.normal(0, 12, 3), 0, 255)
    return any_color(rng, (0.1, 0.9), (0.15, 0.95))


def skin_color(rng) -> np.ndarray:
    """A random skin tone, interpolated on the scale of tones; lighter ones are slightly more
    frequent."""
    place = rng.uniform(0, len(_SKIN) - 1.01) * rng.uniform(0.55, 1)
    low = int(place)
    return np.clip(
        _SKIN[low] + (place - low) * (_SKIN[low + 1] - _SKIN[low]) + rng.normal(0, 5, 3), 0, 255
    )


def hair_color(rng) -> np.ndarray:
    """A natural hair color, rarely a dyed one."""
    if rng.random() < 0.04:
        return any_color(rng, (0.4, 0.9), (0.4, 0.9))
    return np.clip(
        _HAIR[min(rng.integers(len(_HAIR)), rng.integers(len(_HAIR)) + 2)] + rng.normal(0, 6, 3),
        0,
        255,
    )


def add_cloth(
    palette: Palette, rng, color, patterned: float, front: str | None = None
) -> tuple[int, int]:
    """The material of a garment, and that of its sleeves or legs, without a print or zip on the
    front."""
    rough = rng.uniform(0.04, 0.13)
    if front is not None:
        return palette.add(
            color, any_color(rng), front, rng.uniform(0.05, 0.11), rough
        ), palette.add(color, rough=rough)
    if rng.random() > patterned:
        plain = palette.add(color, rough=rough)
        return plain, plain
    pattern = ("rings", "rings", "rings", "stripes", "checks", "checks", "dots", "blotches")[
        rng.integers(8)
    ]
    second = cloth_color(rng) if rng.random() < 0.8 else color * 0.6
    index = palette.add(color, second, pattern, rng.uniform(0.025, 0.13), rough)
    return index, index


def pattern_mask(
    pattern: int, u: np.ndarray, v: np.ndarray, scale: np.ndarray, noise: np.ndarray
) -> np.ndarray:
    """The weight of the second color, 0 to 1, at surface coordinates in meters.

    ``noise`` is smooth noise with unit standard deviation at the same coordinates.
    """
    name = PATTERNS[pattern]
    a, b = u / scale, v / scale
    if name == "rings":
        return _edge(np.abs(_wrap(b)) - 0.24)
    if name == "stripes":
        return _edge(np.abs(_wrap(a)) - 0.22)
    if name == "checks":
        return 0.5 * _edge(np.abs(_wrap(a)) - 0.25) + 0.5 * _edge(np.abs(_wrap(b)) - 0.25)
    if name == "dots":
        return _edge(np.square(_wrap(a)) + np.square(_wrap(b)) - 0.08)
    if name == "blotches":
        return _edge(noise * 0.3)
    if name == "print":
        height = (v - 0.40) / 0.8
        inside = (np.abs(u) < scale) & (np.abs(height) < scale)
        return inside * _edge(np.abs(_wrap(height * 14 + noise * 0.4)) - 0.3)
    if name == "zip":
        return _edge((np.abs(u) - 0.012) * 25)
    if name == "planks":
        return 0.35 * _edge((np.abs(_wrap(b)) - 0.47) * -8)
    return np.zeros_like(u)


def _wrap(x: np.ndarray) -> np.ndarray:
    return x - np.round(x)


def _edge(distance: np.ndarray) -> np.ndarray:
    """1 inside (negative distance), 0 outside, with a short ramp."""
    return np.clip(0.5 - distance * 12, 0, 1)
