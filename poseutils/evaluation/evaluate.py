"""``evaluate``: measures a model on a dataset."""

from __future__ import annotations

from collections.abc import Sequence
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
from .categories import categories
from .journal import open_journal
from .matching import checked_mapping, keypoint_mapping, labeled_people
from .measuring import Measure, Tally
from .predictions import fingerprint, outcomes
from .report import ImageResult, Report

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
        client: a ``dask.distributed.Client``, whose workers predict and measure instead, by ranges
            of images. They see the same files under the same paths. The report is the same to the
            bit.
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
    chosen, measure = _plan(model, dataset, from_boxes, keypoint_map)
    path = None
    if run_dir:
        name = f"evaluation-{fingerprint(model, chosen, settings, from_boxes)}.partial"
        path = Path(run_dir) / name
    journal = open_journal(path, model.layout)
    tally, results, errors = Tally(measure), [], []
    each = outcomes(model, chosen, measure, settings, journal, workers, client)
    for outcome in _with_progress(each, len(chosen), progress):
        if isinstance(outcome, str):
            errors.append(outcome)
            continue
        tally.add(outcome.measured)
        parts = outcome.sample, outcome.measured.oks, journal, outcome.offset
        results.append(ImageResult(*parts, measure.mapping, measure.layout))
    journal.finish()
    if not results:
        raise PoseError(
            f"none of the {len(chosen)} images of {dataset.source} could be read; the "
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


# ---------------------------------------------------------------- images, keypoints


def _plan(
    model: Model, dataset: Dataset, from_boxes: bool, keypoint_map: Sequence[int] | None
) -> tuple[Dataset, Measure]:
    """The images to predict, and how they are measured."""
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
    layout = _measured_layout(model.layout, labels.layout, mapping)
    kind, each = _kind(model, layout), categories(model, dataset)
    has_ap = several and kind in ("person", "object")
    return chosen, Measure(kind, layout, mapping, each, has_ap, from_boxes)


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
