"""Figures of a dataset's annotations: positions, sizes and poses of people, and suspicious
annotations."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import matplotlib.pyplot as plt
import numpy as np

from ..datasets import Dataset
from ..datasets.label_checks import People, Suspicion
from ..images import read_image
from ..keypoints import KeypointLayout
from .drawing import TRUTH, draw_poses, side_colors, truth_poses
from .figures import show_images

_GRID = 48
_MOST_NAMES = 40
_VIEW = 220  # size of a person's crop, in pixels
_OUTSIDE = (200, 200, 200)


def show_visibility(people: People, layout: KeypointLayout) -> None:
    """Stacked bars of the fraction of people on whom each keypoint is visible, hidden, predicted
    (if any is), or not labeled."""
    names = list(layout.names) if len(layout) <= _MOST_NAMES else [""] * len(layout)
    visibility = people.keypoints[:, :, 2]
    predicted = (visibility > 0) & (visibility < 1)
    bars = {"visible": (visibility == 2, "#5b8db8"), "hidden": (visibility == 1, "#b9cfe2")}
    if predicted.any():
        bars["predicted"] = (predicted, "#d9b779")
    bars["not labeled"] = (visibility == 0, "#e6e3df")
    _, axes = plt.subplots(
        figsize=(7, 0.9 + 0.22 * min(len(layout), _MOST_NAMES)), layout="constrained"
    )
    start = np.zeros(len(layout))
    for label, (chosen, color) in bars.items():
        share = chosen.mean(axis=0)
        axes.barh(np.arange(len(layout)), share, left=start, color=color, label=label, height=0.8)
        start = start + share
    axes.set_yticks(np.arange(len(layout)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="fraction of people")
    axes.spines[["top", "right"]].set_visible(False)
    axes.figure.legend(loc="outside upper center", ncols=len(bars), fontsize=8)


def show_positions(people: People) -> None:
    """Heat maps over the image: how often each position is inside a box, and how many keypoints
    are there."""
    labeled = people.keypoints[:, :, 2] > 0
    points = (people.keypoints[:, :, :2] / people.sizes[:, None])[labeled]
    dots, _, _ = np.histogram2d(points[:, 1], points[:, 0], bins=_GRID, range=((0, 1), (0, 1)))
    dots = cv2.GaussianBlur(dots, (0, 0), 1.5)
    _, panels = plt.subplots(1, 2, figsize=(7.4, 3.4), layout="constrained")
    maps = (
        (_covered(people), "fraction of boxes that cover a position"),
        (dots, f"keypoints per cell of {_GRID} × {_GRID}, smoothed"),
    )
    for axes, (values, title) in zip(panels, maps, strict=True):
        shown = axes.imshow(values, cmap="inferno", extent=(0, 1, 1, 0), vmin=0)
        axes.set_title(title, fontsize=9)
        axes.set(xlabel="x / image width", ylabel="y / image height")
        axes.figure.colorbar(shown, ax=axes, shrink=0.85)


def _covered(people: People) -> np.ndarray:
    """(G, G) the fraction of boxes that cover each cell of a grid over the image."""
    low = (people.boxes[:, :2] / people.sizes).clip(0, 1)
    high = (people.boxes[:, 2:] / people.sizes).clip(0, 1)
    centers = (np.arange(_GRID) + 0.5) / _GRID
    inside = [
        ((low[:, i, None] <= centers) & (centers <= high[:, i, None])).astype(np.float32)
        for i in (0, 1)
    ]
    return inside[1].T @ inside[0] / max(len(people), 1)


def show_sizes(people: People) -> None:
    """Histograms of the size of boxes relative to their images, and of their aspect ratio."""
    extent = np.maximum(people.boxes[:, 2:] - people.boxes[:, :2], 1e-6)
    _, (left, right) = plt.subplots(1, 2, figsize=(7.4, 2.7), layout="constrained")
    left.hist(people.box_shares, bins=np.linspace(0, 1, 26), color="#5b8db8")
    left.set(xlabel="size of the box (1: the whole image)", ylabel="people")
    right.hist(
        np.log2(extent[:, 1] / extent[:, 0]).clip(-3, 3),
        bins=np.linspace(-3, 3, 25),
        color="#5b8db8",
    )
    right.set_xticks([-2, -1, 0, 1, 2], ["4 : 1", "2 : 1", "square", "1 : 2", "1 : 4"])
    right.set(xlabel="width : height of the box")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)


def show_spread(people: People, layout: KeypointLayout, most: int = 2000) -> None:
    """Positions of keypoints relative to their boxes, a dot per person, with limbs between the
    medians."""
    step = max(1, -(-len(people) // most))
    relative = people.in_box[::step]
    labeled = np.isfinite(relative[:, :, 0]).any(axis=0)
    medians = np.full((len(layout), 2), np.nan)
    medians[labeled] = np.nanmedian(relative[:, labeled], axis=0)
    _, axes = plt.subplots(figsize=(4.6, 5.2), layout="constrained")
    colors = np.array(side_colors(layout)) / 255
    for k in np.flatnonzero(labeled):
        axes.scatter(
            relative[:, k, 0], relative[:, k, 1], s=5, color=colors[k], alpha=0.25, linewidths=0
        )
    for a, b in layout.limbs:
        axes.plot(*medians[[a, b]].T, color="black", linewidth=1.4)
    axes.scatter(
        medians[:, 0],
        medians[:, 1],
        s=26,
        color=colors,
        edgecolors="black",
        linewidths=0.8,
        zorder=3,
    )
    axes.add_patch(plt.Rectangle((0, 0), 1, 1, fill=False, linewidth=0.8, linestyle=":"))
    axes.set(
        xlim=(-0.15, 1.15), ylim=(1.15, -0.15), xlabel="x / box width", ylabel="y / box height"
    )
    axes.spines[["top", "right"]].set_visible(False)


def show_people(dataset: Dataset, people: People, indices: Sequence[int]) -> None:
    """Crops of people with their keypoints."""
    if not indices:
        print("no people to show")
        return
    chosen = [
        (dataset[people.samples[i]].path, people.keypoints[i], people.boxes[i]) for i in indices
    ]
    show_images(
        [
            _crop(read_image(path), keypoints, box, dataset.layout)
            for path, keypoints, box in chosen
        ],
        width=1.9,
    )


def show_suspicions(found: Sequence[Suspicion], layout: KeypointLayout) -> None:
    """Suspicious annotations: a crop of the person with the annotated box, or the whole image."""
    if not found:
        print("no suspicious annotations")
        return
    views = [_suspicious(one, layout) for one in found]
    show_images(views, [f"{one.sample.path.name}\n{one.what}" for one in found], width=3.2)


def _suspicious(one: Suspicion, layout: KeypointLayout) -> np.ndarray:
    image = read_image(one.sample.path)
    if one.person is None:
        whole = np.array([0, 0, image.shape[1], image.shape[0]])
        return _crop(image, one.sample.keypoints, whole, layout)
    box = one.sample.boxes[one.person]
    return _crop(image, one.sample.keypoints[one.person], box, layout, TRUTH)


def _crop(
    image: np.ndarray,
    keypoints: np.ndarray,
    box: np.ndarray,
    layout: KeypointLayout,
    frame: tuple[int, int, int] | None = None,
) -> np.ndarray:
    """A square crop with a person's box and all keypoints, including those outside the image.

    Args:
        image: (H, W, 3) uint8.
        keypoints: (K, 3) or (N, K, 3).
        box: (4,) xyxy, drawn in the color ``frame`` if given.

    Returns:
        (S, S, 3) uint8.
    """
    keypoints = keypoints.reshape(-1, len(layout), 3)
    corners = np.concatenate([box.reshape(2, 2), keypoints[keypoints[:, :, 2] > 0][:, :2]])
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    side = 1.15 * max(np.ptp(corners, axis=0).max(), 8.0)
    scale = _VIEW / side
    matrix = np.array(
        [[scale, 0, _VIEW / 2 - scale * middle[0]], [0, scale, _VIEW / 2 - scale * middle[1]]]
    )
    centers = matrix.copy()
    centers[:, 2] += 0.5 * scale - 0.5  # the center of OpenCV's first pixel is (0, 0)
    view = cv2.warpAffine(
        image,
        centers,
        (_VIEW, _VIEW),
        flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
        borderValue=_OUTSIDE,
    )
    if frame is not None:
        low, high = (
            tuple(np.round(scale * corner + matrix[:, 2]).astype(int).tolist())
            for corner in box.reshape(2, 2)
        )
        cv2.rectangle(view, low, high, frame, 1, cv2.LINE_AA)
    moved = np.concatenate(
        [keypoints[:, :, :2] * scale + matrix[:, 2], keypoints[:, :, 2:]], axis=2
    )
    return draw_poses(view, truth_poses(moved.astype(np.float32), layout))
