"""The report of an evaluation."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..datasets import Sample
from ..files import atomic_path, write_json
from ..keypoints import KeypointLayout
from ..poses import Poses, standard_error
from .journal import Journal
from .matching import mapped


@dataclass(frozen=True, slots=True)
class ImageResult:
    """The result for one image.

    Attributes:
        sample: the image with its annotations.
        oks: mean over the annotated people of the OKS of the best prediction, 0 without one; NaN if
            none is labeled.
    """

    sample: Sample
    oks: float
    _journal: Journal = field(repr=False)
    _offset: int = field(repr=False)
    _mapping: np.ndarray | None = field(repr=False)
    _layout: KeypointLayout = field(repr=False)

    @property
    def poses(self) -> Poses:
        """The predicted poses, with the keypoints of the annotations; read from disk on access."""
        return mapped(self._journal.read(self._offset)[0], self._mapping, self._layout)


@dataclass(frozen=True)
class Report:
    """The result of an evaluation.

    Attributes:
        metrics: names to numbers:

            - ``images``, ``people``: how many were measured.
            - ``oks``: ST's model zoo's mean OKS over people: COCO's object keypoint similarity,
              with the area of a person taken as 0.53 × width × height of their box. A person who is
              not detected counts as 0.
            - with several people per image: ``ap``, ``ap50``, ``ap75``, ``ap_medium``,
              ``ap_large``, ``ar``… of COCO's keypoint evaluation, equal to pycocotools, with
              the annotated areas and crowds; ``zoo_map50``, the model zoo's own AP at OKS 0.5 (see
              ``ZooAP``).
            - ``pck@0.2``: fraction of the labeled keypoints within 0.2 × the larger side of the box
              (Yang and Ramanan, TPAMI 2013); ``pckh@0.5``: within half the size of the head
              (Andriluka et al., CVPR 2014; see ``landmarks.head_sizes``).
            - hands: ``nme``, the mean error normalized by the larger side of the box, over hands
              with a prediction; ``pck_auc``, the area under the PCK curve from 0 to 0.3 of the box
              (as Simon et al., CVPR 2017), over all hands; ``found``, the fraction with a mean
              error of at most 0.3.
            - heads: ``nme``, the mean error normalized by the distance between the outer eye
              corners, over heads with a prediction; ``nme_box``, normalized by the larger side of
              the box; ``failure@0.08``, the fraction above 8 %; ``auc@0.08``, the area under the
              cumulative error curve up to 8 % (Sagonas et al., "300 Faces in-the-Wild", 2016).
        per_keypoint: name of each keypoint to its mean per-keypoint OKS.
        per_image: a result per image, in the order of the dataset.
        errors: messages about images that could not be read; they are excluded from the metrics.
        curves: name to columns: ``precision`` over ``recall``; the fraction of errors ``within``
            each ``threshold``.
    """

    metrics: dict[str, float]
    per_keypoint: dict[str, float]
    per_image: list[ImageResult] = field(repr=False)
    errors: list[str]
    curves: dict[str, dict[str, np.ndarray]] = field(default_factory=dict, repr=False)

    @property
    def similarities(self) -> list[float]:
        """The OKS of each image, in the order of the dataset."""
        return [result.oks for result in self.per_image]

    @property
    def standard_error(self) -> float:
        """Of the mean OKS, over images."""
        return standard_error(self.similarities)

    def changes(self, other: Report) -> list[dict]:
        """A row per image that both reports have, with both OKS and their difference, largest loss
        first."""
        theirs = {result.sample.path: result.oks for result in other.per_image}
        rows = [
            {
                "image": r.sample.path.name,
                "OKS": r.oks,
                "compared": theirs[r.sample.path],
                "change": r.oks - theirs[r.sample.path],
            }
            for r in self.per_image
            if r.sample.path in theirs and not np.isnan(r.oks)
        ]
        return sorted(rows, key=lambda row: row["change"])

    def worst(self, count: int) -> list[ImageResult]:
        """The images with the lowest OKS, worst first."""
        return sorted((r for r in self.per_image if not np.isnan(r.oks)), key=lambda r: r.oks)[
            :count
        ]

    def plot(self) -> None:
        """Shows figures of the report: keypoints, images, curves."""
        from ..plots import show_report  # an upward import, deferred, as in Poses.plot

        show_report(self)

    def save(self, path: str | Path) -> Path:
        """Writes ``path`` (.json) with everything but the poses, and beside it a .csv of the same
        name with a row per image."""
        path = Path(path)
        numbers = {name: value for name, value in self.metrics.items() if np.isfinite(value)}
        curves = {
            name: {key: values.tolist() for key, values in columns.items()}
            for name, columns in self.curves.items()
        }
        write_json(
            path,
            {
                "metrics": numbers,
                "per_keypoint": self.per_keypoint,
                "errors": self.errors,
                "curves": curves,
            },
        )
        with (
            atomic_path(path.with_suffix(".csv")) as temporary,
            temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
        ):
            rows = csv.writer(file)
            rows.writerow(["image_id", "file_name", "people", "oks"])
            rows.writerows(
                [
                    r.sample.image_id,
                    r.sample.path.name,
                    len(r.sample),
                    "" if np.isnan(r.oks) else r.oks,
                ]
                for r in self.per_image
            )
        return path
