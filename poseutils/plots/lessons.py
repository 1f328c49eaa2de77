"""Figures of training: targets, augmentations, predictions, and live learning curves."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np

from ..decoders.heatmaps_spe import encode
from ..poses import Poses
from .charts import show_curves
from .drawing import TRUTH, draw_poses, overlay_heatmap, truth_poses
from .figures import show_images, subplots_of_images

if TYPE_CHECKING:
    from ..training import Examples

REDRAW_SECONDS = 2.0
"""Between redrawings of learning curves, which take as long as a short epoch."""


def show_targets(
    examples: Examples, indices: Sequence[int], loss: Mapping[str, Mapping] | None = None
) -> None:
    """Training targets: for some examples the image with its keypoints, and with the target
    heatmaps of ``training.loss``."""
    from ..training.losses import sigma_of

    size = examples.size
    heatmaps = encode(
        examples.keypoints[list(indices)], size, (size[0] // 4, size[1] // 4), sigma_of(loss)
    )
    labeled = examples.keypoints[list(indices), :, 2] > 0
    figure, grid = subplots_of_images(len(indices), 3, figsize=(9, 2.9 * len(indices)), dpi=70)
    for row, index, maps, known in zip(grid, indices, heatmaps, labeled, strict=True):
        image, first = examples.images[index], int(np.argmax(known))
        row[0].imshow(_with_truth(examples, index))
        row[1].imshow(overlay_heatmap(image, maps[:, :, known].max(axis=2)))
        drawn = row[2].imshow(maps[:, :, first], cmap="inferno", vmin=0)
        titles = "keypoints", "all heatmaps", f"heatmap of {examples.layout.names[first]}, in cells"
        for axes, title in zip(row, titles, strict=True):
            axes.set_title(title, fontsize=9)
        row[0].set_axis_off()
        row[1].set_axis_off()
        figure.colorbar(drawn, ax=row[2], shrink=0.8)


def _with_truth(examples: Examples, index: int) -> np.ndarray:
    return draw_poses(
        examples.images[index], truth_poses(examples.keypoints[index : index + 1], examples.layout)
    )


def show_augmented(
    examples: Examples, augmentation: Mapping[str, Mapping], seed: int, count: int = 4
) -> None:
    """The first examples with their keypoints after augmentation, as in one epoch of training."""
    from ..training import training_batches

    few = examples.first(count)
    images, keypoints = next(
        iter(training_batches(few, count, augmentation, seed, rescaling=(1.0, 0.0)))
    )
    views = [
        draw_poses(image.clip(0, 255).astype(np.uint8), truth_poses(points[None], examples.layout))
        for image, points in zip(images.numpy(), keypoints.numpy(), strict=True)
    ]
    show_images(views, columns=4, width=3)


SHOWN: dict[str, Mapping[str, Any]] = {
    "random_contrast": {"factor": (0.5, 0.8)},
    "random_brightness": {"factor": (0.2, 0.3)},
    "random_gamma": {"gamma": (1.8, 2.2)},
    "random_hue": {"delta": (0.2, 0.4)},
    "random_saturation": {"delta": (0.4, 0.6)},
    "random_value": {"delta": (-0.4, -0.3)},
    "random_hsv": {"hue_delta": 0.3, "saturation_delta": 0.3, "value_delta": 0.2},
    "random_posterize": {"bits": (1, 2)},
    "random_sharpness": {"factor": (4, 6)},
    "random_blur": {"filter_size": (5, 9)},
    "random_gaussian_noise": {"stddev": (0.08, 0.12)},
    "random_jpeg_quality": {"jpeg_quality": (5, 10)},
    "random_rectangle_erasing": {"nrec": (2, 3), "area": (0.03, 0.08)},
    "random_flip": {"mode": "horizontal"},
    "random_translation": {"width_factor": (0.1, 0.2), "height_factor": (-0.2, -0.1)},
    "random_rotation": {"factor": (0.05, 0.1)},
    "random_shear": {"factor": (0.03, 0.05)},
    "random_shear_x": {"factor": (0.04, 0.06)},
    "random_shear_y": {"factor": (0.04, 0.06)},
    "random_zoom": {"width_factor": (0.2, 0.3)},
    "random_periodic_resizing": {"image_sizes": ((64, 96),)},
}
"""Arguments with which the effect of each augmentation is clearly visible."""


def show_augmentations(
    examples: Examples,
    augmentation: Mapping[str, Mapping] | None = None,
    index: int = 0,
    seed: int = 0,
) -> None:
    """A panel per augmentation: its effect on an example and its keypoints.

    Args:
        examples: to choose one from.
        augmentation: ``{name: arguments}`` to show only these; None for all, with clearly visible
            effects.
        index: of the example.
        seed: of the random parameters.
    """
    from ..training.augmentation import AUGMENTATIONS, make_augment

    if augmentation is None:
        augmentation = {name: SHOWN.get(name, {}) for name in AUGMENTATIONS}
    views, titles = [_with_truth(examples, index)], ["original"]
    for name, arguments in augmentation.items():
        augment = make_augment({name: {**(arguments or {}), "change_rate": 1}}, examples.layout)
        image, points = augment(
            examples.images[index : index + 1], examples.keypoints[index : index + 1], (seed, 0)
        )
        pixels = image.numpy()[0].round().astype(np.uint8)
        views.append(draw_poses(pixels, truth_poses(points.numpy(), examples.layout)))
        titles.append(name.removeprefix("random_").replace("_", " "))
    show_images(views, titles, columns=4, width=2.6)


def show_examples(examples: Examples, poses: Sequence[Poses]) -> None:
    """The first examples with a network's predictions over the ground truth in white."""
    show_images(draw_predictions(examples, poses), columns=4, width=3)


def draw_predictions(examples: Examples, poses: Sequence[Poses]) -> list[np.ndarray]:
    """Images (H, W, 3) uint8 of the first examples with a network's predictions over the ground
    truth in white."""
    views = []
    for index, found in enumerate(poses):
        truth = truth_poses(examples.keypoints[index : index + 1], examples.layout)
        views.append(draw_poses(draw_poses(examples.images[index], truth, color=TRUTH), found))
    return views


class LiveCurves:
    """Figures that a notebook updates in place during training: learning curves, remaining time,
    and predictions.

    Args:
        groups: title of each panel -> names of its metrics.
        epochs: of the whole training.
        predictions: draws predictions, (H, W, 3) uint8; called after the first epoch, each tenth of
            the training, and the last epoch.
    """

    def __init__(
        self,
        groups: Mapping[str, Sequence[str]],
        epochs: int,
        predictions: Callable[[], np.ndarray] | None = None,
    ):
        self.groups, self.epochs, self.predictions = groups, epochs, predictions
        self.times, self._next = [time.monotonic()], 0.0
        self.displays: dict[str, Any] = {}

    def update(self, epoch: int, history: Mapping[str, Sequence[float]]) -> None:
        """Redraws the figures; to be passed to training as ``on_epoch``."""
        self.times.append(time.monotonic())
        if epoch == self.epochs or self.times[-1] > self._next:
            self._next = self.times[-1] + REDRAW_SECONDS
            show_curves(history, self.groups)
            plt.gcf().suptitle(self._status(epoch), fontsize=9)
            self._redraw("curves")
        if self.predictions and (
            epoch in (1, self.epochs) or epoch % max(1, self.epochs // 10) == 0
        ):
            show_images(
                [self.predictions()],
                [f"predictions after epoch {epoch}; ground truth in white"],
                width=9,
            )
            self._redraw("predictions")

    def _status(self, epoch: int) -> str:
        """Epoch and remaining time; the first epoch includes compilation and is used only until
        there are others."""
        times = self.times[1:] if len(self.times) > 2 else self.times
        left = (self.epochs - epoch) * (times[-1] - times[0]) / (len(times) - 1)
        return f"epoch {epoch} of {self.epochs}" + (
            f", about {_duration(left)} left" if epoch < self.epochs else ""
        )

    def _redraw(self, name: str) -> None:
        """Replaces the displayed figure of that name by the current one."""
        from IPython.display import display

        figure = plt.gcf()
        if name in self.displays:
            self.displays[name].update(figure)
        elif plt.get_backend().lower() != "agg":  # which shows nothing
            self.displays[name] = display(figure, display_id=True)
        plt.close(figure)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
