"""Backgrounds: floor and wall, or ground and sky, in perspective; texture, clutter, foliage, and
cast shadows."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .chance import pick
from .drawing import Camera, Light, noise_at, noise_bank
from .palette import any_color, skin_color

_COARSE = 2
"""Pixels per texel of the background, which is mostly out of focus."""

_GROUNDS = (
    (85, 115, 50),
    (110, 130, 70),
    (130, 120, 100),
    (110, 110, 112),
    (200, 185, 150),
    (235, 238, 245),
    (80, 110, 130),
)
_SKIES = ((110, 160, 220), (180, 195, 210), (225, 230, 235), (150, 170, 200), (240, 200, 160))
_DISTANCES = ((60, 85, 45), (90, 105, 80), (120, 110, 100), (70, 80, 95), (45, 60, 40))
_LEAVES = ((60, 95, 40), (90, 120, 55), (40, 65, 35), (130, 120, 60), (120, 70, 50))


def paint_background(
    rng: np.random.Generator, camera: Camera, light: Light, depth: float, skeletons: list
) -> np.ndarray:
    """(size, size, 3) float32 RGB, 0…255. ``depth`` is the z of the people; a wall may be behind
    them."""
    kind = pick(rng, ["room", "outdoors", "texture"], [0.42, 0.4, 0.18])
    if kind == "texture":
        canvas, floor = (
            _mottled(
                rng,
                camera.size // _COARSE,
                any_color(rng, (0, 0.6), (0.15, 0.95)),
                rng.uniform(5, 45),
            ),
            None,
        )
    else:
        canvas, floor = _floor_and_back(rng, camera, depth, indoors=kind == "room")
    if floor is not None:
        canvas *= (
            1
            - np.float32(0.25 + 0.35 * min(light.strength, 1))
            * _cast_shadow(camera, light, skeletons, floor)[..., None]
        )
    return _with_clutter(
        rng,
        Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8)),
        (camera.size, camera.size),
        kind != "room",
    )


def _with_clutter(rng, image: Image.Image, size: tuple[int, int], foliage: bool) -> np.ndarray:
    """The background at full size with clutter, in focus or blurred; (size, size, 3) float32."""
    if rng.random() < 0.45:
        image = image.resize(size, Image.Resampling.BILINEAR)
        _draw_clutter(rng, image, foliage)
    else:
        _draw_clutter(rng, image, foliage)
        image = image.filter(
            ImageFilter.BoxBlur(float(pick(rng, [0.3, rng.uniform(0.4, 2)])))
        ).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(image).astype(np.float32)


def _floor_and_back(rng, camera: Camera, depth: float, indoors: bool):
    pixels = (
        np.linspace(0, camera.size, camera.size // _COARSE, endpoint=False, dtype=np.float32)
        + 0.5 * _COARSE
    )
    x, y = np.meshgrid(
        (pixels - camera.center[0]) / camera.focal, (pixels - camera.center[1]) / camera.focal
    )
    x, y = x.astype(np.float32), y.astype(np.float32)
    axes = camera.axes.astype(np.float32)
    ray_x, ray_y, ray_z = (axes[0, i] * x + axes[1, i] * y + axes[2, i] for i in range(3))
    position = camera.position.tolist()
    wall = float(depth) - (rng.uniform(0.5, 3.5) if indoors else rng.uniform(6, 60))
    to_wall = np.where(
        ray_z < -1e-3, (wall - position[2]) / np.minimum(ray_z, -1e-3), np.float32(1e4)
    )
    to_floor = np.where(ray_y < -1e-3, -position[1] / np.minimum(ray_y, -1e-3), np.float32(1e4))
    floor = to_floor < to_wall
    reach = np.minimum(np.minimum(to_floor, to_wall), 300)
    across = position[0] + reach * ray_x
    up = position[1] + reach * ray_y
    away = position[2] + reach * ray_z
    canvas = np.empty(x.shape + (3,), np.float32)
    canvas[floor] = _ground(rng, across[floor], away[floor], indoors)
    behind = ~floor
    canvas[behind] = (
        _wall(rng, across[behind], up[behind])
        if indoors
        else _sky(rng, across[behind], up[behind], x[behind], y[behind])
    )
    if indoors and rng.random() < 0.5:
        canvas[~floor & (up < 0.12)] *= rng.uniform(0.4, 1.2)
    falloff = 1 - rng.uniform(0, 0.35) * np.clip(np.hypot(x, y) * camera.focal / camera.size, 0, 1)
    return canvas * falloff[..., None], floor


def _ground(rng, u, v, indoors: bool) -> np.ndarray:
    if indoors:
        color = any_color(rng, (0.05, 0.6), (0.2, 0.85)) * (1, 0.93, 0.85)
    else:
        color = np.array(pick(rng, _GROUNDS))
    color = color * rng.uniform(0.7, 1.15)
    rough = rng.uniform(0.04, 0.2)
    shade = 1 + rough * noise_at(u, v, 10 ** rng.uniform(-2.8, -1.6))
    style = rng.integers(4) if indoors else 3 + rng.integers(3)
    step = rng.uniform(0.1, 0.6)
    if style == 0:
        shade *= 1 - rng.uniform(0.1, 0.5) * _lines(u, step, 0.06)
    elif style == 1:
        shade *= 1 - rng.uniform(0.1, 0.5) * np.maximum(
            _lines(u, step, 0.05), _lines(v, step, 0.05)
        )
    elif style == 2:
        shade *= 1 - rng.uniform(0.1, 0.7) * ((np.floor(u / step) + np.floor(v / step)) % 2)
    elif style == 5:
        shade *= 1 + rng.uniform(0.1, 0.6) * _lines(u, rng.uniform(1, 4), 0.04)
    return shade[..., None].astype(np.float32) * color.astype(np.float32)


def _wall(rng, u, v) -> np.ndarray:
    color = any_color(rng, (0.0, 0.55), (0.25, 0.98))
    shade = (
        1
        + rng.uniform(0, 0.1) * noise_at(u, v, rng.uniform(0.005, 0.02))
        + rng.uniform(-0.12, 0.12) * (v - 1)
    )
    style, step = rng.integers(6), rng.uniform(0.12, 0.8)
    depth = rng.uniform(0.1, 0.5)
    if style == 0:
        row = np.floor(v / (step * 0.4))
        shade *= 1 - depth * np.maximum(
            _lines(v, step * 0.4, 0.1), _lines(u + 0.5 * step * (row % 2), step, 0.05)
        )
    elif style == 1:
        shade *= 1 - depth * _lines(u, step, rng.uniform(0.03, 0.5))
    elif style == 2:
        shade *= 1 - depth * np.maximum(_lines(u, step, 0.04), _lines(v, step, 0.04))
    elif style == 3:
        shade = np.where(v < rng.uniform(0.7, 1.3), shade * rng.uniform(0.5, 0.9), shade)
    return shade[..., None].astype(np.float32) * color.astype(np.float32)


def _sky(rng, u, v, x, y) -> np.ndarray:
    """Sky with clouds above a distant skyline of hills, trees or houses."""
    top = np.array(pick(rng, _SKIES)) * rng.uniform(0.75, 1.05)
    low = 0.5 * top + 0.5 * np.array((235, 235, 230))
    share = np.clip(v / (np.abs(v).max(initial=1) * 0.7), 0, 1)[..., None]
    cloud = np.clip(noise_at(x * 120, y * 240, 1.0) * rng.uniform(0, 0.5), 0, 1)[..., None]
    sky = (low + share * (top - low)) * (1 - cloud) + 245 * cloud
    far = np.array(pick(rng, _DISTANCES)) * rng.uniform(0.6, 1.3)
    scale = 10 ** rng.uniform(-0.3, 0.9)
    line = scale * rng.uniform(0.8, 3.5) + scale * 0.6 * noise_at(
        u, np.zeros_like(u), scale * rng.uniform(0.01, 0.06)
    )
    shade = 1 + rng.uniform(0.05, 0.28) * noise_at(u, v, scale * 0.01)
    if rng.random() < 0.4:
        line = scale * (
            1 + 3 * np.abs(noise_at(np.floor(u / scale / 1.5) * 37.0, np.zeros_like(u), 1.0))
        )
        shade = shade * (1 - 0.45 * (_lines(u, scale * 0.4, 0.45) * _lines(v, scale * 0.5, 0.5)))
    return np.where((v < line)[..., None], shade[..., None] * far, sky).astype(np.float32)


def _lines(x: np.ndarray, step: float, share: float) -> np.ndarray:
    scaled = x / step
    return ((scaled - np.floor(scaled)) < share).astype(np.float32)


def _mottled(rng, size: int, color: np.ndarray, contrast: float) -> np.ndarray:
    """Smooth color noise: enlarged crops of the noise bank, partly shared by the channels."""
    canvas = np.empty((size, size, 3), np.float32)
    cut = int(rng.integers(48, noise_bank().shape[0]))
    shared = _stretched(rng, cut, size)
    for channel in range(3):
        canvas[..., channel] = color[channel] + contrast * (
            shared + 0.35 * _stretched(rng, max(cut // 2, 8), size)
        )
    return canvas


def _stretched(rng, cut: int, size: int) -> np.ndarray:
    row, column = rng.integers(0, noise_bank().shape[0] - cut + 1, 2)
    patch = Image.fromarray(noise_bank()[row : row + cut, column : column + cut])
    return np.asarray(patch.resize((size, size), Image.Resampling.BILINEAR))


def _draw_clutter(rng, image: Image.Image, foliage: bool) -> None:
    pen = ImageDraw.Draw(image)
    for _ in range(rng.integers(0, 5)):
        draw = _CLUTTER[rng.integers(len(_CLUTTER))]
        draw(rng, pen, image.size[0])
    if foliage and rng.random() < 0.45:
        for _ in range(rng.integers(1, 4)):
            _foliage(rng, pen, image.size[0])


def _tuple(color) -> tuple[int, int, int]:
    red, green, blue = np.clip(color, 0, 255)
    return int(red), int(green), int(blue)


def _box(rng, size: int, low: float = 0.06, high: float = 0.5) -> tuple[float, float, float, float]:
    x, y = rng.uniform(-0.1, 0.95, 2) * size
    return x, y, x + rng.uniform(low, high) * size, y + rng.uniform(low, high) * size


def _panel(rng, pen, size: int) -> None:
    """A framed rectangle with content: a painting, window, screen or door."""
    x0, y0, x1, y1 = _box(rng, size)
    edge = rng.uniform(0.004, 0.03) * size
    pen.rectangle((x0, y0, x1, y1), fill=_tuple(any_color(rng, (0, 0.5), (0.05, 1))))
    if x1 - x0 > 2 * edge + 2 and y1 - y0 > 2 * edge + 2:
        pen.rectangle((x0 + edge, y0 + edge, x1 - edge, y1 - edge), fill=_tuple(any_color(rng)))
        for _ in range(rng.integers(0, 5)):
            x, y = rng.uniform(x0 + edge, x1 - edge), rng.uniform(y0 + edge, y1 - edge)
            corner = min(x + rng.uniform(2, 30), x1 - edge), min(y + rng.uniform(2, 30), y1 - edge)
            pen.rectangle((x, y, *corner), fill=_tuple(any_color(rng)))


def _shelf(rng, pen, size: int) -> None:
    """Rows of upright objects, such as books or bottles."""
    x0, y0, x1, y1 = _box(rng, size, 0.15, 0.6)
    pen.rectangle((x0, y0, x1, y1), fill=_tuple(any_color(rng, (0.1, 0.6), (0.1, 0.5))))
    step = rng.uniform(0.06, 0.16) * size
    for top in np.arange(y0, y1 - step, step):
        x = x0
        while x < x1:
            width = rng.uniform(0.008, 0.035) * size
            pen.rectangle(
                (x, top + step * rng.uniform(0.1, 0.5), min(x + width, x1), top + step * 0.92),
                fill=_tuple(any_color(rng)),
            )
            x += width * rng.uniform(1, 1.3)


def _sign(rng, pen, size: int) -> None:
    """A board with marks in lines, like writing."""
    x0, y0, x1, y1 = _box(rng, size, 0.1, 0.45)
    paper, ink = any_color(rng, (0, 0.8), (0.2, 1)), _tuple(any_color(rng))
    pen.rectangle((x0, y0, x1, y1), fill=_tuple(paper))
    height = rng.uniform(0.012, 0.05) * size
    for top in np.arange(y0 + height, y1 - height, 2 * height):
        x = x0 + height
        while x < x1 - height:
            width = rng.uniform(0.3, 1.8) * height
            pen.rectangle(
                (x, top, min(x + width, x1), top + height * rng.uniform(0.5, 1)), fill=ink
            )
            x += width + height * rng.uniform(0.15, 0.5)


def _blobs(rng, pen, size: int) -> None:
    for _ in range(rng.integers(1, 7)):
        x0, y0, x1, y1 = _box(rng, size, 0.03, 0.25)
        pen.ellipse((x0, y0, x1, y1), fill=_tuple(any_color(rng)))


def _branches(rng, pen, size: int) -> None:
    """Thick bent lines that resemble limbs, some in the color of skin."""
    for _ in range(rng.integers(1, 4)):
        color = skin_color(rng) if rng.random() < 0.4 else any_color(rng)
        corners = rng.uniform(0, size, 2) + np.cumsum(rng.normal(0, 0.14 * size, (3, 2)), axis=0)
        width = int(rng.uniform(0.012, 0.05) * size) + 1
        pen.line(
            [tuple(p) for p in corners.tolist()], fill=_tuple(color), width=width, joint="curve"
        )


def _foliage(rng, pen, size: int) -> None:
    middle, spread = rng.uniform(0, size, 2), rng.uniform(0.05, 0.2, 2) * size
    color = np.array(pick(rng, _LEAVES))
    count = int(rng.integers(30, 110))
    places = middle + rng.normal(0, 1, (count, 2)) * spread
    radii = rng.uniform(0.006, 0.028, (count, 2)) * size
    colors = np.clip(color * rng.uniform(0.5, 1.5, (count, 1)), 0, 255).astype(int)
    for box, fill in zip(
        np.concatenate([places - radii, places + radii], axis=1).tolist(), colors.tolist()
    ):
        pen.ellipse(box, fill=tuple(fill))


_CLUTTER = (_panel, _panel, _panel, _shelf, _sign, _blobs, _branches, _branches)


def _cast_shadow(camera: Camera, light: Light, skeletons: list, floor: np.ndarray) -> np.ndarray:
    """(R, R) from 0 to 1, like ``floor``: the shadow of people on the ground, and contact shadows
    of the feet."""
    image = Image.new("L", floor.shape[::-1])
    pen = ImageDraw.Draw(image)
    slope = light.direction / max(light.direction[1], 0.25)
    for origin, skeleton in skeletons:
        lines = [(limb.root, limb.middle, limb.end) for limb in (*skeleton.legs, *skeleton.arms)]
        lines += [
            tuple(skeleton.spine[[2, 6, 9]]),
            (skeleton.spine[-1], skeleton.spine[-1], skeleton.head_center),
        ]
        points = np.array(lines) + origin
        points -= np.maximum(points[..., 1:2], 0) * slope
        _shadow_lines(pen, camera, points, (0.11, 0.11, 0.07, 0.07, 0.3, 0.17), 190)
        ankles = np.array([leg.end for leg in skeleton.legs]) + origin
        width = 0.22 * np.clip(1 - 2 * ankles[:, 1], 0, 1)
        _shadow_lines(
            pen, camera, ankles[:, None] + np.array([(-0.1, 0, 0), (0.1, 0, 0)]), width, 255
        )
    return (
        np.asarray(image.filter(ImageFilter.BoxBlur(3)), dtype=np.float32) * floor / np.float32(255)
    )


def _shadow_lines(pen, camera: Camera, points: np.ndarray, widths, strength: int) -> None:
    """Draws (L, P, 3) lines on the ground; widths in meters."""
    flat, depth = camera.project(points * (1, 0, 1))
    for line, near, width in zip((flat / _COARSE).tolist(), depth.min(axis=1).tolist(), widths):
        pixels = int(width * camera.focal / max(near, 0.3) / _COARSE)
        if near > 0.3 and pixels > 0:
            pen.line([tuple(p) for p in line], fill=strength, width=pixels, joint="curve")
