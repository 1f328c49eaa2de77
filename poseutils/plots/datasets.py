"""What a dataset's labels look like: where people are, how large, in which poses, and what is suspicious."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..datasets import Dataset
from ..datasets.checks import People, Suspicion
from ..images import read_image
from ..keypoints import KeypointLayout
from .drawing import TRUTH, draw_poses, side_colors, truth_poses
from .figures import show_images

_GRID = 48
_MOST_NAMES = 40
_VIEW = 220  # pixels of a person cut out
_OUTSIDE = (200, 200, 200)


def show_visibility(people: People, layout: KeypointLayout) -> None:
    """For how many of the people each keypoint is visible, hidden, or not labeled, as stacked bars; by number on large layouts."""
    import matplotlib.pyplot as plt

    names = list(layout.names) if len(layout) <= _MOST_NAMES else [""] * len(layout)
    shares = np.stack([(people.keypoints[:, :, 2] == v).mean(axis=0) for v in (2, 1, 0)])
    _, axes = plt.subplots(figsize=(7, 0.9 + 0.22 * min(len(layout), _MOST_NAMES)), layout="constrained")
    start = np.zeros(len(layout))
    for share, label, color in zip(shares, ("visible", "hidden", "not labeled"), ("#5b8db8", "#b9cfe2", "#e6e3df"), strict=True):
        axes.barh(np.arange(len(layout)), share, left=start, color=color, label=label, height=0.8)
        start = start + share
    axes.set_yticks(np.arange(len(layout)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="share of people")
    axes.spines[["top", "right"]].set_visible(False)
    axes.figure.legend(loc="outside upper center", ncols=3, fontsize=8)


def show_positions(people: People) -> None:
    """Where on their images people are: how often a place is inside a box, and how often a keypoint is there."""
    import matplotlib.pyplot as plt

    labeled = people.keypoints[:, :, 2] > 0
    points = (people.keypoints[:, :, :2] / people.sizes[:, None])[labeled]
    dots, _, _ = np.histogram2d(points[:, 1], points[:, 0], bins=_GRID, range=((0, 1), (0, 1)))
    dots = cv2.GaussianBlur(dots, (0, 0), 1.5)
    _, panels = plt.subplots(1, 2, figsize=(7.4, 3.4), layout="constrained")
    maps = ((_covered(people), "share of people whose box covers a place"), (dots, "keypoints near a place"))
    for axes, (values, title) in zip(panels, maps, strict=True):
        shown = axes.imshow(values, cmap="inferno", extent=(0, 1, 1, 0), vmin=0)
        axes.set_title(title, fontsize=9)
        axes.set(xlabel="across the image", ylabel="down the image")
        axes.figure.colorbar(shown, ax=axes, shrink=0.85)


def _covered(people: People) -> np.ndarray:
    """(G, G) the share of boxes that cover each cell of a grid over the image."""
    low = (people.boxes[:, :2] / people.sizes).clip(0, 1)
    high = (people.boxes[:, 2:] / people.sizes).clip(0, 1)
    centers = (np.arange(_GRID) + 0.5) / _GRID
    inside = [((low[:, i, None] <= centers) & (centers <= high[:, i, None])).astype(np.float32) for i in (0, 1)]
    return inside[1].T @ inside[0] / max(len(people), 1)


def show_sizes(people: People) -> None:
    """How large boxes are beside their images, and how slender."""
    import matplotlib.pyplot as plt

    extent = np.maximum(people.boxes[:, 2:] - people.boxes[:, :2], 1e-6)
    _, (left, right) = plt.subplots(1, 2, figsize=(7.4, 2.7), layout="constrained")
    left.hist(people.box_shares, bins=np.linspace(0, 1, 26), color="#5b8db8")
    left.set(xlabel="size of the box, 1 is the whole image", ylabel="people")
    right.hist(np.log2(extent[:, 1] / extent[:, 0]).clip(-3, 3), bins=np.linspace(-3, 3, 25), color="#5b8db8")
    right.set_xticks([-2, -1, 0, 1, 2], ["4 : 1", "2 : 1", "square", "1 : 2", "1 : 4"])
    right.set(xlabel="width : height of the box")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)


def show_spread(people: People, layout: KeypointLayout, most: int = 2000) -> None:
    """Where within its box each keypoint is, a dot a person, with the limbs between the middles."""
    import matplotlib.pyplot as plt

    step = max(1, -(-len(people) // most))
    places = people.in_box[::step]
    seen = np.isfinite(places[:, :, 0]).any(axis=0)
    middles = np.full((len(layout), 2), np.nan)
    middles[seen] = np.nanmedian(places[:, seen], axis=0)
    _, axes = plt.subplots(figsize=(4.6, 5.2), layout="constrained")
    colors = np.array(side_colors(layout)) / 255
    for k in np.flatnonzero(seen):
        axes.scatter(places[:, k, 0], places[:, k, 1], s=5, color=colors[k], alpha=0.25, linewidths=0)
    for a, b in layout.limbs:
        axes.plot(*middles[[a, b]].T, color="black", linewidth=1.4)
    axes.scatter(*middles.T, s=26, color=colors, edgecolors="black", linewidths=0.8, zorder=3)
    axes.add_patch(plt.Rectangle((0, 0), 1, 1, fill=False, linewidth=0.8, linestyle=":"))
    axes.set(xlim=(-0.15, 1.15), ylim=(1.15, -0.15), xlabel="across the box", ylabel="down the box")
    axes.spines[["top", "right"]].set_visible(False)


def show_people(dataset: Dataset, people: People, indices: Sequence[int]) -> None:
    """Some people, cut out of their images, with their keypoints."""
    if not indices:
        print("nobody to show")
        return
    chosen = [(dataset[people.samples[i]].path, people.keypoints[i], people.boxes[i]) for i in indices]
    show_images([_cut_out(read_image(path), keypoints, box, dataset.layout) for path, keypoints, box in chosen], width=1.9)


def show_suspicions(found: Sequence[Suspicion], layout: KeypointLayout) -> None:
    """What is suspicious: the person meant, cut out with the box that is labeled, or the whole image."""
    if not found:
        print("nothing looks wrong")
        return
    views = [_suspicious(one, layout) for one in found]
    show_images(views, [f"{one.sample.path.name}\n{one.what}" for one in found], width=3.2)


def _suspicious(one: Suspicion, layout: KeypointLayout) -> np.ndarray:
    image = read_image(one.sample.path)
    if one.person is None:
        whole = np.array([0, 0, image.shape[1], image.shape[0]])
        return _cut_out(image, one.sample.keypoints, whole, layout)
    box = one.sample.boxes[one.person]
    return _cut_out(image, one.sample.keypoints[one.person], box, layout, TRUTH)


def _cut_out(
    image: np.ndarray, keypoints: np.ndarray, box: np.ndarray, layout: KeypointLayout, frame: tuple[int, int, int] | None = None
) -> np.ndarray:
    """A square view of a person and all their keypoints, even those outside the image.

    Args:
        image: (H, W, 3) uint8.
        keypoints: (K, 3) or (N, K, 3).
        box: (4,) xyxy, drawn in the color ``frame`` if there is one.

    Returns:
        (S, S, 3) uint8.
    """
    keypoints = keypoints.reshape(-1, len(layout), 3)
    corners = np.concatenate([box.reshape(2, 2), keypoints[keypoints[:, :, 2] > 0][:, :2]])
    middle, side = (corners.min(axis=0) + corners.max(axis=0)) / 2, 1.15 * max(np.ptp(corners, axis=0).max(), 8.0)
    scale = _VIEW / side
    matrix = np.array([[scale, 0, _VIEW / 2 - scale * middle[0]], [0, scale, _VIEW / 2 - scale * middle[1]]])
    centers = matrix.copy()
    centers[:, 2] += 0.5 * scale - 0.5  # OpenCV counts from the centers of pixels
    view = cv2.warpAffine(image, centers, (_VIEW, _VIEW), flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR, borderValue=_OUTSIDE)
    if frame is not None:
        low, high = (tuple(np.round(scale * corner + matrix[:, 2]).astype(int).tolist()) for corner in box.reshape(2, 2))
        cv2.rectangle(view, low, high, frame, 1, cv2.LINE_AA)
    moved = np.concatenate([keypoints[:, :, :2] * scale + matrix[:, 2], keypoints[:, :, 2:]], axis=2)
    return draw_poses(view, truth_poses(moved.astype(np.float32), layout))
