"""Categories of annotations and classes of a model: which belongs to which, and an image's own of
each."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

from ..datasets import Dataset, Sample
from ..models import Model
from ..poses import Poses


@dataclass(frozen=True)
class Category:
    """A category that is measured by itself; None measures all together.

    Attributes:
        name: for metrics.
        label, predicted: its index among the classes of the dataset, and of the model.
    """

    name: str = ""
    label: int | None = None
    predicted: int | None = None

    def of(self, sample: Sample, poses: Poses) -> tuple[Sample, Poses]:
        """The annotations and the predictions of this category."""
        if self.label is not None:
            own = sample.classes == self.label
            names = ("keypoints", "boxes", "areas", "crowd", "classes")
            sample = replace(sample, **{name: getattr(sample, name)[own] for name in names})
        if self.predicted is not None and poses.classes is not None:
            poses = poses[poses.classes == self.predicted]
        return sample, poses


def categories(model: Model, dataset: Dataset) -> list[Category]:
    """The categories of an evaluation: those that the model and the annotations share, by their
    names, else by their order; all together if the model has one class or none.

    Annotated categories that the model does not have are left out, with a warning.
    """
    head = model.input_spec.head
    if head is None or head.classes == 1:
        return [Category()]
    names, labels = model.class_names, dataset.class_names
    index = {name.casefold(): i for i, name in enumerate(names)}
    shared = [
        Category(name, label, index[name.casefold()])
        for label, name in enumerate(labels)
        if name.casefold() in index
    ]
    if not shared:
        if len(labels) == 1:
            return [Category()]
        shared = [Category(name, i, i) for i, name in enumerate(labels[: head.classes])]
    missing = sorted({*labels} - {category.name for category in shared})
    if missing:
        warnings.warn(
            f"{dataset.source}: {model.label} has no class {', '.join(missing)}: left out; it has "
            f"{', '.join(names) or head.classes}",
            stacklevel=4,
        )
    return shared
