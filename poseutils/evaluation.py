"""Evaluation: mean OKS for networks of one person an image, COCO's AP for networks of several."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .datasets import Dataset, Sample
from .datasets.coco import to_coco
from .errors import PoseError
from .files import write_json
from .inference import Model
from .keypoints import KeypointLayout
from .poses import AREA_OF_BOX, Poses, keypoint_similarity, oks


@dataclass(frozen=True)
class ImageResult:
    """How one image went.

    Attributes:
        sample: the image with its ground truth.
        poses: what was predicted.
        oks: mean over its people of the OKS of the best prediction, 0 where there is none; NaN if nobody is labeled.
    """

    sample: Sample
    poses: Poses
    oks: float


@dataclass(frozen=True)
class Report:
    """What an evaluation found.

    Attributes:
        metrics: flat names to numbers: ``oks``, ``images``, ``people``; for several people an image also ``ap``, ``ap50``,
            ``ap75``, ``ap_medium``, ``ap_large``, ``ar``.
        per_keypoint: name of each keypoint to its mean similarity, the term that OKS averages.
        per_image: one result an image, in the dataset's order.
        errors: messages about images that could not be read; they are left out of the metrics.
    """

    metrics: dict[str, float]
    per_keypoint: dict[str, float]
    per_image: list[ImageResult]
    errors: list[str]

    @property
    def similarities(self) -> list[float]:
        """The OKS of each image, in the dataset's order."""
        return [result.oks for result in self.per_image]

    def changes(self, other: Report) -> list[dict]:
        """This report beside another of the same images, a row an image, those that lost most first."""
        theirs = {result.sample.path: result.oks for result in other.per_image}
        rows = [
            {"image": r.sample.path.name, "OKS": r.oks, "compared": theirs[r.sample.path], "change": r.oks - theirs[r.sample.path]}
            for r in self.per_image
            if r.sample.path in theirs and not np.isnan(r.oks)
        ]
        return sorted(rows, key=lambda row: row["change"])

    def worst(self, count: int) -> list[ImageResult]:
        """The images with the lowest OKS, worst first."""
        return sorted((r for r in self.per_image if not np.isnan(r.oks)), key=lambda r: r.oks)[:count]

    def save(self, path: str | Path) -> Path:
        """Writes the metrics as JSON."""
        return write_json(path, self.metrics)


def evaluate(
    model: Model, dataset: Dataset, *, confidence: float = 0.001, nms_iou: float = 0.7, max_detections: int = 20, progress: bool = True
) -> Report:
    """Predicts a dataset and measures the result.

    ``oks`` is the zoo's mean OKS: COCO's object keypoint similarity with the area of a person taken as 0.53 × box width ×
    box height, averaged over people. For networks of one person an image, only the images with exactly one annotated person
    count, as in the zoo. ``ap``, ``ap50``… are computed by pycocotools with the annotated areas and crowds.

    Args:
        model: to evaluate. A 13-keypoint model is measured on 17-keypoint labels reduced as the zoo's converter does.
        dataset: with the ground truth.
        confidence, nms_iou, max_detections: see :class:`poseutils.decoders.Thresholds`; COCO asks for at most 20 people.
        progress: shows a progress bar.

    Raises:
        PoseError: if the keypoints of model and dataset differ, or there is nothing to measure.
    """
    dataset = dataset.with_layout(model.layout)
    many = model.model_type == "yolo_mpe"
    dataset = dataset if many else dataset.single()
    if not len(dataset):
        raise PoseError(
            f"{dataset.source}: no image has exactly one annotated person with labeled keypoints, which {model.model_type} is measured on"
        )
    results, best, errors = _predict(model, dataset, progress, confidence=confidence, nms_iou=nms_iou, max_detections=max_detections)
    if not results:
        raise PoseError(f"none of the {len(dataset)} images of {dataset.source} could be read; the first: {errors[0]}")
    metrics = coco_ap(results, dataset, model.layout) if many else {}
    metrics |= {"oks": _mean([similarity for similarity, _ in best]), "images": float(len(results)), "people": float(len(best))}
    return Report(metrics, _per_keypoint(best, model.layout), results, errors)


def _predict(
    model: Model, dataset: Dataset, progress: bool, **thresholds
) -> tuple[list[ImageResult], list[tuple[float, np.ndarray]], list[str]]:
    """Results an image, matches a person (see :func:`_best_matches`), and messages about images that could not be read."""
    from tqdm.auto import tqdm

    predictions = model.predict_each([s.path for s in dataset], **thresholds)
    results, best, errors = [], [], []
    for sample, prediction in zip(
        dataset, tqdm(predictions, total=len(dataset), desc="evaluate", unit="image", disable=not progress), strict=True
    ):
        if prediction.error:
            errors.append(str(prediction.error))
        else:
            matches = _best_matches(sample, prediction.poses, model.layout)
            results.append(ImageResult(sample, prediction.poses, _mean([similarity for similarity, _ in matches])))
            best += matches
    return results, best, errors


def _best_matches(sample: Sample, poses: Poses, layout: KeypointLayout) -> list[tuple[float, np.ndarray]]:
    """For each labeled person, crowds apart: the OKS of the prediction that fits best, and its (K,) similarities (NaN: no label)."""
    matches = []
    for truth, box in zip(sample.keypoints[~sample.crowd], sample.boxes[~sample.crowd], strict=True):
        labeled = truth[:, 2] > 0
        if not labeled.any():
            continue
        area = AREA_OF_BOX * np.prod(np.maximum(box[2:] - box[:2], 1))
        if not len(poses):
            matches.append((0.0, np.where(labeled, 0.0, np.nan)))
            continue
        similarity = oks(poses.keypoints, truth[:, :2], labeled, np.full(len(poses), area), layout.sigma_array)
        best = int(similarity.argmax())
        terms = keypoint_similarity(poses.keypoints[best], truth[:, :2], area, layout.sigma_array)
        matches.append((float(similarity[best]), np.where(labeled, terms, np.nan)))
    return matches


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _per_keypoint(matches: list[tuple[float, np.ndarray]], layout: KeypointLayout) -> dict[str, float]:
    """Mean similarity of each keypoint over the people on whom it is labeled; keypoints that never are, are left out."""
    terms = np.array([t for _, t in matches]).reshape(-1, len(layout))
    counts = (~np.isnan(terms)).sum(axis=0)
    sums = np.nansum(terms, axis=0)
    return {name: float(total / count) for name, total, count in zip(layout.names, sums, counts, strict=True) if count}


def coco_ap(results: list[ImageResult], dataset: Dataset, layout: KeypointLayout) -> dict[str, float]:
    """Average precision and recall of COCO's keypoint evaluation, by pycocotools."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    names = ("ap", "ap50", "ap75", "ap_medium", "ap_large", "ar", "ar50", "ar75", "ar_medium", "ar_large")
    detections = [record for result in results for record in result.poses.to_coco(result.sample.image_id)]
    if not detections:
        return dict.fromkeys(names, 0.0)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints as it goes
        truth = COCO()
        truth.dataset = to_coco(dataset.subset([r.sample for r in results]))
        truth.createIndex()
        coco = COCOeval(truth, truth.loadRes(detections), "keypoints")
        coco.params.kpt_oks_sigmas = layout.sigma_array
        coco.evaluate()
        coco.accumulate()
        coco.summarize()
    return {name: float(value) for name, value in zip(names, coco.stats, strict=True) if value >= 0}  # -1: nobody of that size
