"""Heads: skull and face, hair styles, hats, glasses, beards; and the positions of the five COCO
keypoints of the head."""

from __future__ import annotations

import numpy as np

from .body import Skeleton
from .chance import pick
from .mesh import COLUMN_ANGLES, SIDES, Mesh
from .palette import Palette, any_color, cloth_color, hair_color

# Skull: height from the middle, half width, half depth, forward offset of the center; in head
# heights.
_SKULL = np.array(
    [
        (-0.50, 0.02, 0.02, 0.17),
        (-0.475, 0.12, 0.11, 0.15),
        (-0.40, 0.20, 0.19, 0.12),
        (-0.28, 0.265, 0.30, 0.06),
        (-0.12, 0.315, 0.385, 0.015),
        (0.05, 0.335, 0.42, 0.00),
        (0.20, 0.335, 0.43, -0.01),
        (0.33, 0.29, 0.385, -0.015),
        (0.43, 0.20, 0.27, -0.015),
        (0.485, 0.10, 0.14, -0.01),
        (0.50, 0.01, 0.01, -0.01),
    ]
)
# Long hair behind the head, in the same form; the lowest three rings move down with its length.
_CURTAIN = np.array(
    [
        (-0.52, 0.05, 0.03, -0.26),
        (-0.5, 0.34, 0.15, -0.26),
        (-0.5, 0.40, 0.20, -0.24),
        (-0.35, 0.40, 0.24, -0.20),
        (-0.1, 0.40, 0.28, -0.18),
        (0.15, 0.375, 0.30, -0.16),
        (0.36, 0.30, 0.20, -0.16),
    ]
)
_EYE, _EAR, _NOSE = (0.135, 0.01), (0.335, -0.06), (-0.14, 0.475)
_FACE_WIDTH = np.abs(COLUMN_ANGLES)
HAIR_STYLES = {
    "short": 5,
    "crop": 2,
    "bob": 2,
    "long": 4,
    "tail": 1.5,
    "bun": 1.5,
    "afro": 0.8,
    "bald": 0.9,
}


def face_points(skeleton: Skeleton) -> np.ndarray:
    """(5, 3) tip of the nose, left eye, right eye, left ear, right ear, on the surface of the
    head."""
    x, y = _EYE
    local = [
        (0, *_NOSE),
        (x, y, _surface(x, y)),
        (-x, y, _surface(x, y)),
        (_EAR[0] + 0.02, _EAR[1], -0.03),
        (-_EAR[0] - 0.02, _EAR[1], -0.03),
    ]
    return skeleton.head_center + np.array(local) @ skeleton.head.T * skeleton.build.head


def add_head(
    mesh: Mesh,
    palette: Palette,
    rng,
    skeleton: Skeleton,
    outfit,
    skin: np.ndarray,
    owner: int,
    detailed: bool,
) -> None:
    """Adds skull, face, hair, and hat or glasses."""
    pen = _Pen(mesh, skeleton, owner)
    style = _style(rng, skeleton.build.feminine)
    color = hair_color(rng)
    hair = palette.add(color, color * 0.7, "stripes", 0.02, rough=0.25, gloss=0.12)
    material = np.full((len(_SKULL) - 1, SIDES), outfit.skin)
    if skeleton.build.feminine < 0.5 and not skeleton.build.child and rng.random() < 0.25:
        beard = palette.add(0.45 * skin + 0.55 * color, rough=0.2)
        material[:4][:, _FACE_WIDTH < 100] = beard
    hat = rng.random() < 0.17
    hairy = _hairline(rng, style)
    material[hairy] = hair
    pen.rings(_SKULL, 1.0, material)
    _add_face(pen, palette, rng, outfit.skin, skin, color, detailed)
    if style != "bald":
        _add_hair(pen, rng, style, hair, hairy, hat)
    if hat:
        _add_hat(pen, palette, rng)


def _style(rng, feminine: float) -> str:
    names, chance = list(HAIR_STYLES), np.array(list(HAIR_STYLES.values()))
    is_long = np.array([name in ("bob", "long", "tail", "bun") for name in names])
    chance = chance * np.where(is_long, 0.15 + 2 * feminine, 1.3 - feminine)
    return pick(rng, names, chance.tolist())


class _Pen:
    """Adds surfaces in the frame of a head, in units of its height: x to the person's left, y up, z
    to the front."""

    def __init__(self, mesh: Mesh, skeleton: Skeleton, owner: int):
        self.mesh, self.owner, self.size = mesh, owner, skeleton.build.head
        self.origin, self.frame, self.feminine = (
            skeleton.head_center,
            skeleton.head,
            skeleton.build.feminine,
        )

    def vector(self, local) -> np.ndarray:
        return np.asarray(local) @ self.frame.T * self.size

    def rings(
        self, profile: np.ndarray, grow: float, material, rise: float = 0.0, back: float = 0.0
    ) -> None:
        """Horizontal rings of a profile (height, half width, half depth, forward), scaled sideways
        by ``grow``."""
        height, width, depth, forward = profile.T
        zero = np.zeros_like(height)
        center = self.origin + self.vector(np.stack([zero, height + rise, forward - back], axis=1))
        self.mesh.add_rings(
            center,
            self.vector(np.stack([zero, zero, depth * grow], axis=1)),
            self.vector(np.stack([width * grow, zero, zero], axis=1)),
            material,
            self.owner,
        )

    def ball(
        self, center, radii, material: int, lift: float = 0.0, rows: int = 5, tilt: float = 0.0
    ) -> None:
        """An ellipsoid; ``tilt`` rotates its front up, in radians."""
        x, y, z = radii
        front, up = (
            np.array([0, z * np.sin(tilt), z * np.cos(tilt)]),
            np.array([0, y * np.cos(tilt), -y * np.sin(tilt)]),
        )
        self.mesh.add_ellipsoid(
            self.origin + self.vector(center),
            self.vector(front),
            self.vector([x, 0, 0]),
            self.vector(up),
            material,
            self.owner,
            lift * self.size,
            rows,
        )

    def patch(self, center, radii, material: int, lift: float) -> None:
        """A lens-shaped patch on the face."""
        x, y, z = radii
        across, up, out = self.vector(np.diag((x, y, z)))
        self.mesh.add_ellipsoid(
            self.origin + self.vector(center),
            across,
            up,
            out,
            material,
            self.owner,
            lift * self.size,
            rows=3,
        )


def _surface(x: float, y: float) -> float:
    """z of the face at x, y."""
    width, depth, forward = (np.interp(y, _SKULL[:, 0], _SKULL[:, i]) for i in (1, 2, 3))
    return float(forward + depth * np.sqrt(max(1 - (x / width) ** 2, 0)))


def _add_face(
    pen: _Pen,
    palette: Palette,
    rng,
    skin_index: int,
    skin: np.ndarray,
    hair: np.ndarray,
    detailed: bool,
) -> None:
    white, iris = (
        palette.add((235, 232, 228)),
        palette.add(pick(rng, [(28, 20, 14), (49, 34, 21), (42, 56, 66), (49, 60, 42)])),
    )
    brow, lips = (
        palette.add(hair * 0.55 + skin * 0.1),
        palette.add(skin * (0.86, 0.58, 0.56) + (12 * pen.feminine, 0, 0)),
    )
    shade = palette.add(skin * 0.9)
    glasses = rng.random()
    lens = palette.add((22, 22, 26), gloss=0.5) if glasses < 0.09 else palette.add((35, 30, 30))
    x, y = _EYE
    for side in (1, -1):
        z = _surface(x, y)
        if detailed:
            pen.patch((side * x, y, z - 0.012), (0.068, 0.030, 0.02), white, 0.02)
        pen.patch((side * x, y, z + 0.003), (0.030, 0.030, 0.012), iris, 0.05)
        pen.patch(
            (side * x, y + 0.085, _surface(x, y + 0.085) - 0.004), (0.085, 0.016, 0.02), brow, 0.04
        )
        if glasses < 0.17:
            pen.patch(
                (side * x, y - 0.005, z + 0.03),
                (0.105, 0.075 if glasses < 0.09 else 0.012, 0.015),
                lens,
                0.08,
            )
        pen.ball((side * _EAR[0], _EAR[1], -0.04), (0.035, 0.125, 0.07), skin_index, 0.0)
    pen.ball(
        (0, -0.07, _surface(0, -0.08) + 0.008), (0.045, 0.12, 0.06), skin_index, 0.03, tilt=-0.35
    )
    pen.ball((0, -0.135, 0.43), (0.058, 0.036, 0.045), shade, 0.03)
    open_mouth = rng.random() < 0.25
    if not detailed:
        return
    pen.patch(
        (0, -0.28, _surface(0, -0.28) - 0.012),
        (0.115, 0.042 if open_mouth else 0.024, 0.03),
        lips,
        0.03,
    )
    if open_mouth:
        pen.patch((0, -0.277, _surface(0, -0.28) + 0.004), (0.08, 0.017, 0.018), white, 0.05)


def _hairline(rng, style: str) -> np.ndarray:
    """(rows, SIDES) bool, the quadrilaterals of the skull with hair."""
    if style == "bald":
        return np.zeros((len(_SKULL) - 1, SIDES), bool)
    fringe, nape = rng.uniform(0.22, 0.36), rng.uniform(-0.34, -0.2)
    side = {"bob": -0.3, "long": -0.3, "crop": 0.1}.get(style, 0.0)
    line = np.interp(_FACE_WIDTH, [40, 75, 95, 125], [fringe, fringe * 0.8, side, nape])
    return ((_SKULL[:-1, 0] + _SKULL[1:, 0]) / 2)[:, None] > line


def _add_hair(pen: _Pen, rng, style: str, hair: int, hairy: np.ndarray, hat: bool) -> None:
    grow = 1.04 if hat or style == "crop" else rng.uniform(1.07, 1.16)
    profile = _SKULL.copy()
    if not hat:
        profile[:, 0] = np.where(
            profile[:, 0] > 0, profile[:, 0] * (1 + (grow - 1) * 0.9), profile[:, 0]
        )
    pen.rings(profile, grow, np.where(hairy, hair, -1))
    if style in ("bob", "long"):
        length = rng.uniform(0.05, 0.3) if style == "bob" else rng.uniform(0.4, 1.1)
        curtain = _CURTAIN.copy()
        curtain[:3, 0] -= (1, 1, 0.5) * np.array(length)
        pen.rings(curtain, 1.0, hair)
    elif style == "tail":
        pen.ball((0, 0.12, -0.52), (0.12, 0.12, 0.12), hair)
        pen.ball((0, -0.25, -0.58), (0.11, 0.42, 0.10), hair)
    elif style == "bun":
        high = rng.uniform(0.1, 0.5)
        pen.ball((0, high, -0.45 if high < 0.35 else -0.2), (0.19, 0.18, 0.17), hair)
    elif style == "afro" and not hat:
        size = rng.uniform(1.2, 1.55)
        pen.ball((0, 0.17, -0.13), (0.36 * size, 0.36 * size, 0.38 * size), hair, rows=8)


def _add_hat(pen: _Pen, palette: Palette, rng) -> None:
    kind = pick(rng, ["cap", "beanie", "brim", "helmet"], [0.45, 0.2, 0.2, 0.15])
    color = cloth_color(rng) if kind != "helmet" else any_color(rng, (0, 1), (0.2, 1))
    material = palette.add(
        color,
        cloth_color(rng),
        "rings" if kind == "beanie" and rng.random() < 0.5 else "plain",
        0.04,
        rough=0.12,
        gloss=0.3 if kind == "helmet" else 0,
    )
    start = {"cap": 0.17, "beanie": 0.14, "brim": 0.2, "helmet": 0.12}[kind]
    heights = np.concatenate([[start], _SKULL[:, 0][_SKULL[:, 0] > start + 0.02]])
    profile = np.stack(
        [heights] + [np.interp(heights, _SKULL[:, 0], _SKULL[:, i]) for i in (1, 2, 3)], axis=1
    )
    grow = {"cap": 1.12, "beanie": 1.14, "brim": 1.12, "helmet": 1.3}[kind]
    profile[:, 0] = start + (profile[:, 0] - start) * (1.25 if kind != "cap" else 1.12)
    pen.rings(profile, grow, material)
    if kind in ("cap", "brim"):
        brim = material if rng.random() < 0.7 else palette.add(cloth_color(rng))
        radii, forward = ((0.28, 0.035, 0.36), 0.42) if kind == "cap" else ((0.68, 0.04, 0.74), 0.0)
        pen.ball(
            (0, start + 0.02, forward),
            radii,
            brim,
            0.0,
            rows=4,
            tilt=-0.15 if kind == "cap" else 0.0,
        )
