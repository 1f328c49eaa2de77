"""Surfaces as stacks of rings: every limb, torso, head, skirt and pole is one, and boxes are flat quadrilaterals.

World coordinates are metres, right-handed, y up; a ring is an ellipse given by its centre and two radius vectors.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

SIDES = 12
"""Quadrilaterals around a ring; the first vertex is at the back, the middle one in front."""
_ANGLES = np.linspace(-np.pi, np.pi, SIDES + 1)
_COS, _SIN = np.cos(_ANGLES).astype(np.float32)[:, None], np.sin(_ANGLES).astype(np.float32)[:, None]
COLUMN_ANGLES = np.degrees((_ANGLES[:-1] + _ANGLES[1:]) / 2)
"""(SIDES,) degrees from the front of the middle of each quadrilateral of a ring, positive towards ``left``."""


@dataclass(frozen=True)
class Surface:
    """Q quadrilaterals ready to be drawn.

    Attributes:
        corners: (Q, 4, 3) world coordinates, anticlockwise seen from outside.
        normals: (Q, 4, 3) unit outward normals.
        uv: (Q, 4, 2) metres around and along the surface, for patterns.
        material: (Q,) index of the material.
        owner: (Q,) 0 for things, 1, 2, ... for people.
        lift: (Q,) metres by which to draw it nearer than it is (a patch that lies on another surface).
    """

    corners: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    material: np.ndarray
    owner: np.ndarray
    lift: np.ndarray


@dataclass
class Mesh:
    """Collects stacks of rings and boxes, then joins them into one :class:`Surface`."""

    stacks: list[tuple] = field(default_factory=list)
    faces: list[tuple] = field(default_factory=list)

    def add_rings(self, center, front, left, material, owner: int = 0, lift: float = 0.0) -> None:
        """Adds R rings (center, front and left (R, 3), front × left pointing along the stack) and skins them.

        ``material`` is an index, (R - 1,) or (R - 1, SIDES) indices; -1 leaves a quadrilateral open.
        """
        rows = len(center) - 1
        table = np.full((rows, SIDES), -1)
        table[:] = np.asarray(material).reshape(-1, 1) if np.ndim(material) < 2 else material
        self.stacks.append((np.asarray(center), np.asarray(front), np.asarray(left), table, owner, lift))

    def add_ellipsoid(self, center, front, left, up, material, owner: int = 0, lift: float = 0.0, rows: int = 5) -> None:
        """Adds an ellipsoid with the given three radius vectors, (3,) each."""
        turn = np.linspace(-np.pi / 2, np.pi / 2, rows)
        across, along = np.cos(turn)[:, None], np.sin(turn)[:, None]
        self.add_rings(center + along * up, across * front, across * left, material, owner, lift)

    def add_box(self, center, axes, material: int) -> None:
        """Adds a box; ``axes`` (3, 3) holds its half-edge vectors as rows, the second pointing up."""
        axes = np.asarray(axes)
        for i in range(3):
            a, b = axes[(i + 1) % 3], axes[(i + 2) % 3]
            for sign in (1, -1):
                self._add_face(center + sign * axes[i], sign * a, b, material)

    def _add_face(self, center, a, b, material: int, cells: int = 3) -> None:
        steps = np.linspace(-1, 1, cells + 1)
        grid = center + steps[:, None, None] * a + steps[None, :, None] * b
        uv = np.stack(np.meshgrid(steps * np.linalg.norm(a), steps * np.linalg.norm(b), indexing="ij"), axis=-1)
        normal = np.cross(a, b)
        self.faces.append((_cells(grid), _cells(uv), normal / np.linalg.norm(normal), material))

    def surface(self) -> Surface:
        """Everything added so far as quadrilaterals."""
        parts = [part for part in (self._ring_quads(), self._face_quads()) if part is not None]
        return Surface(*(np.concatenate(columns) for columns in zip(*parts)))

    def _ring_quads(self):
        if not self.stacks:
            return None
        sizes = np.array([len(stack[0]) for stack in self.stacks])
        center, front, left = (np.concatenate([stack[i] for stack in self.stacks]).astype(np.float32)[:, None] for i in range(3))
        ends = np.cumsum(sizes)
        first, last = np.repeat(ends - sizes, sizes), np.repeat(ends - 1, sizes)
        before = np.maximum(np.arange(ends[-1]) - 1, first)
        after = np.minimum(np.arange(ends[-1]) + 1, last)

        points = center + front * _COS + left * _SIN
        around = (left[before] + left[after]) * _COS - (front[before] + front[after]) * _SIN
        normals = _unit(cross(around, points[after] - points[before]))
        uv = self._ring_uv(points, center, sizes, ends)

        rows = np.flatnonzero(np.arange(ends[-1]) < last)
        material = np.concatenate([stack[3] for stack in self.stacks])
        keep = (material >= 0).ravel()
        owner = np.repeat([stack[4] for stack in self.stacks], (sizes - 1) * SIDES)[keep]
        lift = np.repeat([stack[5] for stack in self.stacks], (sizes - 1) * SIDES)[keep].astype(np.float32)
        corners, normals, uv = (_ring_cells(array, rows)[keep] for array in (points, normals, uv))
        return corners, normals, uv, material.ravel()[keep], owner, lift

    def _ring_uv(self, points, center, sizes, ends):
        radius = np.linalg.norm(points[:, ::2] - center, axis=-1).mean(axis=1)
        typical = np.repeat([np.median(radius[end - size:end]) for size, end in zip(sizes, ends)], sizes)
        step = np.linalg.norm(np.diff(center[:, 0], axis=0, prepend=center[:1, 0]), axis=-1)
        step[(ends - sizes)] = 0
        along = np.cumsum(step)
        along -= np.repeat(along[ends - sizes], sizes)
        uv = np.empty(points.shape[:2] + (2,), np.float32)
        uv[..., 0] = typical[:, None] * _ANGLES
        uv[..., 1] = along[:, None]
        return uv

    def _face_quads(self):
        if not self.faces:
            return None
        count = [len(face[0]) for face in self.faces]
        total = sum(count)
        corners, uv = (np.concatenate([face[i] for face in self.faces]).astype(np.float32) for i in range(2))
        normals = np.repeat(np.repeat(np.array([face[2] for face in self.faces], np.float32), count, axis=0)[:, None], 4, axis=1)
        material = np.repeat([face[3] for face in self.faces], count)
        return corners, normals, uv, material, np.zeros(total, int), np.zeros(total, np.float32)


def _cells(grid: np.ndarray) -> np.ndarray:
    """(R, C, D) grid of vertices -> ((R-1)(C-1), 4, D) corners."""
    corners = np.stack([grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]], axis=2)
    return corners.reshape(-1, 4, grid.shape[-1])


def _ring_cells(grid: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Corners of the quadrilaterals between each ring of ``rows`` and the next."""
    low, high = grid[rows], grid[rows + 1]
    return np.stack([low[:, :-1], low[:, 1:], high[:, 1:], high[:, :-1]], axis=2).reshape(-1, 4, grid.shape[-1])


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.sqrt(np.square(vectors).sum(axis=-1, keepdims=True)), 1e-9)


def tube(path: np.ndarray, front: np.ndarray, width: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rings (center, front, left) along a path.

    Args:
        path: (R, 3) centres.
        front: (R, 3) or (3,) what the front of the tube faces, roughly; not parallel to the path.
        width, depth: (R,) half-axes sideways and towards the front, metres.
    """
    along = np.empty_like(path)
    along[1:-1] = path[2:] - path[:-2]
    along[0], along[-1] = path[1] - path[0], path[-1] - path[-2]
    along = _unit(along)
    front = _unit(front - along * (front * along).sum(axis=1, keepdims=True))
    return path, front * np.reshape(depth, (-1, 1)), cross(along, front) * np.reshape(width, (-1, 1))
