"""The surface of a clothed person around a skeleton: body, clothes, head, hair and face as stacks
of rings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body import NECK_ROW, TORSO_HEIGHTS, Limb, Skeleton, torso_profile
from .chance import pick
from .head import add_head, face_points
from .mesh import Mesh, cross, tube, unit
from .palette import Palette, add_cloth, any_color, cloth_color, skin_color

# Half-axes of bare limbs along each bone, in body heights: share of the bone, sideways, to the
# front.
_UPPER_ARM = np.array(
    [
        (-0.13, 0.004, 0.004),
        (-0.10, 0.017, 0.018),
        (-0.01, 0.027, 0.029),
        (0.14, 0.031, 0.034),
        (0.35, 0.029, 0.033),
        (0.6, 0.026, 0.030),
        (0.9, 0.024, 0.024),
    ]
)
_FOREARM = np.array(
    [(0.1, 0.025, 0.024), (0.3, 0.026, 0.024), (0.65, 0.020, 0.019), (1.0, 0.0165, 0.0135)]
)
_THIGH = np.array(
    [
        (-0.08, 0.040, 0.045),
        (0.05, 0.050, 0.054),
        (0.3, 0.049, 0.052),
        (0.6, 0.041, 0.044),
        (0.9, 0.033, 0.036),
    ]
)
_SHIN = np.array(
    [(0.1, 0.031, 0.033), (0.32, 0.033, 0.034), (0.65, 0.024, 0.025), (1.0, 0.019, 0.021)]
)
# Hands: share of the length, half width, half depth; thumbs: along the hand, towards the palm,
# radius; in hand lengths.
_HAND = np.array(
    [
        (-0.08, 0.14, 0.12),
        (0.12, 0.17, 0.12),
        (0.4, 0.23, 0.12),
        (0.62, 0.22, 0.10),
        (0.85, 0.16, 0.07),
        (1.0, 0.04, 0.03),
    ]
)
_THUMB = np.array([(0.1, 0.08, 0.09), (0.3, 0.25, 0.085), (0.5, 0.33, 0.07), (0.62, 0.34, 0.02)])
# Shoes: from heel to toe, height of the middle (and half height), half width; in foot lengths, the
# ankle at 0.
_FOOT = np.array(
    [
        (-0.30, 0.03, 0.05),
        (-0.26, 0.15, 0.12),
        (-0.12, 0.20, 0.145),
        (0.08, 0.185, 0.15),
        (0.30, 0.125, 0.175),
        (0.52, 0.095, 0.185),
        (0.66, 0.07, 0.15),
        (0.72, 0.02, 0.04),
    ]
)
_DENIM = np.array((50, 65, 100))
_LIMB_PARTS = ("root", "middle", "end", "front", "lower_front")


@dataclass(frozen=True)
class Outfit:
    """Materials by index, and the lengths of garments.

    Sleeves and trouser legs end at a position along the limb: 0 at its root, 1 at the middle joint,
    2 at the end. ``shirt_row`` and ``collar_row`` are rings of the torso; ``skirt`` is its length
    along the legs, 0 for none.
    """

    skin: int
    top: int
    sleeve: int
    bottom: int
    leg: int
    shoe: int
    sole: int
    glove: int
    sleeves: float
    legs: float
    shirt_row: int
    collar_row: int
    skirt: float
    loose_top: float
    loose_leg: float


def sample_outfit(
    rng: np.random.Generator, palette: Palette, feminine: float
) -> tuple[Outfit, np.ndarray]:
    """Random clothes, and the (3,) color of the skin."""
    color = skin_color(rng)
    skin = palette.add(color, gloss=0.10)
    bare = rng.random() < 0.035 and feminine < 0.5
    top, sleeve = (skin, skin) if bare else _sample_top(rng, palette)
    bottom = top if rng.random() < 0.05 else _sample_bottom(rng, palette)
    leg, skirt, trousers = (
        bottom,
        0.0,
        pick(rng, [rng.uniform(0.3, 0.95), 1.6, 1.97], [0.3, 0.05, 0.65]),
    )
    if feminine > 0.5 and rng.random() < 0.28:
        skirt, trousers = rng.uniform(0.5, 1.7), 0.4
        bottom = pick(rng, [top, bottom])
        leg = skin if rng.random() < 0.8 else palette.add(any_color(rng, (0, 0.5), (0.1, 0.6)))
    shoe = skin if rng.random() < 0.08 else palette.add(cloth_color(rng), gloss=0.15)
    sole = shoe if shoe == skin else palette.add(pick(rng, [235, 40, 120]) * np.ones(3))
    outfit = Outfit(
        skin=skin,
        top=top,
        sleeve=sleeve,
        bottom=bottom,
        leg=leg,
        shoe=shoe,
        sole=sole,
        glove=palette.add(cloth_color(rng)) if rng.random() < 0.04 else skin,
        sleeves=pick(
            rng, [0.06, rng.uniform(0.35, 0.75), 1.3, 1.95, 2.0], [0.1, 0.43, 0.05, 0.1, 0.32]
        ),
        legs=trousers,
        shirt_row=pick(rng, [2, 3, 3, 4]),
        collar_row=10 + int(rng.random() > 0.15 * feminine) + int(rng.random() < 0.5),
        skirt=skirt,
        loose_top=0.0 if bare else rng.uniform(0.004, 0.018),
        loose_leg=rng.uniform(0.003, 0.016),
    )
    return outfit, color


def _sample_top(rng, palette: Palette) -> tuple[int, int]:
    front = pick(rng, ["print", "zip"]) if rng.random() < 0.3 else None
    return add_cloth(palette, rng, cloth_color(rng), 0.45, front)


def _sample_bottom(rng, palette: Palette) -> int:
    if rng.random() < 0.3:
        return palette.add(_DENIM * rng.uniform(0.5, 1.8), rough=0.12)
    return add_cloth(palette, rng, cloth_color(rng), 0.15)[0]


def add_person(
    mesh: Mesh, palette: Palette, rng, skeleton: Skeleton, owner: int, detailed: bool
) -> np.ndarray:
    """Adds a dressed person to the mesh and returns the (17, 3) COCO keypoints in world
    coordinates."""
    outfit, color = sample_outfit(rng, palette, skeleton.build.feminine)
    _add_torso(mesh, skeleton, outfit, owner)
    _add_legs(mesh, skeleton, outfit, owner)
    _add_arms(mesh, skeleton, outfit, owner)
    if outfit.skirt:
        _add_skirt(mesh, skeleton, outfit.skirt, outfit.bottom, owner)
    add_head(mesh, palette, rng, skeleton, outfit, color, owner, detailed)
    left_arm, right_arm = skeleton.arms
    left_leg, right_leg = skeleton.legs
    joints = [
        left_arm.root,
        right_arm.root,
        left_arm.middle,
        right_arm.middle,
        left_arm.end,
        right_arm.end,
        left_leg.root,
        right_leg.root,
        left_leg.middle,
        right_leg.middle,
        left_leg.end,
        right_leg.end,
    ]
    return np.concatenate([face_points(skeleton), joints])


def _add_torso(mesh: Mesh, skeleton: Skeleton, outfit: Outfit, owner: int) -> None:
    width, depth, forward = torso_profile(skeleton.build)
    rows = np.arange(len(TORSO_HEIGHTS))
    dressed = (rows >= outfit.shirt_row) & (rows <= outfit.collar_row)
    loose = np.where(dressed, outfit.loose_top, 0.004) * (rows < NECK_ROW - 1)
    center = skeleton.spine + skeleton.spine_front * forward[:, None]
    quads = rows[:-1]
    material = np.where(
        quads < outfit.shirt_row,
        outfit.bottom,
        np.where(quads < outfit.collar_row, outfit.top, outfit.skin),
    )
    mesh.add_rings(
        center,
        skeleton.spine_front * (depth + loose)[:, None],
        skeleton.spine_left * (width + loose)[:, None],
        material,
        owner,
    )
    neck = (
        skeleton.build.height
        * (0.0285 + 0.004 * (1 - skeleton.build.feminine))
        * np.array([1.45, 1.1, 0.98, 1.0])
    )
    base = skeleton.spine[-1]
    top = (
        skeleton.head_center
        - (0.16 * skeleton.head[:, 1] + 0.1 * skeleton.head[:, 2]) * skeleton.build.head
    )
    path = base + np.array([-0.22, 0.12, 0.5, 1.0])[:, None] * (top - base)
    collar = outfit.top if outfit.collar_row == NECK_ROW else outfit.skin
    mesh.add_rings(
        *tube(path, skeleton.chest[:, 2], neck, neck), [collar, outfit.skin, outfit.skin], owner
    )


def _limb_rings(
    limbs: tuple[Limb, Limb],
    upper: np.ndarray,
    lower: np.ndarray,
    size: float,
    hem: float,
    loose: float,
):
    """Rings along both arms or both legs, bent at the middle joint; the garment ends at ``hem``
    with a step."""
    share = np.concatenate([upper[:, 0], 1 + lower[:, 0]])
    axes = np.concatenate([upper[:, 1:], lower[:, 1:]])
    if hem < 2:
        hemmed = np.sort(np.concatenate([share, [hem, hem + 0.012]]))
        axes = np.stack([np.interp(hemmed, share, axes[:, i]) for i in range(2)], axis=1)
        share = hemmed
    dressed = share <= hem
    radius = axes * size + (dressed * loose * (0.2 + 0.8 * np.clip(share / 0.6, 0, 1)))[:, None]
    root, middle, end, front, lower_front = (
        np.array([getattr(limb, name) for limb in limbs])[:, None] for name in _LIMB_PARTS
    )
    path = (
        root
        + np.minimum(share, 1)[:, None] * (middle - root)
        + np.maximum(share - 1, 0)[:, None] * (end - middle)
    )
    blend = np.clip((share - 0.8) / 0.4, 0, 1)[:, None]
    return tube(
        path, (1 - blend) * front + blend * lower_front, radius[:, 0], radius[:, 1]
    ), dressed[1:]


def _add_arms(mesh: Mesh, skeleton: Skeleton, outfit: Outfit, owner: int) -> None:
    build = skeleton.build
    size = build.height * build.limb_girth * (1 - 0.12 * build.feminine)
    tubes, dressed = _limb_rings(
        skeleton.arms, _UPPER_ARM, _FOREARM, size, outfit.sleeves, outfit.loose_top
    )
    mesh.add_tubes(tubes, np.where(dressed, outfit.sleeve, outfit.skin), owner)
    _add_hands(mesh, skeleton, outfit.glove, owner)


def _add_hands(mesh: Mesh, skeleton: Skeleton, material: int, owner: int) -> None:
    """Hands as mittens with a thumb, slightly bent."""
    length = skeleton.build.hand
    wrist = np.array([arm.end for arm in skeleton.arms])[:, None]
    along = unit(wrist - np.array([arm.middle for arm in skeleton.arms])[:, None])
    palm = np.array([arm.lower_front for arm in skeleton.arms])[:, None]
    palm = unit(palm - along * (palm * along).sum(axis=-1, keepdims=True))
    across = cross(along, palm)
    path = wrist + length * (
        _HAND[:, :1] * 0.95 * along + 0.22 * np.square(np.maximum(_HAND[:, :1], 0)) * palm
    )
    mesh.add_tubes(tube(path, across, length * _HAND[:, 2], length * _HAND[:, 1]), material, owner)
    path = wrist + length * (_THUMB[:, :1] * along + _THUMB[:, 1:2] * palm)
    mesh.add_tubes(
        tube(path, across, length * _THUMB[:, 2], length * _THUMB[:, 2]), material, owner
    )


def _add_legs(mesh: Mesh, skeleton: Skeleton, outfit: Outfit, owner: int) -> None:
    build = skeleton.build
    size = build.height * build.limb_girth * (1 + 0.04 * build.feminine)
    tubes, dressed = _limb_rings(skeleton.legs, _THIGH, _SHIN, size, outfit.legs, outfit.loose_leg)
    mesh.add_tubes(
        tubes, np.where(dressed, outfit.bottom, outfit.leg if outfit.skirt else outfit.skin), owner
    )
    _add_feet(mesh, skeleton, outfit, owner)


def _add_feet(mesh: Mesh, skeleton: Skeleton, outfit: Outfit, owner: int) -> None:
    length = skeleton.build.foot
    ankle = np.array([leg.end for leg in skeleton.legs])[:, None]
    shin = np.array([leg.middle for leg in skeleton.legs])[:, None] - ankle
    toes = np.array(skeleton.feet)[:, None]
    up = unit(shin - toes * (shin * toes).sum(axis=-1, keepdims=True))
    path = ankle + length * ((_FOOT[:, 1:2] - 0.25) * up + _FOOT[:, :1] * toes)
    mesh.add_tubes(tube(path, up, length * _FOOT[:, 2], length * _FOOT[:, 1]), outfit.shoe, owner)
    if outfit.sole != outfit.shoe:
        path = ankle + length * (_FOOT[1:-1, :1] * toes - 0.22 * up)
        mesh.add_tubes(
            tube(path, up, 1.06 * length * _FOOT[1:-1, 2], np.full(len(_FOOT) - 2, 0.04 * length)),
            outfit.sole,
            owner,
        )


def _add_skirt(mesh: Mesh, skeleton: Skeleton, reach: float, material: int, owner: int) -> None:
    """Rings from the waist over the hips, then around both legs at a few heights."""
    width, depth, forward = torso_profile(skeleton.build)
    rows = np.array([4, 3, 2])
    center = list(skeleton.spine[rows] + skeleton.spine_front[rows] * forward[rows, None])
    front = list(skeleton.spine_front[rows] * (depth[rows, None] + 0.012))
    left = list(skeleton.spine_left[rows] * (width[rows, None] + 0.012))
    for share in np.linspace(0.25, 1, 4) * reach:
        points = [_along(leg, share) for leg in skeleton.legs]
        middle = (points[0] + points[1]) / 2
        apart = points[0] - points[1]
        flare = skeleton.build.height * (0.055 + 0.02 * share) * skeleton.build.girth
        side = apart / 2 + unit(apart) * flare
        down = middle - center[-1]
        facing = unit(cross(side, -down))
        center.append(middle)
        left.append(side)
        front.append(facing * flare * 1.15)
    mesh.add_rings(
        np.array(center)[::-1], np.array(front)[::-1], np.array(left)[::-1], material, owner
    )


def _along(limb: Limb, share: float) -> np.ndarray:
    return (
        limb.root
        + min(share, 1) * (limb.middle - limb.root)
        + max(share - 1, 0) * (limb.end - limb.middle)
    )
