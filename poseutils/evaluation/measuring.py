"""What is measured of an image, wherever it is predicted, and of all images together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..datasets import Sample
from ..keypoints import KeypointLayout
from ..poses import Poses
from . import landmarks
from .categories import Category
from .coco import CocoAP, Compared, compared
from .matching import Match, mapped, matches
from .zoo_ap import Ranked, ZooAP, ranked


@dataclass(frozen=True)
class Measure:
    """How images are measured.

    Attributes:
        kind: person, hand, head or object.
        layout: of the annotations, with the sigmas of OKS.
        mapping: for each annotated keypoint the index of the model's; None if they are the same.
        categories: each is measured by itself.
        has_ap: whether average precision is measured.
        from_boxes: whether the model predicts on crops around the annotated boxes, so that each
            prediction belongs to a person.
    """

    kind: str
    layout: KeypointLayout
    mapping: np.ndarray | None
    categories: Sequence[Category]
    has_ap: bool
    from_boxes: bool

    def of(self, sample: Sample, poses: Poses, image_size: tuple[int, int]) -> Measured:
        """The measurements of an image: its annotations, the poses that the model predicts, and its
        height and width."""
        sigmas, poses = self.layout.sigma_array, mapped(poses, self.mapping, self.layout)
        parts = [category.of(sample, poses) for category in self.categories]
        return Measured(
            [match for part in parts for match in matches(*part, sigmas, in_order=self.from_boxes)],
            [compared(*part, sigmas) for part in parts if self.has_ap],
            [ranked(*part, image_size, sigmas) for part in parts if self.has_ap],
        )


@dataclass(frozen=True)
class Measured:
    """The measurements of an image.

    Attributes:
        matches: each of its people with the best prediction.
        compared: of each category, for COCO's average precision.
        ranked: of each category, for the zoo's.
    """

    matches: list[Match]
    compared: list[Compared]
    ranked: list[Ranked]

    @property
    def oks(self) -> float:
        """Mean OKS of its people, NaN if none is labeled."""
        return _mean([match.oks for match in self.matches])


class Tally:
    """The measurements of all images: numbers only, no images and no poses."""

    def __init__(self, measure: Measure):
        self.measure = measure
        self.matched: list[Match] = []
        each = measure.categories if measure.has_ap else ()
        self.average_precision = [(CocoAP(measure.layout.sigma_array), ZooAP()) for _ in each]

    def add(self, image: Measured) -> None:
        self.matched += image.matches
        each = zip(self.average_precision, image.compared, image.ranked, strict=True)
        for (coco, zoo), its_compared, its_ranked in each:
            coco.add_compared(its_compared)
            zoo.add(its_ranked)

    def result(self) -> tuple[dict[str, float], dict[str, dict[str, np.ndarray]]]:
        """Metrics and curves."""
        metrics: dict[str, float] = {}
        curves: dict[str, dict[str, np.ndarray]] = {}
        if self.average_precision:
            metrics, curves["precision"] = self._average_precision()
        metrics |= {
            "oks": _mean([match.oks for match in self.matched]),
            "people": float(len(self.matched)),
        }
        more, more_curves = _DISTANCES[self.measure.kind](self.matched, self.measure.layout)
        return metrics | more, curves | more_curves

    def _average_precision(self) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Metrics and curves: of several categories their means, and the AP of each."""
        results = [coco.result() for coco, _ in self.average_precision]
        for (metrics, _), (_, zoo) in zip(results, self.average_precision, strict=True):
            metrics["zoo_map50"] = zoo.result()
        names = dict.fromkeys(name for metrics, _ in results for name in metrics)
        mean = {name: _mean([m[name] for m, _ in results if name in m]) for name in names}
        curves = {name: np.mean([c[name] for _, c in results], axis=0) for name in results[0][1]}
        several = len(results) > 1
        return mean | {
            f"ap.{category.name}": metrics["ap"]
            for category, (metrics, _) in zip(self.measure.categories, results, strict=True)
            if several and "ap" in metrics
        }, curves

    def per_keypoint(self) -> dict[str, float]:
        """Mean per-keypoint OKS over the people on whom the keypoint is labeled; keypoints that are
        never labeled are left out."""
        names = self.measure.layout.names
        terms = np.array([match.similarities for match in self.matched]).reshape(-1, len(names))
        counts, sums = (~np.isnan(terms)).sum(axis=0), np.nansum(terms, axis=0)
        return {
            name: float(total / count)
            for name, total, count in zip(names, sums, counts, strict=True)
            if count
        }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _object_distances(found: list[Match], layout: KeypointLayout):
    by_box = landmarks.relative(found, landmarks.box_sizes(found))
    return {"pck@0.2": landmarks.correct(by_box, landmarks.PCK_BOX)}, {
        "PCK": landmarks.curve(by_box, landmarks.CURVE)
    }


def _person_distances(found: list[Match], layout: KeypointLayout):
    by_head = landmarks.relative(found, landmarks.head_sizes(found, layout.names))
    pckh = landmarks.correct(by_head, landmarks.PCKH_HEAD)
    metrics, curves = _object_distances(found, layout)
    return metrics | ({} if np.isnan(pckh) else {"pckh@0.5": pckh}), curves


def _hand_distances(found: list[Match], layout: KeypointLayout):
    by_box = landmarks.relative(found, landmarks.box_sizes(found))
    errors = landmarks.normalized_mean_errors(by_box)
    seen = errors <= landmarks.CURVE
    metrics = {
        "nme": _mean(errors[np.isfinite(errors)]),
        "pck@0.2": landmarks.correct(by_box, landmarks.PCK_BOX),
        "pck_auc": landmarks.area_under_curve(by_box, landmarks.CURVE),
        "found": float(seen.mean()),
    }
    return metrics, {"PCK": landmarks.curve(by_box, landmarks.CURVE)}


def _head_distances(found: list[Match], layout: KeypointLayout):
    if len(layout) != 68:
        return _hand_distances(found, layout)
    errors = landmarks.normalized_mean_errors(
        landmarks.relative(found, landmarks.eye_distances(found))
    )
    known = errors[~np.isnan(errors)]
    metrics = {
        "nme": _mean(errors[np.isfinite(errors)]),
        "nme_box": _hand_distances(found, layout)[0]["nme"],
        "failure@0.08": _mean(known > landmarks.FAILURE),
        "auc@0.08": landmarks.area_under_curve(errors, landmarks.FAILURE),
        "found": _mean(np.isfinite(known)),
    }
    return metrics, {"heads": landmarks.curve(errors, landmarks.FAILURE)}


_DISTANCES = {
    "person": _person_distances,
    "object": _object_distances,
    "hand": _hand_distances,
    "head": _head_distances,
}
