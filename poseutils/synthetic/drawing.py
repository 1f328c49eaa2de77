"""Rendering of surfaces: projection, painter's algorithm into an index buffer, then deferred
shading of all pixels at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from .mesh import Surface, cross
from .palette import pattern_mask

FINE = 2
"""Subpixels per pixel and axis of the index buffer."""
_NOISE_SIZE = 512  # a power of two
_NEAR = 0.15
_SHADOW_CELLS = 256
_LEAST_QUAD = 0.25  # twice the area in square pixels below which a quadrilateral is culled


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: the rows of ``axes`` are right, down and forward in the world; focal length
    and center are in pixels."""

    position: np.ndarray
    axes: np.ndarray
    focal: float
    center: tuple[float, float]
    size: int

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(..., 3) world coordinates -> (..., 2) x, y in pixels, and (...) depth in meters."""
        local = (points - self.position.astype(points.dtype)) @ self.axes.T.astype(points.dtype)
        scale = self.focal / np.maximum(local[..., 2:], _NEAR)
        return local[..., :2] * scale + np.asarray(self.center, points.dtype), local[..., 2]


@dataclass(frozen=True)
class Light:
    """A directional light; ``direction`` (3,) points to it. ``shade`` and ``sun`` (3,) tint
    surfaces in shadow and in the light."""

    direction: np.ndarray
    ambient: float
    strength: float
    shade: np.ndarray
    sun: np.ndarray


@dataclass(frozen=True)
class Layer:
    """The index buffer, with FINE² subpixels per pixel.

    Attributes:
        quad: (size·FINE, size·FINE) index of the visible quadrilateral, 0 for the background.
        owner: (size·FINE, size·FINE) uint8, the visible person from 1, 0 for objects and the
            background.
        depth_of_quad: (Q,) depth in meters, infinite for the background.
    """

    quad: np.ndarray
    owner: np.ndarray
    depth_of_quad: np.ndarray


@lru_cache(maxsize=1)
def noise_bank() -> np.ndarray:
    """(512, 512) float32 smooth, tileable noise with unit standard deviation."""
    rng = np.random.default_rng(20240)
    spectrum = np.fft.rfft2(rng.standard_normal((_NOISE_SIZE, _NOISE_SIZE)))
    frequency = (
        np.hypot(np.fft.fftfreq(_NOISE_SIZE)[:, None], np.fft.rfftfreq(_NOISE_SIZE)) * _NOISE_SIZE
    )
    spectrum *= 1 / np.maximum(frequency, 3) ** 1.6
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, s=(_NOISE_SIZE, _NOISE_SIZE))
    return (noise / noise.std()).astype(np.float32)


def noise_at(u: np.ndarray, v: np.ndarray, scale: float) -> np.ndarray:
    """The noise at coordinates in meters; ``scale`` is the size of a texel in meters."""
    mask, shift = _NOISE_SIZE - 1, _NOISE_SIZE.bit_length() - 1
    column = (u * (1 / scale)).astype(np.int32) & mask
    row = (v * (1 / scale)).astype(np.int32) & mask
    return noise_bank().ravel().take((row << shift) + column)


def draw_surface(
    surface: Surface, camera: Camera, light: Light, table: np.ndarray, canvas: np.ndarray
) -> Layer:
    """Renders a surface over ``canvas`` (size, size, 3) float32 in place.

    Args:
        table: (M, 10) the materials (see ``palette.Palette.table``).

    Returns:
        The index buffer, for masks and visibility.
    """
    shape = surface.corners.shape[:2]
    points, depth = camera.project(surface.corners.reshape(-1, 3))
    points, depth = points.reshape(shape + (2,)), depth.reshape(shape)
    seen = np.flatnonzero(_in_view(points, depth, camera.size))
    middle = 0.25 * (depth[:, 0] + depth[:, 1] + depth[:, 2] + depth[:, 3])
    order = seen[np.argsort((surface.lift - middle)[seen], kind="stable")]
    quad = _paint(points[order], camera.size)
    brightness = _brightness(surface, order, light)
    planes = _planes(
        points[order], np.concatenate([brightness[..., None], surface.uv[order]], axis=-1)
    )
    _shade(quad, planes, surface.material[order], table, light, canvas)
    owner = np.concatenate([[0], surface.owner[order]]).astype(np.uint8)
    return Layer(quad, owner.take(quad), np.concatenate([[np.inf], middle[order]]))


def _in_view(points: np.ndarray, depth: np.ndarray, size: int) -> np.ndarray:
    """(Q,) bool: faces the camera, is in front of it, and overlaps the image."""
    a, b = points[:, 2] - points[:, 0], points[:, 3] - points[:, 1]
    facing = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] < -_LEAST_QUAD
    x, y = points[..., 0], points[..., 1]
    inside = (_over_corners(np.minimum, x) < size) & (_over_corners(np.maximum, x) > 0)
    inside &= (_over_corners(np.minimum, y) < size) & (_over_corners(np.maximum, y) > 0)
    return facing & inside & (_over_corners(np.minimum, depth) > _NEAR)


def _over_corners(function, values: np.ndarray) -> np.ndarray:
    """(Q, 4) -> (Q,); much faster than a NumPy reduction over such a short axis."""
    return function(function(values[:, 0], values[:, 1]), function(values[:, 2], values[:, 3]))


def _paint(points: np.ndarray, size: int) -> np.ndarray:
    image = Image.new("I", (size * FINE, size * FINE))
    pen = ImageDraw.Draw(image)
    pixels = (points * FINE - 0.5).reshape(-1, 8)
    for index, corners in enumerate(pixels.tolist(), start=1):
        pen.draw.draw_polygon(corners, index, 1)  # as pen.polygon, without checks of the color
    return np.asarray(image)


def _brightness(surface: Surface, order: np.ndarray, light: Light) -> np.ndarray:
    """(S, 4) light at each corner of the S quadrilaterals of ``order``: ambient, and from the sun
    unless in cast shadow."""
    normals = surface.normals[order]
    sky = light.ambient * (0.72 + 0.28 * normals[..., 1])
    sun = np.maximum(normals @ light.direction.astype(np.float32) * 0.9 + 0.1, 0)
    return sky + light.strength * sun * _lit(surface, order, light)


def _lit(surface: Surface, order: np.ndarray, light: Light, cell: float = 0.05) -> np.ndarray:
    """(S, 4) from 0 in cast shadow to 1 in the light, by a coarse shadow map of one corner per
    quadrilateral."""
    side = cross(
        light.direction,
        np.array([0.0, 0.0, 1.0]) if abs(light.direction[1]) > 0.9 else np.array([0.0, 1.0, 0.0]),
    )
    side /= np.sqrt(side @ side)
    axes = np.stack([side, cross(side, light.direction), light.direction]).astype(np.float32).T
    blockers = surface.corners[:, 0] @ axes
    low = blockers[:, :2].min(axis=0)
    nearest = np.full((_SHADOW_CELLS, _SHADOW_CELLS), -np.inf, np.float32)
    np.maximum.at(nearest, tuple(_cell(blockers, low, cell)), blockers[:, 2])
    points = surface.corners[order] @ axes
    gap = nearest[tuple(_cell(points, low, cell))] - points[..., 2]
    return 1 - 0.85 * np.clip((gap - 0.10) / 0.15, 0, 1)


def _cell(points: np.ndarray, low: np.ndarray, cell: float) -> np.ndarray:
    places = np.clip((points[..., :2] - low) / cell, 0, _SHADOW_CELLS - 1).astype(np.int32)
    return np.moveaxis(places, -1, 0)


def _planes(points: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(9, Q) affine functions of x, y per quadrilateral: three values at x = y = 0, their slopes in
    x, and in y."""
    a, b = points[:, 2] - points[:, 0], points[:, 3] - points[:, 1]
    da, db = values[:, 2] - values[:, 0], values[:, 3] - values[:, 1]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    inverse = np.where(np.abs(area) > 2, 1 / np.where(area == 0, 1, area), 0)[:, None]
    along_x = (da * b[:, 1:] - db * a[:, 1:]) * inverse
    along_y = (db * a[:, :1] - da * b[:, :1]) * inverse
    middle = points.mean(axis=1)
    start = values.mean(axis=1) - along_x * middle[:, :1] - along_y * middle[:, 1:]
    return np.ascontiguousarray(
        np.concatenate([start, along_x, along_y], axis=1).T, dtype=np.float32
    )


def _shade(
    quad: np.ndarray,
    planes: np.ndarray,
    material: np.ndarray,
    table: np.ndarray,
    light: Light,
    canvas: np.ndarray,
) -> None:
    """Colors each pixel from two of its four subpixels, diagonal ones; the second only where its
    material differs."""

    def color(place, quads, offset):
        row, column = np.divmod(place.astype(np.int32), np.int32(canvas.shape[0]))
        x, y, index = (
            column.astype(np.float32) + np.float32(offset),
            row.astype(np.float32) + np.float32(offset),
            quads.astype(np.intp) - 1,
        )
        brightness, u, v = (
            planes[i].take(index) + planes[i + 3].take(index) * x + planes[i + 6].take(index) * y
            for i in range(3)
        )
        return _surface_color(u, v, material.take(index).astype(np.intp), table, brightness, light)

    first, second = (quad[corner::FINE, corner::FINE].ravel() for corner in range(FINE))
    flat = canvas.reshape(-1, 3)
    shown = np.concatenate([[-1], material]).astype(np.int16)
    changes = np.flatnonzero(shown.take(first) != shown.take(second))
    other = flat[changes]
    drawn = np.flatnonzero(second[changes])
    other[drawn] = color(changes[drawn], second[changes[drawn]], 0.75)
    covered = np.flatnonzero(first)
    flat[covered] = color(covered, first[covered], 0.25)
    flat[changes] = 0.5 * (flat[changes] + other)


def _surface_color(u, v, material, table, brightness, light: Light) -> np.ndarray:
    rough = table[:, 8].take(material)
    folds = noise_at(0.4 * u, v, 0.002)
    brightness = np.clip(brightness, 0.05, 1.6) * (1 + rough * folds)
    color = table[:, :3].take(material, axis=0)
    patterns = table[:, 6].astype(np.int8)
    worn = patterns.take(material)
    for pattern in set(patterns.tolist()) - {0}:
        here = np.flatnonzero(worn == pattern)
        if len(here):
            rows = table.take(material.take(here), axis=0)
            mask = pattern_mask(pattern, u.take(here), v.take(here), rows[:, 7], folds.take(here))
            color[here] += mask[:, None] * (rows[:, 3:6] - rows[:, :3])
    shine = table[:, 9].take(material) * np.clip(160 * (brightness - 0.85), 0, 160)
    for channel in range(
        3
    ):  # three passes over one column each are faster than one that broadcasts
        tint = light.shade[channel] + np.minimum(brightness, 1) * (
            light.sun[channel] - light.shade[channel]
        )
        color[:, channel] = color[:, channel] * (brightness * tint) + shine
    return color
