"""Several models on the same images, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..datasets import Dataset
from ..decoders import REFINEMENTS
from ..errors import PoseError
from ..models import Model
from ..poses import standard_error
from .evaluate import evaluate
from .report import ImageResult, Report


@dataclass(frozen=True)
class Comparison:
    """Reports by the label of their model; differences are relative to the first one."""

    reports: dict[str, Report]

    @property
    def rows(self) -> list[dict]:
        """A row of metrics per model, then a row per further model with its differences to the
        first. ``±`` is the standard error of the mean OKS over images; that of a difference is
        paired, over the images of both."""
        (first, baseline), *others = self.reports.items()
        values = [
            _row(label, report.metrics, len(report.per_image), report.standard_error)
            for label, report in self.reports.items()
        ]
        for label, report in others:
            metrics = {
                name: report.metrics.get(name, np.nan) - value
                for name, value in baseline.metrics.items()
            }
            changes = [row["change"] for row in report.changes(baseline)]
            values.append(
                _row(f"{label} − {first}", metrics, len(changes), standard_error(changes))
            )
        return values

    def disagreements(self, count: int) -> list[tuple[str, list[ImageResult]]]:
        """The ``count`` images whose OKS differs most between the models: (label, results of these
        images) per model."""
        by_image = [
            results
            for results in _same_images(list(self.reports.values()))
            if not any(np.isnan(result.oks) for result in results)
        ]
        by_image.sort(key=lambda results: min(r.oks for r in results) - max(r.oks for r in results))
        return [
            (label, [results[index] for results in by_image[:count]])
            for index, label in enumerate(self.reports)
        ]


def _row(label: str, metrics: Mapping[str, float], images: int, error: float) -> dict:
    """A row of a table of metrics, in their order, with the standard error of ``oks`` after it."""
    row: dict = {"model": label, "images": images}
    for name, value in metrics.items():
        if name not in ("images", "people"):
            row |= {name: value} | ({"±": error} if name == "oks" else {})
    return row


def _same_images(reports: list[Report]) -> list[tuple[ImageResult, ...]]:
    by_path = [{result.sample.path: result for result in report.per_image} for report in reports]
    return [
        tuple(mapping[path] for mapping in by_path)
        for path in by_path[0]
        if all(path in mapping for mapping in by_path)
    ]


def refinements(model: Model, dataset: Dataset, **settings) -> list[dict]:
    """A row with OKS and PCK for each sub-cell refinement of a heatmap network; no rows for other
    networks.

    Args:
        model, dataset, settings: as for :func:`evaluate`.
    """
    if model.model_type != "heatmaps_spe":
        return []
    metrics = {
        refine: evaluate(model, dataset, **(settings | {"refine": refine})).metrics
        for refine in REFINEMENTS
    }
    return [
        {"refine": refine, "oks": found["oks"], "pck@0.2": found["pck@0.2"]}
        for refine, found in metrics.items()
    ]


def compare(models: Sequence[Model], dataset: Dataset, **settings) -> Comparison:
    """Evaluates several models on one dataset.

    Args:
        models: at least one; the others are compared with the first.
        dataset: with the ground truth.
        settings: as for :func:`evaluate`.

    Raises:
        PoseError: as :func:`evaluate`; if no model is given or two have the same label.
    """
    labels = [model.label for model in models]
    if not labels or len(set(labels)) < len(labels):
        raise PoseError(
            f"models {labels} given; expected at least one, with different labels (model.label, "
            "by default the file name)"
        )
    return Comparison({model.label: evaluate(model, dataset, **settings) for model in models})
