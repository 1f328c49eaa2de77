"""Surfaces as stacks of elliptical rings (limbs, torsos, heads, skirts, poles) and boxes.

World coordinates are in meters, right-handed, y up; a ring is given by its center and two radius
vectors.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

SIDES = 12
"""Number of quadrilaterals around a ring; the first vertex is at the back, the middle one at the
front."""
_ANGLES = np.linspace(-np.pi, np.pi, SIDES + 1)
_COS, _SIN = (
    np.cos(_ANGLES).astype(np.float32)[:, None],
    np.sin(_ANGLES).astype(np.float32)[:, None],
)
COLUMN_ANGLES = np.degrees((_ANGLES[:-1] + _ANGLES[1:]) / 2)
"""(SIDES,) angle of the middle of each quadrilateral of a ring, in degrees from the front, positive
towards ``left``."""


@dataclass(frozen=True)
class Surface:
    """Q quadrilaterals to render.

    Attributes:
        corners: (Q, 4, 3) world coordinates, counterclockwise seen from outside.
        normals: (Q, 4, 3) unit outward normals.
        uv: (Q, 4, 2) texture coordinates around and along the surface, in meters.
        material: (Q,) index of the material.
        owner: (Q,) 0 for objects, 1, 2, ... for people.
        lift: (Q,) depth bias in meters towards the camera, for patches on another surface.
    """

    corners: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    material: np.ndarray
    owner: np.ndarray
    lift: np.ndarray


@dataclass
class Mesh:
    """Collects stacks of rings and boxes, and converts them to one :class:`Surface`."""

    stacks: list[tuple] = field(default_factory=list)
    boxes: list[tuple] = field(default_factory=list)

    def add_rings(self, center, front, left, material, owner: int = 0, lift: float = 0.0) -> None:
        """Adds the surface through R rings (center, front and left (R, 3), with front × left along
        the stack).

        ``material`` is an index, or (R - 1,) or (R - 1, SIDES) indices; -1 leaves out a
        quadrilateral.
        """
        rows = len(center) - 1
        table = np.full((rows, SIDES), -1)
        table[:] = np.asarray(material).reshape(-1, 1) if np.ndim(material) < 2 else material
        self.stacks.append(
            (np.asarray(center), np.asarray(front), np.asarray(left), table, owner, lift)
        )

    def add_tubes(self, tubes, material, owner: int = 0) -> None:
        """Adds several stacks of rings with the same materials, as returned by ``tube`` for several
        paths."""
        for center, front, left in zip(*tubes):
            self.add_rings(center, front, left, material, owner)

    def add_ellipsoid(
        self, center, front, left, up, material, owner: int = 0, lift: float = 0.0, rows: int = 5
    ) -> None:
        """Adds an ellipsoid with the given three radius vectors, (3,) each."""
        across, along = _half_turn(rows)
        self.add_rings(center + along * up, across * front, across * left, material, owner, lift)

    def add_box(self, center, axes, material: int) -> None:
        """Adds a box; the rows of ``axes`` (3, 3) are its half-edge vectors, right-handed."""
        axes = np.asarray(axes, dtype=np.float64)
        lengths = np.linalg.norm(axes, axis=1)
        self.boxes.append(
            (
                center + _CUBE @ axes,
                _CUBE_NORMALS @ (axes / lengths[:, None]),
                _CUBE_UV * lengths[_CUBE_UV_AXES],
                material,
            )
        )

    def surface(self) -> Surface:
        """All stacks and boxes as quadrilaterals."""
        parts = [part for part in (self._ring_quads(), self._box_quads()) if part is not None]
        return Surface(*(np.concatenate(columns) for columns in zip(*parts)))

    def _ring_quads(self):
        if not self.stacks:
            return None
        sizes = np.array([len(stack[0]) for stack in self.stacks])
        center, front, left = (
            np.concatenate([stack[i] for stack in self.stacks]).astype(np.float32)[:, None]
            for i in range(3)
        )
        ends = np.cumsum(sizes)
        first, last = np.repeat(ends - sizes, sizes), np.repeat(ends - 1, sizes)
        before = np.maximum(np.arange(ends[-1]) - 1, first)
        after = np.minimum(np.arange(ends[-1]) + 1, last)

        points = center + front * _COS + left * _SIN
        around = (left[before] + left[after]) * _COS - (front[before] + front[after]) * _SIN
        normals = unit(cross(around, points[after] - points[before]))
        uv = self._ring_uv(points, center, sizes, ends)

        rows = np.flatnonzero(np.arange(ends[-1]) < last)
        material = np.concatenate([stack[3] for stack in self.stacks])
        keep = (material >= 0).ravel()
        owner = np.repeat([stack[4] for stack in self.stacks], (sizes - 1) * SIDES)[keep]
        lift = np.repeat([stack[5] for stack in self.stacks], (sizes - 1) * SIDES)[keep].astype(
            np.float32
        )
        corners, normals, uv = (_ring_cells(array, rows)[keep] for array in (points, normals, uv))
        return corners, normals, uv, material.ravel()[keep], owner, lift

    def _ring_uv(self, points, center, sizes, ends):
        radius = np.sqrt(np.square(points[:, ::3] - center).sum(axis=-1)).mean(axis=1)
        typical = np.repeat(np.maximum.reduceat(radius, ends - sizes), sizes)
        step = np.sqrt(np.square(np.diff(center[:, 0], axis=0, prepend=center[:1, 0])).sum(axis=-1))
        step[ends - sizes] = 0
        along = np.cumsum(step)
        along -= np.repeat(along[ends - sizes], sizes)
        uv = np.empty(points.shape[:2] + (2,), np.float32)
        uv[..., 0] = typical[:, None] * _ANGLES
        uv[..., 1] = along[:, None]
        return uv

    def _box_quads(self):
        if not self.boxes:
            return None
        corners, normals, uv = (
            np.concatenate([box[i] for box in self.boxes]).astype(np.float32) for i in range(3)
        )
        material = np.repeat([box[3] for box in self.boxes], len(_CUBE))
        return (
            corners,
            normals,
            uv,
            material,
            np.zeros(len(corners), int),
            np.zeros(len(corners), np.float32),
        )


def _cube(cells: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A cube from -1 to 1 with faces of Q cells: corners and normals (Q, 4, 3), uv and the axes of
    u and v (Q, 4, 2)."""
    steps = np.linspace(-1, 1, cells + 1)
    first, second = np.meshgrid(steps, steps, indexing="ij")
    corners, normals, uv, axes = [], [], [], []
    for axis in range(3):
        for sign in (1, -1):
            a, b = ((axis + 1) % 3, (axis + 2) % 3)[::sign]
            grid = np.zeros((cells + 1, cells + 1, 3))
            grid[..., axis], grid[..., a], grid[..., b] = sign, first, second
            quads = _cells(grid)
            corners.append(quads)
            normals.append(np.broadcast_to(sign * np.eye(3)[axis], quads.shape))
            uv.append(quads[..., [(axis + 1) % 3, (axis + 2) % 3]])
            axes.append(np.broadcast_to([(axis + 1) % 3, (axis + 2) % 3], uv[-1].shape))
    return (
        np.concatenate(corners),
        np.concatenate(normals),
        np.concatenate(uv),
        np.concatenate(axes),
    )


def _cells(grid: np.ndarray) -> np.ndarray:
    """(R, C, D) grid of vertices -> ((R-1)(C-1), 4, D) corners."""
    corners = np.stack([grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]], axis=2)
    return corners.reshape(-1, 4, grid.shape[-1])


def _ring_cells(grid: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Corners of the quadrilaterals between each ring of ``rows`` and the next."""
    low, high = grid[rows], grid[rows + 1]
    return np.stack([low[:, :-1], low[:, 1:], high[:, 1:], high[:, :-1]], axis=2).reshape(
        -1, 4, grid.shape[-1]
    )


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(..., 3) cross products; much faster than NumPy's for few vectors."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def unit(vectors: np.ndarray) -> np.ndarray:
    """(..., D) normalized vectors."""
    return vectors / np.maximum(np.sqrt(np.square(vectors).sum(axis=-1, keepdims=True)), 1e-9)


@lru_cache
def _half_turn(rows: int) -> tuple[np.ndarray, np.ndarray]:
    turn = np.linspace(-np.pi / 2, np.pi / 2, rows)
    return np.cos(turn)[:, None], np.sin(turn)[:, None]


def tube(
    path: np.ndarray, front: np.ndarray, width: np.ndarray, depth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rings (center, front, left) along a path, or along several at once.

    Args:
        path: (..., R, 3) centers.
        front: (..., R, 3) or (3,) approximate direction of the front, not parallel to the path.
        width, depth: (R,) half-axes sideways and towards the front, in meters.
    """
    along = np.empty_like(path)
    along[..., 1:-1, :] = path[..., 2:, :] - path[..., :-2, :]
    along[..., 0, :], along[..., -1, :] = (
        path[..., 1, :] - path[..., 0, :],
        path[..., -1, :] - path[..., -2, :],
    )
    along = unit(along)
    front = unit(front - along * (front * along).sum(axis=-1, keepdims=True))
    return (
        path,
        front * np.reshape(depth, (-1, 1)),
        cross(along, front) * np.reshape(width, (-1, 1)),
    )


_CUBE, _CUBE_NORMALS, _CUBE_UV, _CUBE_UV_AXES = _cube()
