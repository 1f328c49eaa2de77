"""Pictures of a training: what is asked, how images are varied, what the network says, and the curves while it learns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..poses import Poses
from .charts import show_curves
from .drawing import TRUTH, draw_poses, overlay_heatmap, truth_poses
from .figures import show_images

if TYPE_CHECKING:
    from ..training import Examples


def show_targets(examples: Examples, indices: Sequence[int], loss: Mapping[str, Mapping] | None = None) -> None:
    """For some examples: the picture with its keypoints, and over it the heatmaps that ``training.loss`` asks of a network."""
    from ..training.losses import sigma_of
    from ..training.targets import target_heatmaps

    size = examples.size
    heatmaps = target_heatmaps(examples.keypoints[list(indices)], size, (size[0] // 4, size[1] // 4), sigma_of(loss)).numpy()
    labeled = examples.keypoints[list(indices), :, 2] > 0
    views, titles = [], []
    for index, maps, known in zip(indices, heatmaps, labeled, strict=True):
        image, first = examples.images[index], int(np.argmax(known))
        views += [
            _with_truth(examples, index),
            overlay_heatmap(image, maps[:, :, known].max(axis=2)),
            overlay_heatmap(image, maps[:, :, first]),
        ]
        titles += ["keypoints", "all heatmaps", examples.layout.names[first]]
    show_images(views, titles, columns=6, width=1.9)


def _with_truth(examples: Examples, index: int) -> np.ndarray:
    return draw_poses(examples.images[index], truth_poses(examples.keypoints[index : index + 1], examples.layout))


def show_augmented(examples: Examples, augmentation: Mapping[str, Mapping], seed: int, count: int = 8) -> None:
    """The first examples as a training would see them once, keypoints moved along."""
    from ..training import training_batches

    few = examples.first(count)
    images, keypoints = next(iter(training_batches(few, count, augmentation, seed, rescaling=(1.0, 0.0))))
    views = [
        draw_poses(image.clip(0, 255).astype(np.uint8), truth_poses(points[None], examples.layout))
        for image, points in zip(images.numpy(), keypoints.numpy(), strict=True)
    ]
    show_images(views, columns=4, width=2.2)


SHOWN = {
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
"""Arguments with which each augmentation that needs some is easily seen."""


def show_augmentations(examples: Examples, augmentation: Mapping[str, Mapping] | None = None, index: int = 0, seed: int = 0) -> None:
    """One panel for each augmentation there is: what it makes of an example, keypoints moved along.

    Args:
        examples: to take one of.
        augmentation: ``{name: arguments}`` to show these alone; None for all, with arguments that are easily seen.
        index: which example.
        seed: of what is drawn.
    """
    from ..training.augmentation import AUGMENTATIONS, make_augment

    chosen = {name: SHOWN.get(name, {}) for name in AUGMENTATIONS} if augmentation is None else augmentation
    views, titles = [_with_truth(examples, index)], ["as it is"]
    for name, arguments in chosen.items():
        augment = make_augment({name: {**(arguments or {}), "change_rate": 1}}, examples.layout)
        image, points = augment(examples.images[index : index + 1], examples.keypoints[index : index + 1], (seed, 0))
        pixels = image.numpy()[0].round().astype(np.uint8)
        views.append(draw_poses(pixels, truth_poses(points.numpy(), examples.layout)))
        titles.append(name.removeprefix("random_").replace("_", " "))
    show_images(views, titles, columns=7, width=1.6)


def show_examples(examples: Examples, poses: Sequence[Poses]) -> None:
    """The first examples with what a network says of them, over the truth in white."""
    show_images(draw_predictions(examples, poses), columns=4, width=2.2)


def draw_predictions(examples: Examples, poses: Sequence[Poses]) -> list[np.ndarray]:
    """The same as images, (H, W, 3) uint8 each."""
    views = []
    for index, found in enumerate(poses):
        truth = truth_poses(examples.keypoints[index : index + 1], examples.layout)
        views.append(draw_poses(draw_poses(examples.images[index], truth, color=TRUTH), found))
    return views


class LiveCurves:
    """What a notebook redraws in place after each epoch: curves, the time left, and now and then what the network finds.

    Args:
        groups: the names of the history that each panel shows, by its title.
        epochs: of the whole training.
        picture: draws what the network finds, (H, W, 3) uint8; called at every tenth of the training, after the first epoch and the last.
    """

    def __init__(self, groups: Mapping[str, Sequence[str]], epochs: int, picture: Callable[[], np.ndarray] | None = None):
        self.groups, self.epochs, self.picture = groups, epochs, picture
        self.times = [time.monotonic()]
        self.displays: dict[str, object] = {}

    def update(self, epoch: int, history: Mapping[str, Sequence[float]]) -> None:
        """Draws the epochs so far; ``on_epoch`` of a training calls it."""
        import matplotlib.pyplot as plt

        self.times.append(time.monotonic())
        show_curves(history, self.groups)
        plt.gcf().suptitle(self._status(epoch), fontsize=9)
        self._redraw("curves")
        if self.picture and (epoch in (1, self.epochs) or epoch % max(1, self.epochs // 10) == 0):
            show_images([self.picture()], [f"found after epoch {epoch}; the truth in white"], width=9)
            self._redraw("picture")

    def _status(self, epoch: int) -> str:
        """How far it is and how long it will take; the first epoch, in which the network is compiled, counts only while it is alone."""
        times = self.times[1:] if len(self.times) > 2 else self.times
        left = (self.epochs - epoch) * (times[-1] - times[0]) / (len(times) - 1)
        return f"epoch {epoch} of {self.epochs}" + (f", about {_duration(left)} left" if epoch < self.epochs else "")

    def _redraw(self, name: str) -> None:
        """Puts the current figure where the one of that name was."""
        import matplotlib.pyplot as plt
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
