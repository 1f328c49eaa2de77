"""Random poses of everyday and sports activities, as joint angles and targets of the hands.

Ranges are in degrees (see ``body.LIMITS`` for signs). Targets are in body heights, (outward, up,
front) from a part of the body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body import rotation
from .chance import pick


@dataclass(frozen=True)
class Arm:
    """Either four angles (flex, abduct, twist, elbow), or a target (part, offset) of the wrist with
    the elbow's direction."""

    angles: tuple[float, ...] = (0, 0, 0, 0)
    target: tuple[str, tuple[float, float, float]] | None = None
    elbow: tuple[float, float, float] = (0.6, -0.5, -0.6)
    raised: float = 0.0


@dataclass(frozen=True)
class Pose:
    """Angles of all joints; ``base`` is the frame of the legs' angles, ``jump`` the height above
    the ground in meters."""

    base: np.ndarray
    lean: float
    roll: float
    bend: float
    side: float
    twist: float
    nod: float
    tilt: float
    turn: float
    arms: tuple[Arm, Arm]
    legs: tuple[tuple[float, ...], tuple[float, ...]]
    ankles: tuple[float, float]
    jump: float
    seat: bool


# Arms as ranges of (flex, abduct, twist, elbow).
_ARM_RANGES = {
    "hang": ((-18, 18), (2, 16), (-35, 10), (4, 38)),
    "forward": ((15, 80), (-8, 25), (-45, 15), (30, 110)),
    "reach": ((50, 120), (-10, 40), (-30, 30), (0, 40)),
    "up": ((120, 178), (-15, 30), (-40, 40), (0, 70)),
    "side": ((-15, 25), (60, 115), (-60, 60), (0, 60)),
    "wave": ((0, 35), (55, 120), (45, 80), (50, 130)),
    "back": ((-45, -10), (5, 45), (-40, 20), (5, 60)),
    "any": ((-45, 170), (-10, 130), (-70, 60), (0, 130)),
}
# Arms by a target of the wrist: part, offset, standard deviation of the offset, and direction of
# the elbow.
_ARM_GOALS = {
    "hips": ("pelvis", (0.088, 0.055, 0.02), 0.008, (1.0, -0.1, -0.55)),
    "folded": ("chest", (-0.045, -0.105, 0.105), 0.012, (0.7, -0.7, 0.1)),
    "pockets": ("pelvis", (0.105, 0.015, 0.035), 0.01, (0.6, -0.1, -0.9)),
    "behind": ("pelvis", (0.02, 0.03, -0.10), 0.012, (0.9, -0.2, -0.6)),
    "face": ("head", (0.05, -0.065, 0.085), 0.02, (0.5, -1.0, 0.3)),
    "phone": ("head", (0.065, -0.035, 0.01), 0.01, (0.8, -0.8, 0.3)),
    "nape": ("head", (0.03, 0.02, -0.06), 0.015, (1.0, 0.3, 0.3)),
    "hold": ("chest", (0.03, -0.13, 0.20), 0.03, (0.7, -0.8, -0.2)),
    "knees": ("knee", (0.0, 0.03, -0.01), 0.02, (0.8, 0.2, -0.6)),
    "lap": ("pelvis", (0.02, 0.05, 0.14), 0.025, (0.9, -0.4, -0.5)),
    "club": ("chest", (-0.06, 0.0, 0.19), 0.06, (0.8, -0.5, 0.0)),
}
# Activity: weight, weights of the arm poses, ranges of lean and bend; the legs are sampled by the
# function of the same name below.
_ACTIVITIES: dict[str, tuple[float, dict[str, float], tuple[float, float], tuple[float, float]]] = {
    "stand": (
        0.36,
        {
            "hang": 5,
            "hips": 2,
            "folded": 1.5,
            "pockets": 1.5,
            "forward": 2,
            "face": 1,
            "phone": 1,
            "hold": 1.5,
            "up": 1,
            "side": 0.7,
            "wave": 0.8,
            "behind": 0.6,
            "nape": 0.5,
            "reach": 0.8,
            "any": 1,
        },
        (-4, 4),
        (-6, 12),
    ),
    "walk": (
        0.17,
        {"swing": 6, "hang": 1, "forward": 1.5, "phone": 0.5, "hold": 0.7, "any": 0.5},
        (0, 8),
        (-4, 12),
    ),
    "run": (0.08, {"pump": 6, "up": 0.7, "any": 1}, (5, 18), (-4, 15)),
    "sit": (
        0.14,
        {
            "lap": 3,
            "knees": 2,
            "forward": 2,
            "hold": 2,
            "face": 1.2,
            "phone": 0.6,
            "reach": 0.8,
            "folded": 0.6,
            "hang": 0.7,
            "up": 0.4,
        },
        (-18, 12),
        (-5, 28),
    ),
    "crouch": (0.06, {"knees": 2, "reach": 1, "forward": 2, "hold": 1, "any": 1}, (5, 35), (0, 30)),
    "lunge": (
        0.08,
        {"any": 3, "club": 2, "up": 1, "side": 1, "reach": 1, "hang": 0.5},
        (-5, 25),
        (-10, 20),
    ),
    "kick": (0.04, {"side": 2, "any": 2, "back": 1}, (-12, 10), (-8, 15)),
    "jump": (0.04, {"up": 2, "side": 1.5, "any": 2}, (-10, 20), (-15, 20)),
    "ride": (0.05, {"reach": 2, "side": 2, "any": 1.5, "hang": 1}, (0, 30), (0, 30)),
    "stoop": (0.04, {"reach": 2, "hang": 2, "knees": 1, "forward": 1}, (15, 45), (20, 55)),
    "lie": (0.04, {"hang": 2, "any": 2, "nape": 1, "side": 1, "forward": 1}, (-8, 8), (-5, 12)),
}
_WEIGHTS = [entry[0] for entry in _ACTIVITIES.values()]


def sample_pose(rng: np.random.Generator) -> Pose:
    """A random pose of a random activity, in a random orientation."""
    name = pick(rng, list(_ACTIVITIES), _WEIGHTS)
    _, arm_weights, leans, bends = _ACTIVITIES[name]
    legs, phase, jump = _LEGS[name](rng)
    lean, bend = rng.uniform(*leans), rng.uniform(*bends)
    base = rotation(y=_facing(rng))
    turn = rng.normal(0, 18) + (rng.random() < 0.15) * rng.normal(0, 40)
    if name == "lie":
        base = (
            base
            @ rotation(x=pick(rng, [-90, 90], [0.65, 0.35]), y=rng.normal(0, 12))
            @ rotation(y=pick(rng, [0, 0, 80, -80]))
        )
    return Pose(
        base=base,
        lean=lean,
        roll=rng.normal(0, 2.5),
        bend=bend,
        side=rng.normal(0, 5),
        twist=rng.normal(0, 8),
        nod=_nod(rng, lean + bend),
        tilt=rng.normal(0, 6),
        turn=turn,
        arms=_arms(rng, arm_weights, phase),
        legs=legs,
        ankles=(_ankle(legs[0], name, rng), _ankle(legs[1], name, rng)),
        jump=jump,
        seat=name == "sit",
    )


def _facing(rng) -> float:
    """A random orientation in degrees: mostly facing the camera, often from the side, sometimes
    from behind."""
    kind = rng.random()
    if kind < 0.5:
        return rng.normal(0, 28)
    if kind < 0.85:
        return pick(rng, [-1, 1]) * rng.normal(80, 28)
    return rng.normal(180, 30)


def _nod(rng, stoop: float) -> float:
    return rng.normal(-3, 9) - 0.55 * stoop + (rng.random() < 0.2) * rng.uniform(5, 30)


def _ankle(leg, name: str, rng) -> float:
    if name in ("jump", "kick", "lie"):
        return rng.uniform(-40, 0)
    flex, _, _, knee = leg
    return float(np.clip(knee - flex, -40, 25)) if name != "run" else rng.uniform(-30, 10)


def _arms(rng, weights: dict, phase: float) -> tuple[Arm, Arm]:
    names = list(weights)
    chance = list(weights.values())
    first = pick(rng, names, chance)
    paired = first in ("folded", "hold", "club", "behind", "swing", "pump") or rng.random() < 0.55
    second = first if paired else pick(rng, names, chance)
    order = (first, second) if rng.random() < 0.5 else (second, first)
    mirrored = rng.random() < 0.6
    left = _arm(rng, order[0], phase)
    right = (
        _arm(rng, order[1], -phase)
        if not (mirrored and order[0] == order[1] and phase == 0)
        else _alike(left, rng)
    )
    return left, right


def _alike(arm: Arm, rng) -> Arm:
    return Arm(
        tuple(angle + rng.normal(0, 5) for angle in arm.angles), arm.target, arm.elbow, arm.raised
    )


def _arm(rng, name: str, phase: float) -> Arm:
    if name in ("swing", "pump"):
        flex = -phase * (28 if name == "swing" else 50) + rng.normal(0, 6)
        elbow = rng.uniform(8, 35) if name == "swing" else rng.uniform(75, 115)
        return Arm(
            (
                flex + (10 if flex > 0 else 0),
                rng.uniform(4, 16),
                rng.uniform(-30, 5),
                elbow + max(0, flex) * 0.3,
            )
        )
    if name in _ARM_GOALS:
        part, offset, spread, elbow = _ARM_GOALS[name]
        goal, elbow = (
            np.asarray(offset) + rng.normal(0, spread, 3),
            np.asarray(elbow) + rng.normal(0, 0.15, 3),
        )
        return Arm(
            target=(part, tuple(goal)), elbow=tuple(elbow), raised=0.5 if name == "nape" else 0.0
        )
    angles = tuple(rng.uniform(low, high) for low, high in _ARM_RANGES[name])
    return Arm(angles, raised=float(np.clip((max(angles[0], angles[1]) - 60) / 100, 0, 1)))


def _mirrored_choice(rng, a, b):
    return (a, b) if rng.random() < 0.5 else (b, a)


def _stand(rng):
    wide = rng.uniform(0, 7) + (rng.random() < 0.2) * rng.uniform(3, 15)
    straight = (rng.normal(0, 3), wide, rng.uniform(-2, 20), rng.uniform(0, 6))
    if rng.random() < 0.5:
        other = (
            rng.normal(2, 3),
            wide + rng.uniform(-2, 3),
            rng.uniform(-2, 20),
            rng.uniform(0, 8),
        )
    else:
        knee = rng.uniform(8, 40)
        other = (knee * rng.uniform(0.4, 0.7), rng.uniform(-6, 14), rng.uniform(0, 30), knee)
    return _mirrored_choice(rng, straight, other), 0.0, 0.0


def _gait(rng, stride: float, knees: tuple[float, float]):
    phase = np.sin(rng.uniform(0, 2 * np.pi))
    flexed = (max(0.0, phase) * stride, max(0.0, -phase) * stride)
    legs = []
    for sign, flex in zip((1, -1), flexed):
        swing = sign * phase * stride
        bent = (
            rng.uniform(*knees)
            if swing < 0 or rng.random() < 0.4
            else rng.uniform(2, knees[1] * 0.5)
        )
        legs.append(
            (swing + 0.35 * bent * (flex > 0), rng.uniform(0, 4), rng.uniform(-5, 12), bent)
        )
    return tuple(legs), float(phase), 0.0


def _walk(rng):
    return _gait(rng, rng.uniform(15, 30), (8, 45))


def _run(rng):
    legs, phase, _ = _gait(rng, rng.uniform(35, 60), (40, 110))
    return legs, phase, rng.uniform(0, 0.12)


def _sit(rng):
    legs = []
    spread, lift = rng.uniform(-3, 25), rng.uniform(-6, 10)
    for _ in range(2):
        legs.append(
            (
                85 + lift + rng.normal(0, 5),
                spread + rng.normal(0, 4),
                rng.uniform(-10, 15),
                rng.uniform(55, 105),
            )
        )
    if rng.random() < 0.2:
        legs[int(rng.integers(2))] = (
            100 + rng.normal(0, 4),
            -14,
            rng.uniform(0, 15),
            rng.uniform(60, 95),
        )
    return tuple(legs), 0.0, 0.0


def _crouch(rng):
    depth = rng.uniform(55, 115)
    if rng.random() < 0.4:
        kneel = (rng.uniform(-5, 15), rng.uniform(0, 8), 0, rng.uniform(85, 105))
        return (
            _mirrored_choice(
                rng, (rng.uniform(80, 100), rng.uniform(0, 15), 5, rng.uniform(80, 100)), kneel
            ),
            0.0,
            0.0,
        )
    knee = min(depth * 1.25, 140)
    legs = tuple(
        (depth + rng.normal(0, 5), rng.uniform(5, 25), rng.uniform(0, 25), knee + rng.normal(0, 4))
        for _ in range(2)
    )
    return legs, 0.0, 0.0


def _lunge(rng):
    front = (rng.uniform(20, 75), rng.uniform(0, 25), rng.uniform(0, 20), rng.uniform(20, 80))
    back = (rng.uniform(-25, 15), rng.uniform(0, 30), rng.uniform(0, 30), rng.uniform(5, 50))
    return _mirrored_choice(rng, front, back), 0.0, 0.0


def _kick(rng):
    kicking = (rng.uniform(20, 100), rng.uniform(-5, 30), rng.uniform(-10, 20), rng.uniform(0, 60))
    standing = (rng.uniform(-10, 8), rng.uniform(0, 8), rng.uniform(0, 15), rng.uniform(3, 25))
    return _mirrored_choice(rng, kicking, standing), 0.0, 0.0


def _jump(rng):
    legs = tuple(
        (rng.uniform(-15, 80), rng.uniform(0, 35), rng.uniform(-5, 25), rng.uniform(5, 110))
        for _ in range(2)
    )
    return legs, 0.0, rng.uniform(0.1, 0.6)


def _ride(rng):
    """Standing as on a skateboard: knees bent, feet apart."""
    flex = rng.uniform(20, 65)
    legs = tuple(
        (
            flex + rng.normal(0, 6),
            rng.uniform(10, 32),
            rng.uniform(0, 25),
            flex * 1.5 + rng.normal(0, 6),
        )
        for _ in range(2)
    )
    return legs, 0.0, float(pick(rng, [0.0, 0.0, rng.uniform(0.1, 0.5)]))


def _lie(rng):
    legs = tuple(
        (rng.uniform(-5, 60), rng.uniform(0, 20), rng.uniform(-5, 30), rng.uniform(0, 80))
        for _ in range(2)
    )
    return legs, 0.0, 0.0


def _stoop(rng):
    legs, phase, jump = _stand(rng)
    return (
        tuple(
            (flex, abduct, twist, knee + rng.uniform(0, 25)) for flex, abduct, twist, knee in legs
        ),
        phase,
        jump,
    )


_LEGS = {
    "stand": _stand,
    "walk": _walk,
    "run": _run,
    "sit": _sit,
    "crouch": _crouch,
    "lunge": _lunge,
    "kick": _kick,
    "jump": _jump,
    "ride": _ride,
    "stoop": _stoop,
    "lie": _lie,
}
