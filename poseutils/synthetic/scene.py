"""The scene around the people: camera, light, furniture, and objects behind and in front of
them."""

from __future__ import annotations

import numpy as np

from .chance import pick
from .drawing import Camera, Light
from .mesh import Mesh, tube
from .palette import Palette, any_color, cloth_color, skin_color


def sample_light(rng: np.random.Generator) -> Light:
    """A random light, from flat indoor light to hard low sun."""
    height, around = rng.uniform(15, 75), rng.uniform(-120, 120)
    low, angle = np.radians(height), np.radians(around)
    direction = np.array([np.cos(low) * np.sin(angle), np.sin(low), np.cos(low) * np.cos(angle)])
    hard = rng.uniform(0.15, 0.95)
    warm = rng.normal(0, 0.05)
    level = rng.uniform(0.85, 1.15)
    return Light(
        direction,
        ambient=level * (1.12 - 0.6 * hard),
        strength=level * hard * 0.95,
        shade=np.array([0.95 - warm, 0.97, 1.03 + warm], np.float32),
        sun=np.array([1.03 + warm, 1.0, 0.96 - warm], np.float32),
    )


def sample_camera(rng: np.random.Generator, points: np.ndarray, size: int) -> Camera:
    """A random camera that frames ``points`` (P, 3), far or near, from above or below, sometimes
    tilted."""
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    extent = np.linalg.norm(points.max(axis=0) - points.min(axis=0))
    distance = max(extent * rng.uniform(1.1, 3.5), 0.9)
    pitch = rng.normal(6, 10) + (rng.random() < 0.12) * rng.uniform(10, 45)
    pitch = np.radians(
        max(pitch, np.degrees(np.arcsin(np.clip((0.15 - middle[1]) / distance, -1, 1))))
    )
    forward = -np.array([0.0, np.sin(pitch), np.cos(pitch)])
    right = np.array([1.0, 0.0, 0.0])
    down = np.cross(forward, right)
    roll = np.radians(rng.normal(0, 3) + (rng.random() < 0.08) * rng.normal(0, 15))
    axes = np.stack(
        [
            np.cos(roll) * right + np.sin(roll) * down,
            np.cos(roll) * down - np.sin(roll) * right,
            forward,
        ]
    )
    plain = Camera(middle - distance * forward, axes, 1.0, (0.0, 0.0), size)
    flat, _ = plain.project(points)
    low, high = flat.min(axis=0), flat.max(axis=0)
    fill = pick(
        rng,
        [rng.uniform(0.5, 0.7), rng.uniform(0.7, 0.98), rng.uniform(0.98, 1.15)],
        [0.3, 0.6, 0.1],
    )
    focal = fill * size / (high - low).max()
    slack = size - (high - low) * focal
    center = slack * rng.uniform(0.1, 0.9, 2) - low * focal
    return Camera(plain.position, axes, float(focal), (float(center[0]), float(center[1])), size)


def add_seat(
    mesh: Mesh,
    palette: Palette,
    rng,
    hip: np.ndarray,
    front: np.ndarray,
    left: np.ndarray,
    height: float,
) -> None:
    """Adds a seat below a person: a stool, a block or a chair with a back."""
    pattern = pick(rng, ["plain", "planks"])
    material = palette.add(
        any_color(rng, (0, 0.7), (0.15, 0.85)),
        any_color(rng, (0, 0.6), (0.2, 0.8)),
        pattern,
        0.12,
        0.1,
    )
    top = max(hip[1] - 0.075 * height, 0.06)
    width = height * rng.uniform(0.12, 0.28)
    depth = height * rng.uniform(0.11, 0.15)
    center = hip - front * 0.02 * height
    if rng.random() < 0.5:
        mesh.add_box(
            [center[0], top / 2, center[2]],
            [left * width, (0, top / 2, 0), front * depth],
            material,
        )
    else:
        mesh.add_box(
            [center[0], top - 0.025, center[2]],
            [left * width, (0, 0.025, 0), front * depth],
            material,
        )
        for a in (1, -1):
            for b in (1, -1):
                _pole(
                    mesh,
                    center + a * 0.9 * depth * front + b * 0.9 * width * left,
                    0.0,
                    top - 0.05,
                    0.018,
                    material,
                )
    if rng.random() < 0.6:
        back, rise = center - front * (depth + 0.02), height * rng.uniform(0.1, 0.18)
        mesh.add_box(
            [back[0], top + rise, back[2]], [left * width, (0, rise, 0), front * 0.02], material
        )


def _pole(mesh: Mesh, foot, low: float, high: float, radius: float, material: int) -> None:
    path = np.array([[foot[0], y, foot[2]] for y in np.linspace(low, high, 5)])
    mesh.add_rings(
        *tube(path, np.array([0.0, 0.0, 1.0]), np.full(5, radius), np.full(5, radius)), material
    )


def add_things(
    mesh: Mesh, palette: Palette, rng, middle: np.ndarray, camera_way: np.ndarray
) -> None:
    """Adds furniture, poles, balls and tubes that resemble limbs, behind or beside the people,
    sometimes in front of them."""
    across = np.array([camera_way[2], 0, -camera_way[0]])
    for _ in range(rng.integers(0, 5)):
        spot = (
            middle
            + across * pick(rng, [-1, 1]) * rng.uniform(0.35, 1.8)
            - camera_way * rng.uniform(0.2, 2.5)
        )
        _add_thing(mesh, palette, rng, spot)
    if rng.random() < 0.24:
        spot = middle + across * rng.normal(0, 0.3) + camera_way * rng.uniform(0.4, 0.7)
        _add_thing(mesh, palette, rng, spot, small=0.6)


def _add_thing(mesh: Mesh, palette: Palette, rng, spot: np.ndarray, small: float = 1.0) -> None:
    color = skin_color(rng) if rng.random() < 0.2 else any_color(rng, (0, 0.8), (0.1, 0.95))
    pattern = ("plain", "plain", "plain", "planks", "checks", "rings")[rng.integers(6)]
    material = palette.add(
        color,
        cloth_color(rng),
        pattern,
        rng.uniform(0.04, 0.25),
        rng.uniform(0, 0.1),
        pick(rng, [0, 0, 0.3]),
    )
    kind = rng.integers(5)
    if kind <= 1:
        half = np.array(
            [rng.uniform(0.08, 0.45), rng.uniform(0.1, 0.5) * small, rng.uniform(0.08, 0.3)]
        )
        _turned_box(mesh, rng, np.array([spot[0], half[1], spot[2]]), half, material)
    elif kind == 2:
        _pole(mesh, spot, 0, rng.uniform(0.5, 3.0), rng.uniform(0.015, 0.06), material)
    elif kind == 3:
        radius = rng.uniform(0.06, 0.3) * small
        center = np.array([spot[0], pick(rng, [radius, rng.uniform(0.3, 1.6)]), spot[2]])
        mesh.add_ellipsoid(
            center,
            (0, 0, radius),
            (radius, 0, 0),
            (0, radius * rng.uniform(0.5, 1.2), 0),
            material,
            rows=8,
        )
    else:
        bends = rng.normal(0, 0.28, (3, 3))
        corners = np.array([spot[0], rng.uniform(0.2, 1.6), spot[2]]) + np.cumsum(bends, axis=0)
        share = np.linspace(0, 2, 9)
        path = np.stack([np.interp(share, [0, 1, 2], corners[:, i]) for i in range(3)], axis=1)
        radius = rng.uniform(0.025, 0.07) * np.linspace(1.2, 0.7, 9)
        mesh.add_rings(*tube(path, np.array([0.3, 0.5, 0.8]), radius, radius), material)


def add_prop(
    mesh: Mesh, palette: Palette, rng, hand: np.ndarray, along: np.ndarray, height: float
) -> None:
    """Adds a prop in a hand: a ball, a stick, a phone, a book or a bag."""
    material = palette.add(
        any_color(rng),
        cloth_color(rng),
        ("plain", "plain", "rings", "checks")[rng.integers(4)],
        0.06,
        0.05,
    )
    kind = rng.integers(3)
    if kind == 0:
        radius = height * rng.uniform(0.02, 0.075)
        mesh.add_ellipsoid(
            hand + along * radius, (0, 0, radius), (radius, 0, 0), (0, radius, 0), material, rows=7
        )
    elif kind == 1:
        way = rng.normal(size=3)
        way *= height * rng.uniform(0.15, 0.6) / np.linalg.norm(way)
        path = hand + np.linspace(-0.2, 1, 5)[:, None] * way
        radius = height * rng.uniform(0.006, 0.016) * np.ones(5)
        mesh.add_rings(*tube(path, np.cross(way, (0.3, 0.8, 0.5)), radius, radius), material)
    else:
        half = height * rng.uniform((0.02, 0.035, 0.006), (0.09, 0.1, 0.05))
        _turned_box(mesh, rng, hand - (0, half[1] * rng.uniform(0, 0.9), 0), half, material)


def _turned_box(mesh: Mesh, rng, center: np.ndarray, half: np.ndarray, material: int) -> None:
    """A box rotated about the vertical axis by a random angle; ``half`` are its half edges."""
    angle = rng.uniform(0, np.pi)
    c, s = np.cos(angle), np.sin(angle)
    mesh.add_box(
        center,
        [(half[0] * c, 0, -half[0] * s), (0, half[1], 0), (half[2] * s, 0, half[2] * c)],
        material,
    )
