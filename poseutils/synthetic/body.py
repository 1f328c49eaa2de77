"""An articulated body: proportions, joints with their limits, and forward kinematics.

Lengths are in meters. A local frame is a (3, 3) matrix whose columns are the person's left, up and
front; angles are in degrees. Proportions follow the segment lengths usual in biomechanics (Winter,
"Biomechanics and Motor Control of Human Movement").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .mesh import cross, unit

LIMITS = {
    "bend": (-25, 65),
    "side": (-30, 30),
    "twist": (-40, 40),
    "nod": (-40, 45),
    "tilt": (-30, 30),
    "turn": (-70, 70),
    "shoulder_flex": (-50, 180),
    "shoulder_abduct": (-25, 175),
    "shoulder_twist": (-90, 80),
    "elbow": (0, 150),
    "hip_flex": (-25, 125),
    "hip_abduct": (-20, 60),
    "hip_twist": (-35, 50),
    "knee": (0, 150),
    "ankle": (-45, 25),
}
"""Range of each joint in degrees; zero is standing upright with hanging arms, positive is forward,
outward or bent."""

# Torso profile: height above the hip joints, half width, half depth, forward offset of the center;
# in body heights.
_TORSO = np.array(
    [
        (-0.052, 0.030, 0.030, 0.000),
        (-0.040, 0.072, 0.058, -0.004),
        (-0.012, 0.096, 0.070, -0.006),
        (0.022, 0.101, 0.071, -0.006),
        (0.060, 0.094, 0.064, -0.002),
        (0.100, 0.083, 0.059, 0.003),
        (0.145, 0.085, 0.061, 0.004),
        (0.195, 0.095, 0.069, 0.003),
        (0.240, 0.102, 0.070, 0.000),
        (0.272, 0.107, 0.062, -0.005),
        (0.297, 0.101, 0.054, -0.009),
        (0.317, 0.068, 0.046, -0.010),
        (0.334, 0.036, 0.036, -0.008),
    ]
)
TORSO_HEIGHTS = _TORSO[:, 0]
SHOULDER_HEIGHT, NECK_ROW = 0.277, len(_TORSO) - 1


@dataclass(frozen=True)
class Build:
    """Proportions of a person in meters, and relative girth and femininity of the outline (about 1,
    and 0 to 1)."""

    height: float
    upper_arm: float
    forearm: float
    hand: float
    thigh: float
    shin: float
    foot: float
    shoulder: float
    hip: float
    head: float
    girth: float
    limb_girth: float
    feminine: float
    belly: float
    torso: float
    child: bool


def sample_build(rng: np.random.Generator) -> Build:
    """Random proportions of a man, a woman, or sometimes a child."""
    child = rng.random() < 0.13
    feminine = float(rng.random() < 0.5)
    height = rng.uniform(0.95, 1.45) if child else rng.normal(1.76 - 0.12 * feminine, 0.07)
    youth = np.clip((1.6 - height) / 0.65, 0, 1) if child else 0.0
    girth = float(
        np.clip(rng.normal(1.0, 0.1) + (rng.random() < 0.15) * rng.uniform(0.1, 0.4), 0.82, 1.5)
    )
    leg = height * (1 - 0.1 * youth) * rng.normal(1, 0.025)
    arm = height * (1 - 0.04 * youth) * rng.normal(1, 0.025)
    return Build(
        height=height,
        upper_arm=0.172 * arm,
        forearm=0.150 * arm,
        hand=0.098 * arm,
        thigh=0.243 * leg,
        shin=0.244 * leg,
        foot=0.148 * height,
        shoulder=height * (0.106 - 0.009 * feminine) * rng.normal(1, 0.03),
        hip=0.056 * height,
        head=height * (0.131 + 0.055 * youth) * rng.normal(1, 0.025),
        girth=girth,
        limb_girth=0.55 + 0.45 * girth + 0.08 * youth,
        feminine=feminine * (1 - youth),
        belly=max(0.0, girth - 1.05) * rng.uniform(0, 1.2),
        torso=1 + 0.04 * youth,
        child=child,
    )


@dataclass(frozen=True)
class Limb:
    """Root, middle and end joint of an arm or leg, and the front directions of its upper and lower
    bone; (3,) each."""

    root: np.ndarray
    middle: np.ndarray
    end: np.ndarray
    front: np.ndarray
    lower_front: np.ndarray


@dataclass(frozen=True)
class Skeleton:
    """The joint positions of a person; of ``arms``, ``legs`` and ``feet`` the left one is first.

    Attributes:
        pelvis, chest, head: (3, 3) frames.
        spine: (13, 3) centers of the torso's rings; spine_left and spine_front (13, 3) their
            directions.
        head_center: (3,) center of the head.
    """

    build: Build
    pelvis: np.ndarray
    chest: np.ndarray
    head: np.ndarray
    spine: np.ndarray
    spine_left: np.ndarray
    spine_front: np.ndarray
    head_center: np.ndarray
    arms: tuple[Limb, Limb]
    legs: tuple[Limb, Limb]
    feet: tuple[np.ndarray, np.ndarray]


def rotation(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> np.ndarray:
    """Rotation matrix Ry · Rz · Rx of angles in degrees."""
    (cx, cy, cz), (sx, sy, sz) = (
        np.cos(np.radians([x, y, z])).tolist(),
        np.sin(np.radians([x, y, z])).tolist(),
    )
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_y @ about_z @ about_x


def limited(name: str, value: float) -> float:
    """The angle clipped to the range of the joint."""
    low, high = LIMITS[name]
    return min(max(float(value), low), high)


def torso_profile(build: Build) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(13,) half widths, half depths and forward offsets of the torso's rings, in meters."""
    width, depth, forward = _TORSO[:, 1:].T * build.height
    lower = np.clip((0.16 - TORSO_HEIGHTS) / 0.16, 0, 1)
    waist = np.exp(-np.square((TORSO_HEIGHTS - 0.105) / 0.05))
    bust = np.exp(-np.square((TORSO_HEIGHTS - 0.215) / 0.035)) * build.feminine
    scale = 1 + (build.girth - 1) * np.clip((0.33 - TORSO_HEIGHTS) / 0.08, 0, 1)
    female = 1 + build.feminine * (
        0.06 * lower - 0.10 * waist - 0.06 * (TORSO_HEIGHTS > 0.23) * (TORSO_HEIGHTS < 0.3)
    )
    belly = build.belly * np.exp(-np.square((TORSO_HEIGHTS - 0.09) / 0.07))
    bulge = build.height * (0.018 * bust + 0.05 * belly)
    return width * scale * female, depth * scale + bulge, forward + bulge


def place(build: Build, pose) -> Skeleton:
    """The skeleton of a body in a pose (see ``motions.Pose``), with the center of the hips at the
    origin."""
    base = pose.base
    pelvis = base @ rotation(x=pose.lean, z=pose.roll)
    chest = pelvis @ rotation(
        x=limited("bend", pose.bend), y=limited("twist", pose.twist), z=limited("side", pose.side)
    )
    head = chest @ rotation(
        x=limited("nod", pose.nod), y=limited("turn", pose.turn), z=limited("tilt", pose.tilt)
    )
    spine, left, front = _spine(build, pelvis, chest)
    neck_up = unit(chest[:, 1] + head[:, 1])
    head_center = (
        spine[-1]
        + neck_up * (0.028 * build.height)
        + head[:, 1] * (0.5 * build.head)
        + head[:, 2] * (0.10 * build.head)
    )
    legs = (_leg(build, base, pelvis, pose.legs[0], 1), _leg(build, base, pelvis, pose.legs[1], -1))
    shoulder = _at_height(spine, SHOULDER_HEIGHT)
    anchors = {
        "pelvis": (np.zeros(3), pelvis),
        "chest": (shoulder, chest),
        "head": (head_center, head),
    }
    arms = []
    for i, side in enumerate((1, -1)):
        raised = pose.arms[i].raised
        root = shoulder + chest @ np.array(
            [
                side * (build.shoulder - 0.014 * raised * build.height),
                0.022 * raised * build.height,
                -0.006,
            ]
        )
        anchors["knee"] = (legs[i].middle, base)
        arms.append(_arm(build, chest, root, pose.arms[i], side, anchors))
    left_foot, right_foot = (
        _foot_direction(leg, limited("ankle", ankle))
        for leg, ankle in zip(legs, pose.ankles, strict=True)
    )
    return Skeleton(
        build,
        pelvis,
        chest,
        head,
        spine,
        left,
        front,
        head_center,
        (arms[0], arms[1]),
        legs,
        (left_foot, right_foot),
    )


def _spine(build: Build, pelvis: np.ndarray, chest: np.ndarray):
    blend = np.clip((TORSO_HEIGHTS - 0.02) / 0.19, 0, 1)
    blend = (blend * blend * (3 - 2 * blend))[:, None]
    up = unit((1 - blend) * pelvis[:, 1] + blend * chest[:, 1])
    left = unit((1 - blend) * pelvis[:, 0] + blend * chest[:, 0])
    left = unit(left - up * (left * up).sum(axis=1, keepdims=True))
    steps = np.diff(TORSO_HEIGHTS)[:, None] * (up[:-1] + up[1:]) / 2 * build.height * build.torso
    start = pelvis[:, 1] * (TORSO_HEIGHTS[0] * build.height * build.torso)
    return np.concatenate([start[None], start + np.cumsum(steps, axis=0)]), left, cross(left, up)


def _at_height(spine: np.ndarray, height: float) -> np.ndarray:
    return np.array([np.interp(height, TORSO_HEIGHTS, spine[:, i]) for i in range(3)])


def _leg(build: Build, base, pelvis, angles, side: int) -> Limb:
    flex, abduct, twist, knee = (
        limited(n, a) for n, a in zip(("hip_flex", "hip_abduct", "hip_twist", "knee"), angles)
    )
    upper, lower, fronts = _two_bones(flex, abduct, twist, -knee, side)
    root = pelvis @ np.array([side * build.hip, 0, 0])
    middle = root + base @ upper * build.thigh
    return Limb(
        root, middle, middle + base @ lower * build.shin, base @ fronts[0], base @ fronts[1]
    )


def _arm(build: Build, chest, root, arm, side: int, anchors) -> Limb:
    if arm.target is None:
        names = ("shoulder_flex", "shoulder_abduct", "shoulder_twist", "elbow")
        flex, abduct, twist, elbow = (limited(n, a) for n, a in zip(names, arm.angles))
        upper, lower, fronts = _two_bones(flex, abduct, twist, elbow, side)
        middle = root + chest @ upper * build.upper_arm
        return Limb(
            root,
            middle,
            middle + chest @ lower * build.forearm,
            chest @ fronts[0],
            chest @ fronts[1],
        )
    origin, frame = anchors[arm.target[0]]
    mirror = np.array([side, 1, 1])
    goal = origin + frame @ (np.asarray(arm.target[1]) * mirror) * build.height
    return _reach(
        root, goal, chest @ (np.asarray(arm.elbow) * mirror), build.upper_arm, build.forearm
    )


def _two_bones(flex, abduct, twist, hinge, side):
    turned = rotation(z=abduct) @ rotation(x=-flex) @ rotation(y=twist)
    folded = turned @ rotation(x=-hinge)
    mirror = np.array([side, 1, 1])
    return (
        -turned[:, 1] * mirror,
        -folded[:, 1] * mirror,
        (turned[:, 2] * mirror, folded[:, 2] * mirror),
    )


def _reach(root, goal, pole, upper: float, lower: float) -> Limb:
    """Two-bone inverse kinematics: from ``root`` towards ``goal``, the middle joint towards
    ``pole`` (law of cosines)."""
    offset = goal - root
    distance = np.clip(np.linalg.norm(offset), 0.35 * (upper + lower), 0.995 * (upper + lower))
    line = unit(offset)
    pole = unit(pole - line * (pole @ line))
    along = (upper**2 - lower**2 + distance**2) / (2 * distance)
    middle = root + line * along + pole * np.sqrt(max(upper**2 - along**2, 0))
    return Limb(root, middle, root + line * distance, -pole, -pole)


def _foot_direction(leg: Limb, ankle: float) -> np.ndarray:
    """Unit vector from heel to toe: perpendicular to the shin, pointing down for a negative
    angle."""
    shin = unit(leg.end - leg.middle)
    front = unit(leg.lower_front - shin * (leg.lower_front @ shin))
    return front * np.cos(np.radians(ankle)) - shin * np.sin(np.radians(ankle))
