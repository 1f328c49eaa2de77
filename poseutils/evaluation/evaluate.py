"""``evaluate``: measures a model on a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..datasets import Dataset
from ..errors import PoseError
from ..keypoints import (
    COCO17,
    DEFAULT_SIGMA,
    PERSON13,
    KeypointLayout,
    layout_for,
    same_keypoints,
    usual_layout,
    with_sigmas,
)
from ..keypoints.spelling import are_numbers
from ..models import Model
from ..poses import Poses
from . import landmarks
from .categories import Category, categories
from .coco import CocoAP
from .journal import open_journal
from .matching import Match, checked_mapping, keypoint_mapping, labeled_people, mapped, matches
from .predictions import fingerprint, outcomes
from .report import ImageResult, Report
from .zoo_ap import ZooAP

if TYPE_CHECKING:
    from distributed import Client

CONFIDENCE = {"yolo_mpe": 0.001}
"""Default confidence threshold by model type: AP ranks detections by score and needs those with low
scores, too."""


def evaluate(
    model: Model,
    dataset: Dataset,
    *,
    from_boxes: bool = False,
    upright: bool = False,
    keypoint_map: Sequence[int] | None = None,
    workers: int = 0,
    client: Client | None = None,
    run_dir: str | Path | None = None,
    progress: bool = True,
    **thresholds,
) -> Report:
    """Predicts the images of a dataset and computes metrics against its annotations.

    The metrics depend on the model and the annotations; :class:`Report` defines them. A model that
    detects several people is measured on all images, a single-person model on the images with
    exactly one person, as in ST's model zoo.

    Args:
        model: to evaluate. A 13-keypoint model is measured on 17-keypoint annotations reduced as
            the zoo's converter does; a mesh of 468 points on the 68 iBUG points.
        dataset: with annotations.
        from_boxes: predict on crops around the annotated boxes, enlarged by a quarter, instead of
            whole images.
        upright: with ``from_boxes``, rotate each hand upright first, see
            :func:`poseutils.crops.upright_hand`.
        keypoint_map: for each annotated keypoint the index of the model's, where neither number nor
            names of the keypoints agree.
        workers: number of worker processes, each with its own network; 0 predicts in this process.
        client: a ``dask.distributed.Client``, whose workers predict instead, by ranges of images.
            They see the same files under the same paths. The report is the same to the bit.
        run_dir: folder of intermediate results: an interrupted evaluation resumes from it.
        progress: shows a progress bar.
        thresholds: of :class:`poseutils.decoders.Thresholds`. Defaults: ``max_detections`` 20, as
            COCO has it; ``confidence`` 0.001 for ``yolo_mpe`` networks, as AP requires. On whole
            images, a network of one person is measured on its pose whatever the score: OKS compares
            keypoints, and a person below the threshold would count as 0.

    Raises:
        PoseError: if the keypoints of model and dataset cannot be matched; if there is nothing to
            measure; if the network outputs NaN or infinity.
    """
    settings = {"max_detections": 20, "upright": upright} | _confidence(model, thresholds)
    plan = _plan(model, dataset, from_boxes, keypoint_map)
    path = (
        Path(run_dir)
        / f"evaluation-{fingerprint(model, plan.dataset, settings, from_boxes)}.partial"
        if run_dir
        else None
    )
    journal = open_journal(path, model.layout)
    tally, results, errors = _Tally.of(plan), [], []
    each = outcomes(model, plan.dataset, plan.boxes, settings, journal, workers, client)
    for outcome in _with_progress(each, len(plan.dataset), progress):
        if outcome.error:
            errors.append(outcome.error)
            continue
        similarity = tally.add(
            outcome.sample, mapped(outcome.poses, plan.mapping, plan.layout), outcome.image_size
        )
        results.append(
            ImageResult(
                outcome.sample, similarity, journal, outcome.offset, plan.mapping, plan.layout
            )
        )
    journal.finish()
    if not results:
        raise PoseError(
            f"none of the {len(plan.dataset)} images of {dataset.source} could be read; the "
            f"first: {errors[0]}"
        )
    metrics, curves = tally.result()
    return Report(
        metrics | {"images": float(len(results))}, tally.per_keypoint(), results, errors, curves
    )


def _confidence(model: Model, thresholds: dict) -> dict:
    """The thresholds given, with the confidence of an evaluation."""
    if model.gives_one_pose:
        return thresholds | {"confidence": 0}
    usual = CONFIDENCE.get(model.model_type)
    return thresholds if usual is None else {"confidence": usual} | thresholds


def _with_progress(items, total: int, progress: bool):
    from tqdm.auto import tqdm

    return tqdm(items, total=total, desc="evaluate", unit="image", disable=not progress)


# ---------------------------------------------------------------- plan: images, boxes, keypoints


@dataclass(frozen=True)
class _Plan:
    """The images to predict, the boxes to crop (or None), the mapping from the model's keypoints to
    the annotated ones, and the categories."""

    kind: str  # person, hand, head or object
    several: bool
    dataset: Dataset
    boxes: list[np.ndarray] | None
    mapping: np.ndarray | None
    layout: KeypointLayout
    categories: list[Category]


def _plan(
    model: Model, dataset: Dataset, from_boxes: bool, keypoint_map: Sequence[int] | None
) -> _Plan:
    _check_ids(dataset)
    if not any(len(labeled_people(sample)) for sample in dataset):
        raise PoseError(
            f"{dataset.source}: none of its {len(dataset)} images has a person with labeled "
            "keypoints; nothing can be measured"
        )
    if from_boxes and model.gives_boxes:
        raise PoseError(
            f"{model.label} ({model.model_type}) detects people in whole images: it cannot be "
            "evaluated from boxes"
        )
    if keypoint_map is not None:
        mapping, labels = checked_mapping(keypoint_map, model.layout, dataset.layout), dataset
    elif _same_kind(model.layout, dataset):
        mapping, labels = None, dataset.with_layout(model.layout)
    else:
        mapping, labels = keypoint_mapping(model.layout, dataset.layout, dataset.source), dataset
    several = model.gives_several or from_boxes
    chosen = labels if several else labels.single()
    if not len(chosen):
        raise PoseError(
            f"{dataset.source}: no image has exactly one annotated person with labeled keypoints, "
            f"which {model.model_type} is measured on. Give from_boxes=True to crop each person "
            "by their annotated box, or a model with a detector."
        )
    boxes = [sample.boxes[labeled_people(sample)] for sample in chosen] if from_boxes else None
    layout = _measured_layout(model.layout, labels.layout, mapping)
    kind, each = _kind(model, layout), categories(model, dataset)
    return _Plan(kind, several, chosen, boxes, mapping, layout, each)


def _same_kind(model: KeypointLayout, dataset: Dataset) -> bool:
    """Whether the annotations can have the model's keypoints, in its order.

    Raises:
        PoseError: if the model is one of people, and the annotations have as many keypoints of
            other names, so that OKS and AP would compare different parts of a body.
    """
    labels = dataset.layout
    if len(labels) != len(model):
        return model.names == PERSON13.names and labels.names == COCO17.names
    known = usual_layout(model).names in (COCO17.names, PERSON13.names)
    if known and not are_numbers(labels.names) and not same_keypoints(model.names, labels.names):
        raise PoseError(
            f"{dataset.source} has {len(labels)} keypoints of other names than the person model: "
            f"{', '.join(labels.names)}; expected {', '.join(model.names)}. Use annotations of "
            "these, or give keypoint_map=[...], for each labeled keypoint the index of the model's"
        )
    return True


def _check_ids(dataset: Dataset) -> None:
    seen = set()
    for sample in dataset:
        if sample.image_id in seen:
            raise PoseError(
                f"{dataset.source}: two images have the id {sample.image_id!r}; give each image a "
                "unique id"
            )
        seen.add(sample.image_id)


def _measured_layout(
    model: KeypointLayout, labels: KeypointLayout, mapping: np.ndarray | None
) -> KeypointLayout:
    """The layout of the annotations, with the sigmas of the model's keypoints where they have none;
    that of the model if the annotations only number their keypoints, or if its sigmas were set and
    are not the usual ones for its number of keypoints."""
    without_sigmas = set(labels.sigmas) == {DEFAULT_SIGMA}
    own = mapping is None and (
        len(labels) != len(model)
        or model.sigmas != layout_for(len(model)).sigmas
        or (without_sigmas and are_numbers(labels.names))
    )
    if mapping is not None and without_sigmas:
        return with_sigmas(labels, model.sigma_array[mapping].tolist())
    return model if own else labels


def _kind(model: Model, layout: KeypointLayout) -> str:
    if model.model_type in ("hand_spe", "head_spe"):
        return model.model_type.removesuffix("_spe")
    return "person" if layout.names in (COCO17.names, PERSON13.names) else "object"


# ---------------------------------------------------------------- metrics


@dataclass
class _Tally:
    """Accumulates the measurements of all images: numbers only, no images and no poses."""

    plan: _Plan
    matched: list[Match]
    average_precision: list[tuple[CocoAP, ZooAP]]

    @classmethod
    def of(cls, plan: _Plan) -> _Tally:
        sigmas = plan.layout.sigma_array
        ranked = plan.several and plan.kind in ("person", "object")
        return cls(plan, [], [(CocoAP(sigmas), ZooAP(sigmas)) for _ in plan.categories if ranked])

    def add(self, sample, poses: Poses, image_size: tuple[int, int]) -> float:
        """Measures one image; returns the mean OKS of its people, NaN if none is labeled."""
        parts = [category.of(sample, poses) for category in self.plan.categories]
        for (own, predicted), (coco, zoo) in zip(parts, self.average_precision):
            coco.add(own, predicted)
            zoo.add(own, predicted, image_size)
        sigmas, in_order = self.plan.layout.sigma_array, self.plan.boxes is not None
        found = [match for part in parts for match in matches(*part, sigmas, in_order=in_order)]
        self.matched += found
        return _mean([match.oks for match in found])

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
        more, more_curves = _DISTANCES[self.plan.kind](self.matched, self.plan)
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
            for category, (metrics, _) in zip(self.plan.categories, results, strict=True)
            if several and "ap" in metrics
        }, curves

    def per_keypoint(self) -> dict[str, float]:
        """Mean per-keypoint OKS over the people on whom the keypoint is labeled; keypoints that are
        never labeled are left out."""
        names = self.plan.layout.names
        terms = np.array([match.similarities for match in self.matched]).reshape(-1, len(names))
        counts, sums = (~np.isnan(terms)).sum(axis=0), np.nansum(terms, axis=0)
        return {
            name: float(total / count)
            for name, total, count in zip(names, sums, counts, strict=True)
            if count
        }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _object_distances(found: list[Match], plan: _Plan):
    by_box = landmarks.relative(found, landmarks.box_sizes(found))
    return {"pck@0.2": landmarks.correct(by_box, landmarks.PCK_BOX)}, {
        "PCK": landmarks.curve(by_box, landmarks.CURVE)
    }


def _person_distances(found: list[Match], plan: _Plan):
    by_head = landmarks.relative(found, landmarks.head_sizes(found, plan.layout.names))
    pckh = landmarks.correct(by_head, landmarks.PCKH_HEAD)
    metrics, curves = _object_distances(found, plan)
    return metrics | ({} if np.isnan(pckh) else {"pckh@0.5": pckh}), curves


def _hand_distances(found: list[Match], plan: _Plan):
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


def _head_distances(found: list[Match], plan: _Plan):
    if len(plan.layout) != 68:
        return _hand_distances(found, plan)
    errors = landmarks.normalized_mean_errors(
        landmarks.relative(found, landmarks.eye_distances(found))
    )
    known = errors[~np.isnan(errors)]
    metrics = {
        "nme": _mean(errors[np.isfinite(errors)]),
        "nme_box": _hand_distances(found, plan)[0]["nme"],
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
