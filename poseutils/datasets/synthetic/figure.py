"""A clothed person over a skeleton: flesh, clothes, head, hair and face as stacks of rings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body import NECK_ROW, TORSO_HEIGHTS, Limb, Skeleton, torso_profile
from .head import add_head, face_points
from .mesh import Mesh, cross, tube
from .palette import Palette, add_cloth, any_color, cloth_color, skin_color

# Half-axes of bare limbs along each bone, in body heights: share of the bone, sideways, to the front.
_UPPER_ARM = np.array([(-0.13, 0.004, 0.004), (-0.10, 0.017, 0.018), (-0.01, 0.027, 0.029), (0.14, 0.031, 0.034), (0.35, 0.029, 0.033), (0.6, 0.026, 0.030), (0.9, 0.024, 0.024)])
_FOREARM = np.array([(0.1, 0.025, 0.024), (0.3, 0.026, 0.024), (0.65, 0.020, 0.019), (1.0, 0.0165, 0.0135)])
_THIGH = np.array([(-0.08, 0.040, 0.045), (0.05, 0.050, 0.054), (0.3, 0.049, 0.052), (0.6, 0.041, 0.044), (0.9, 0.033, 0.036)])
_SHIN = np.array([(0.1, 0.031, 0.033), (0.32, 0.033, 0.034), (0.65, 0.024, 0.025), (1.0, 0.019, 0.021)])
HIDDEN_HEM = 9.0


@dataclass(frozen=True)
class Outfit:
    """Materials by index, and where garments end.

    Sleeves and trouser legs end at a share of the limb: 0 at its root, 1 at the middle joint, 2 at the end, above 2 at the very end.
    ``shirt_row`` and ``collar_row`` are rings of the torso; ``skirt`` is how far it reaches down the legs, 0 for none.
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
    skirt_material: int
    loose_top: float
    loose_leg: float


def sample_outfit(rng: np.random.Generator, palette: Palette, feminine: float) -> tuple[Outfit, np.ndarray]:
    """Random clothes for the weather and the occasion; also the (3,) colour of the skin."""
    color = skin_color(rng)
    skin = palette.add(color, gloss=0.10)
    top_color, bottom_color = cloth_color(rng), cloth_color(rng)
    front = ("print", "zip")[rng.integers(2)] if rng.random() < 0.3 else None
    top, sleeve = add_cloth(palette, rng, top_color, 0.45, front)
    bottom = palette.add(np.clip(np.array((50, 65, 100)) * rng.uniform(0.5, 1.8), 0, 255), rough=0.12) if rng.random() < 0.3 else \
        add_cloth(palette, rng, bottom_color, 0.15)[0]
    sleeves = rng.choice([0.06, rng.uniform(0.35, 0.75), 1.3, 1.95, 2.0], p=[0.1, 0.43, 0.05, 0.1, 0.32])
    legs = rng.choice([rng.uniform(0.3, 0.95), 1.6, 1.97], p=[0.3, 0.05, 0.65])
    skirt, skirt_material = 0.0, bottom
    if feminine > 0.5 and rng.random() < 0.28:
        skirt, legs = rng.uniform(0.5, 1.7), 0.05
        skirt_material, leg = (top, skin) if rng.random() < 0.5 else (bottom, skin if rng.random() < 0.75 else palette.add(any_color(rng, (0, 0.5), (0.1, 0.6))))
        bottom = skirt_material
    else:
        leg = bottom
    if rng.random() < 0.05:
        top = sleeve = bottom = leg = add_cloth(palette, rng, top_color, 0.2)[0]
    bare = rng.random() < 0.035 and feminine < 0.5
    if bare:
        top = sleeve = skin
    shoe_color = cloth_color(rng)
    shoe = skin if rng.random() < 0.08 else palette.add(shoe_color, gloss=0.15)
    sole = shoe if shoe == skin else palette.add(rng.choice([235, 40, 120]) * np.ones(3))
    glove = palette.add(cloth_color(rng)) if rng.random() < 0.04 else skin
    outfit = Outfit(skin, top, sleeve, bottom, leg, shoe, sole, glove, float(sleeves), float(legs), int(rng.choice([2, 3, 3, 4])),
                    10 + int(rng.random() > 0.15 * feminine) + int(rng.random() < 0.5), skirt, skirt_material, 0.0 if bare else rng.uniform(0.004, 0.018), rng.uniform(0.003, 0.016))
    return outfit, color


def add_person(mesh: Mesh, palette: Palette, rng, skeleton: Skeleton, owner: int, detailed: bool) -> np.ndarray:
    """Draws a dressed person into the mesh, the face in detail or not, and returns its (17, 3) COCO keypoints in world coordinates."""
    outfit, color = sample_outfit(rng, palette, skeleton.build.feminine)
    _add_torso(mesh, skeleton, outfit, owner)
    for i in range(2):
        _add_leg(mesh, skeleton, outfit, skeleton.legs[i], skeleton.feet[i], owner)
        _add_arm(mesh, skeleton, outfit, skeleton.arms[i], (1, -1)[i], owner)
    if outfit.skirt:
        _add_skirt(mesh, skeleton, outfit, outfit.skirt, outfit.skirt_material, owner)
    add_head(mesh, palette, rng, skeleton, outfit, color, owner, detailed)
    left_arm, right_arm = skeleton.arms
    left_leg, right_leg = skeleton.legs
    joints = [left_arm.root, right_arm.root, left_arm.middle, right_arm.middle, left_arm.end, right_arm.end,
              left_leg.root, right_leg.root, left_leg.middle, right_leg.middle, left_leg.end, right_leg.end]
    return np.concatenate([face_points(skeleton), joints])


def _add_torso(mesh: Mesh, skeleton: Skeleton, outfit: Outfit, owner: int) -> None:
    width, depth, forward = torso_profile(skeleton.build)
    rows = np.arange(len(TORSO_HEIGHTS))
    dressed = (rows >= outfit.shirt_row) & (rows <= outfit.collar_row)
    loose = np.where(dressed, outfit.loose_top, 0.004) * (rows < NECK_ROW - 1)
    center = skeleton.spine + skeleton.spine_front * forward[:, None]
    quads = rows[:-1]
    material = np.where(quads < outfit.shirt_row, outfit.bottom, np.where(quads < outfit.collar_row, outfit.top, outfit.skin))
    mesh.add_rings(center, skeleton.spine_front * (depth + loose)[:, None], skeleton.spine_left * (width + loose)[:, None], material, owner)
    neck = skeleton.build.height * (0.0285 + 0.004 * (1 - skeleton.build.feminine)) * np.array([1.45, 1.1, 0.98, 1.0])
    base, top = skeleton.spine[-1], skeleton.head_center - skeleton.head[:, 1] * (0.16 * skeleton.build.head) - skeleton.head[:, 2] * (0.1 * skeleton.build.head)
    path = base + np.array([-0.22, 0.12, 0.5, 1.0])[:, None] * (top - base)
    collar = outfit.top if outfit.collar_row == NECK_ROW else outfit.skin
    mesh.add_rings(*tube(path, skeleton.chest[:, 2], neck, neck), [collar, outfit.skin, outfit.skin], owner)


def _limb_rings(limb: Limb, upper: np.ndarray, lower: np.ndarray, size: float, hem: float, loose: float):
    """Rings along a limb, bent round at its middle joint; the garment ends at ``hem`` with a step."""
    share = np.concatenate([upper[:, 0], 1 + lower[:, 0]])
    axes = np.concatenate([upper[:, 1:], lower[:, 1:]])
    if hem < 2:
        share = np.sort(np.concatenate([share, [hem, hem + 0.012]]))
        axes = np.stack([np.interp(share, np.concatenate([upper[:, 0], 1 + lower[:, 0]]), axes[:, i]) for i in range(2)], axis=1)
    dressed = share <= hem
    along = np.clip(share, None, 1)[:, None] * (limb.middle - limb.root) + np.clip(share - 1, 0, None)[:, None] * (limb.end - limb.middle)
    radius = axes * size + (dressed * loose * (0.2 + 0.8 * np.clip(share / 0.6, 0, 1)))[:, None]
    blend = np.clip((share - 0.8) / 0.4, 0, 1)[:, None]
    front = (1 - blend) * limb.front + blend * limb.lower_front
    return tube(limb.root + along, front, radius[:, 0], radius[:, 1]), dressed[1:]


def _add_arm(mesh: Mesh, skeleton: Skeleton, outfit: Outfit, arm: Limb, side: int, owner: int) -> None:
    build = skeleton.build
    size = build.height * build.limb_girth * (1 - 0.12 * build.feminine)
    rings, dressed = _limb_rings(arm, _UPPER_ARM, _FOREARM, size, outfit.sleeves, outfit.loose_top)
    mesh.add_rings(*rings, np.where(dressed, outfit.sleeve, outfit.skin), owner)
    _add_hand(mesh, skeleton, outfit.glove, arm, side, owner)


def _add_hand(mesh: Mesh, skeleton: Skeleton, material: int, arm: Limb, side: int, owner: int) -> None:
    length = skeleton.build.hand
    along = _unit(arm.end - arm.middle)
    palm = _unit(arm.lower_front - along * (arm.lower_front @ along))
    share = np.array([-0.08, 0.12, 0.4, 0.62, 0.85, 1.0])
    curl = np.square(np.clip(share, 0, 1))[:, None] * palm * (0.22 * length)
    path = arm.end + share[:, None] * along * length * 0.95 + curl
    across = cross(along, palm)
    width, depth = length * np.array([0.14, 0.17, 0.23, 0.22, 0.16, 0.04]), length * np.array([0.12, 0.12, 0.12, 0.10, 0.07, 0.03])
    mesh.add_rings(*tube(path, across, depth, width), material, owner)
    thumb = arm.end + np.array([0.1, 0.3, 0.5, 0.62])[:, None] * along * length + np.array([0.08, 0.25, 0.33, 0.34])[:, None] * palm * length
    radius = length * np.array([0.09, 0.085, 0.07, 0.02])
    mesh.add_rings(*tube(thumb, across, radius, radius), material, owner)


def _add_leg(mesh: Mesh, skeleton: Skeleton, outfit: Outfit, leg: Limb, toes: np.ndarray, owner: int) -> None:
    build = skeleton.build
    size = build.height * build.limb_girth * (1 + 0.04 * build.feminine)
    rings, dressed = _limb_rings(leg, _THIGH, _SHIN, size, outfit.legs, outfit.loose_leg)
    mesh.add_rings(*rings, np.where(dressed, outfit.bottom, outfit.leg if outfit.skirt else outfit.skin), owner)
    _add_foot(mesh, build.foot, outfit, leg, toes, owner)


def _add_foot(mesh: Mesh, length: float, outfit: Outfit, leg: Limb, toes: np.ndarray, owner: int) -> None:
    up = _unit((leg.middle - leg.end) - toes * ((leg.middle - leg.end) @ toes))
    share = np.array([-0.30, -0.26, -0.12, 0.08, 0.30, 0.52, 0.66, 0.72])
    height = np.array([0.03, 0.15, 0.20, 0.185, 0.125, 0.095, 0.07, 0.02])
    width = np.array([0.05, 0.12, 0.145, 0.15, 0.175, 0.185, 0.15, 0.04])
    floor = leg.end - up * (0.25 * length)
    path = floor + share[:, None] * toes * length + height[:, None] * up * length
    mesh.add_rings(*tube(path, up, width * length, height * length), outfit.shoe, owner)
    if outfit.sole != outfit.shoe:
        sole = floor + share[1:-1, None] * toes * length + 0.03 * up * length
        mesh.add_rings(*tube(sole, up, 1.06 * width[1:-1] * length, np.full(6, 0.04) * length), outfit.sole, owner)


def _add_skirt(mesh: Mesh, skeleton: Skeleton, outfit: Outfit, reach: float, material: int, owner: int) -> None:
    """From the waist over the hips, then a ring round both legs at each of a few heights."""
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
        side = apart / 2 + _unit(apart) * flare
        down = middle - center[-1]
        facing = _unit(cross(side, -down))
        center.append(middle)
        left.append(side)
        front.append(facing * flare * 1.15)
    mesh.add_rings(np.array(center)[::-1], np.array(front)[::-1], np.array(left)[::-1], material, owner)


def _along(limb: Limb, share: float) -> np.ndarray:
    return limb.root + min(share, 1) * (limb.middle - limb.root) + max(share - 1, 0) * (limb.end - limb.middle)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(np.sqrt(vector @ vector), 1e-9)
