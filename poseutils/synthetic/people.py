"""Renders synthetic people, and a video of one who walks, from a seed, with exact keypoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from ..keypoints import COCO17, HEAD_NAMES
from .background import paint_background
from .body import Build, Skeleton, place, rotation, sample_build
from .chance import pick
from .drawing import FINE, Camera, Layer, draw_surface
from .figure import add_person
from .mesh import Mesh
from .motions import Arm, Pose, sample_pose
from .palette import Palette
from .scene import add_prop, add_seat, add_things, sample_camera, sample_light

VERSION = 6
"""Version of the renderer, so that cached images of an older one are not reused."""
_LEAST_AREA = 40  # visible square pixels below which a person is not annotated
_NOISE_SLACK = 64
_HEAD = np.isin(COCO17.names, HEAD_NAMES)
_DETAILED_HEAD = (
    15  # height of a head in pixels from which the white of the eyes and the mouth are rendered
)
# Depth of keypoints below the surface of their own person up to which they count as visible, in
# heights of a slim body.
_UNDER = np.array(
    [
        0.02,
        0.012,
        0.012,
        0.016,
        0.016,
        0.065,
        0.065,
        0.045,
        0.045,
        0.035,
        0.035,
        0.095,
        0.095,
        0.055,
        0.055,
        0.04,
        0.04,
    ]
)

Person = tuple[np.ndarray, Skeleton, Pose]
"""Origin (the center of the hips in the world, (3,)), skeleton and pose."""


def render_people(
    seed: int | Sequence[int], size: int = 256
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Renders one to three people in a random scene; the same seed and size give the same bytes.

    Args:
        seed: any non-negative integer, or a sequence of them.
        size: width and height of the image in pixels.

    Returns:
        image: (size, size, 3) uint8 RGB.
        keypoints: (N, 17, 3) float32 x, y in pixels (the center of the first pixel is (0.5, 0.5))
            and visibility: 2 visible, 1 hidden, 0 not labeled, with x and y 0. Not labeled are
            keypoints outside the image, and nose, eyes and ears occluded by their own person, as in
            COCO's annotations. Left is the person's left.
        boxes: (N, 4) float32 x0, y0, x1, y1 around the visible part of each person.
        areas: (N,) float32 visible area of each person in square pixels.
    """
    rng = np.random.default_rng(seed)
    count = pick(rng, [1, 2, 3], [0.78, 0.15, 0.07])
    people = [_sample_person(rng, i) for i in range(count)]
    return render_scene(rng, people, _framed(rng, people), people[0][0], size)


def render_scene(
    rng: np.random.Generator,
    people: Sequence[Person],
    framed: np.ndarray,
    middle: np.ndarray,
    size: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """An image of these people, as :func:`render_people` returns it, in a random scene around
    ``middle`` (3,), whose camera frames the points ``framed`` (P, 3)."""
    mesh, palette = Mesh(), Palette()
    camera = sample_camera(rng, framed, size)
    light = sample_light(rng)
    points = []
    for owner, (origin, skeleton, pose) in enumerate(people, start=1):
        head_pixels = skeleton.build.head * camera.focal / np.linalg.norm(camera.position - origin)
        points.append(
            _stand(mesh, palette, rng, origin, skeleton, pose, owner, head_pixels > _DETAILED_HEAD)
        )
    way = camera.position - middle
    add_things(
        mesh,
        palette,
        rng,
        middle * (1, 0, 1),
        way * (1, 0, 1) / np.linalg.norm(way * (1, 0, 1)),
    )
    canvas = paint_background(rng, camera, light, middle[2], [person[:2] for person in people])
    layer = draw_surface(mesh.surface(), camera, light, palette.table(), canvas)
    keypoints, boxes, areas = _annotate(
        layer, camera, np.array(points), [person[1].build for person in people]
    )
    return _photograph(rng, canvas), keypoints, boxes, areas


def _sample_person(rng, index: int) -> Person:
    """A random person in a random pose; the first stands at the origin."""
    build = sample_build(rng)
    pose = sample_pose(rng)
    spot = (
        np.zeros(3)
        if index == 0
        else np.array(
            [pick(rng, [-1, 1]) * rng.uniform(0.25, 0.9) * index, 0, rng.uniform(-1.6, 0.5)]
        )
    )
    return standing(build, pose, spot)


def standing(build: Build, pose: Pose, spot: np.ndarray) -> Person:
    """A person whose hips are above a spot (3,) of the ground, with the lowest part of the body on
    the ground."""
    skeleton = place(build, pose)
    legs = [leg.end[1] - 0.045 * build.height for leg in skeleton.legs] + [
        leg.middle[1] - 0.035 * build.height for leg in skeleton.legs
    ]
    trunk = [
        skeleton.spine[0][1] - 0.03 * build.height,
        *(skeleton.spine[3:10, 1] - 0.07 * build.height),
    ]
    body = trunk + [skeleton.head_center[1] - 0.5 * build.head]
    arms = [arm.end[1] - 0.02 * build.height for arm in skeleton.arms] + [
        arm.middle[1] - 0.03 * build.height for arm in skeleton.arms
    ]
    lowest = min(legs + body + arms)
    return spot + np.array([0, pose.jump - lowest, 0]), skeleton, pose


def _framed(rng, people) -> np.ndarray:
    """(P, 3) points that the camera frames: mostly the whole first person, or all people; sometimes
    an upright person only down to the knees, hips or chest."""
    if len(people) > 1 and rng.random() < 0.6:
        return np.concatenate([outline(person) for person in people])
    whole = outline(people[0])
    kind = rng.random()
    lying = people[0][2].base[1, 1] < 0.7
    if kind < 0.62 or lying:
        return whole
    return whole[: {0: 14, 1: 10, 2: 6}[min(int((kind - 0.62) / 0.38 * 3), 2)]]


def outline(person: Person) -> np.ndarray:
    """Points of a person, ordered from the head down."""
    origin, skeleton, _ = person
    head = skeleton.head_center + skeleton.build.head * 0.6 * np.concatenate(
        [skeleton.head.T[:2], -skeleton.head.T[:1]]
    )
    arms = [skeleton.arms[i].root for i in range(2)] + [skeleton.spine[6]]
    hips = [skeleton.arms[i].middle for i in range(2)] + [leg.root for leg in skeleton.legs]
    knees = [skeleton.arms[i].end for i in range(2)] + [leg.middle for leg in skeleton.legs]
    feet = [
        leg.end + foot * 0.7 * skeleton.build.foot
        for leg, foot in zip(skeleton.legs, skeleton.feet)
    ]
    hands = [arm.end + (arm.end - arm.middle) * 0.5 for arm in skeleton.arms]
    return np.concatenate([head, arms, hips, knees, feet, hands]) + origin


def _stand(
    mesh: Mesh, palette: Palette, rng, origin, skeleton, pose, owner: int, detailed: bool
) -> np.ndarray:
    """Adds a person at their origin, with a seat if sitting, and sometimes a prop in a hand;
    returns (17, 3) keypoints."""
    start = len(mesh.stacks)
    points = add_person(mesh, palette, rng, skeleton, owner, detailed) + origin
    mesh.stacks[start:] = [(stack[0] + origin, *stack[1:]) for stack in mesh.stacks[start:]]
    if pose.seat and rng.random() < 0.9:
        add_seat(
            mesh, palette, rng, origin, pose.base[:, 2], pose.base[:, 0], skeleton.build.height
        )
    if rng.random() < 0.22:
        arm = skeleton.arms[rng.integers(2)]
        along = (arm.end - arm.middle) / np.linalg.norm(arm.end - arm.middle)
        add_prop(
            mesh,
            palette,
            rng,
            origin + arm.end + along * 0.6 * skeleton.build.hand,
            along,
            skeleton.build.height,
        )
    return points


def _annotate(layer: Layer, camera: Camera, points: np.ndarray, builds: list):
    flat, depth = camera.project(points)
    keypoints, boxes, areas = [], [], []
    for i, build in enumerate(builds):
        mask = layer.owner == i + 1
        area = np.count_nonzero(mask) / FINE**2
        if area < _LEAST_AREA:
            continue
        visibility = _visibility(
            layer, i + 1, flat[i], depth[i] - _UNDER * build.height * max(build.girth, 1)
        )
        inside = visibility > 0
        keypoints.append(np.concatenate([flat[i] * inside[:, None], visibility[:, None]], axis=1))
        columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        boxes.append(np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / FINE)
        areas.append(area)
    shaped = (
        np.array(keypoints).reshape(-1, 17, 3),
        np.array(boxes).reshape(-1, 4),
        np.array(areas),
    )
    return tuple(array.astype(np.float32) for array in shaped)


def _visibility(layer: Layer, owner: int, flat: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """(17,) visibility: 2 if a pixel next to the keypoint shows this person's surface at about its
    depth, else 1; 0 outside the image, and for keypoints of the head behind the person's own
    surface."""
    limit = layer.quad.shape[0]
    place = np.floor(flat * FINE).astype(int)
    inside = ((place >= 0) & (place < limit)).all(axis=1)
    seen = np.zeros(len(flat), bool)
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            x, y = np.clip(place + (dx, dy), 0, limit - 1).T
            seen |= (layer.owner[y, x] == owner) & (layer.depth_of_quad[layer.quad[y, x]] >= reach)
    column, row = np.clip(place, 0, limit - 1).T
    turned_away = _HEAD & ~seen & (layer.owner[row, column] == owner)
    return np.where(inside & ~turned_away, 1 + seen, 0)


def _photograph(rng, canvas: np.ndarray) -> np.ndarray:
    """Camera effects: exposure towards medium brightness, color cast, vignette, blur and noise."""
    size = canvas.shape[0]
    exposure = (rng.uniform(75, 150) / max(float(canvas.mean()), 8)) ** rng.uniform(0.3, 0.9)
    contrast = rng.normal(1, 0.08)
    if rng.random() < 0.06:
        canvas = np.repeat(canvas.mean(axis=2, keepdims=True), 3, axis=2)
    if rng.random() < 0.3:
        ramp = np.square(np.linspace(-1, 1, size, dtype=np.float32))
        canvas *= (1 - np.float32(rng.uniform(0.05, 0.25)) * (ramp[:, None] + ramp))[..., None]
    canvas *= (rng.normal(1, 0.04, 3) * exposure * contrast).astype(np.float32)
    canvas += np.float32(rng.normal(120 * (1 - contrast), 8))
    row, column = rng.integers(0, _NOISE_SLACK, 2)
    canvas += (
        np.float32(rng.uniform(0.5, 6))
        * _white_noise(size)[row : row + size, column : column + size]
    )
    image = Image.fromarray(np.clip(canvas, 0, 255, out=canvas).astype(np.uint8))
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.BoxBlur(float(rng.uniform(0.3, 1.0))))
    return np.asarray(image)


@lru_cache(maxsize=2)
def _white_noise(size: int) -> np.ndarray:
    """White noise with unit standard deviation, larger than the image, of which each image takes a
    random crop."""
    return np.random.default_rng(7).standard_normal(
        (size + _NOISE_SLACK, size + _NOISE_SLACK, 3), dtype=np.float32
    )


# ---------------------------------------------------------------- a walk

_SPEED, _CYCLE = 1.2, 1.1  # meters a second; seconds for two steps
_HEADING = 50.0  # degrees from the camera


def render_walk(
    frames: int, seed: int = 0, size: int = 256, rate: float = 25.0
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Renders a person who walks across the image, frame by frame, in a random scene with a fixed
    camera; the same arguments give the same bytes.

    Args:
        frames: how many.
        seed: of the person and the scene.
        size: width and height in pixels.
        rate: frames a second.

    Returns:
        For each frame image, keypoints, boxes and areas, as
        :func:`render_people` returns them.
    """
    times = (np.arange(frames) - (frames - 1) / 2) / rate
    path = np.concatenate([outline(_walker(np.random.default_rng(seed), t)) for t in times])
    for t in times:
        rng = np.random.default_rng(seed)  # the same person and scene in each frame
        yield render_scene(rng, [_walker(rng, t)], path, path.mean(axis=0), size)


def _walker(rng: np.random.Generator, seconds: float) -> Person:
    pose = _walking(2 * np.pi * seconds / _CYCLE)
    return standing(sample_build(rng), pose, pose.base[:, 2] * _SPEED * seconds)


def _walking(phase: float) -> Pose:
    """The pose at a phase of the gait in radians, in which two steps are a turn."""
    left, right = _leg(phase), _leg(phase + np.pi)
    return Pose(
        base=rotation(y=_HEADING),
        lean=3,
        roll=0,
        bend=2,
        side=0,
        twist=4 * np.sin(phase),
        nod=0,
        tilt=0,
        turn=0,
        arms=(_arm(phase + np.pi), _arm(phase)),
        legs=(left, right),
        ankles=(0, 0),
        jump=0,
        seat=False,
    )


def _leg(phase: float) -> tuple[float, ...]:
    """Flexion, abduction and twist of the hip, and flexion of the knee, which is bent while the leg
    swings forward."""
    knee = 8 + 45 * max(0.0, np.cos(phase))
    return (26 * np.sin(phase) + 0.35 * (knee - 8), 2, 4, knee)


def _arm(phase: float) -> Arm:
    return Arm((24 * np.sin(phase), 8, -10, 22 + 10 * np.sin(phase)))
