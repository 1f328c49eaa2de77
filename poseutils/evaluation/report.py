"""What an evaluation found."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..datasets import Sample
from ..files import atomic_path, write_json
from ..keypoints import KeypointLayout
from ..poses import Poses
from .journal import Journal
from .matching import mapped


@dataclass(frozen=True, slots=True)
class ImageResult:
    """How one image went.

    Attributes:
        sample: the image with its ground truth.
        oks: mean over its people of the OKS of the best prediction, 0 where there is none; NaN if nobody is labeled.
    """

    sample: Sample
    oks: float
    _journal: Journal = field(repr=False)
    _start: int = field(repr=False)
    _mapping: np.ndarray | None = field(repr=False)
    _layout: KeypointLayout = field(repr=False)

    @property
    def poses(self) -> Poses:
        """What was predicted, with the keypoints that are labeled; read from disk, where it is kept."""
        return mapped(self._journal.read(self._start)[0], self._mapping, self._layout)


@dataclass(frozen=True)
class Report:
    """What an evaluation found.

    Attributes:
        metrics: flat names to numbers:

            - ``images``, ``people``: how many were measured.
            - ``oks``: the zoo's mean OKS, over people: COCO's object keypoint similarity with the area of a person taken as
              0.53 × width × height of their box. A person who was not found counts 0.
            - several people an image: ``ap``, ``ap50``, ``ap75``, ``ap_medium``, ``ap_large``, ``ar``… of COCO's keypoint evaluation,
              by pycocotools, with the annotated areas and crowds; ``zoo_map50``, the zoo's own AP at OKS 0.5 (see ``ZooAP``).
            - ``pck@0.2``: part of the labeled keypoints within 0.2 × the larger side of the box (Yang and Ramanan, TPAMI 2013);
              ``pckh@0.5``: within half the size of the head (Andriluka et al., CVPR 2014; see ``landmarks.head_sizes``).
            - hands: ``nme``, the mean error over the larger side of the box, of those that were predicted; ``pck_auc``, the area under
              the PCK curve from 0 to 0.3 of the box (as Simon et al., CVPR 2017, for hands), of all; ``found``, the part whose mean
              error is at most 0.3.
            - heads: ``nme``, the mean error over the distance between the outer corners of the eyes, of those that were predicted;
              ``nme_box`` the same over the larger side of the box; ``failure@0.08``, the part above 8 %; ``auc@0.08``, the area under
              the cumulative error curve up to 8 % (Sagonas et al., "300 Faces in-the-Wild", 2016).
        per_keypoint: name of each keypoint to its mean similarity, the term that OKS averages.
        per_image: one result an image, in the dataset's order.
        errors: messages about images that could not be read; they are left out of the metrics.
        curves: by name, columns of points: ``precision`` over ``recall``, the part ``within`` each ``threshold``.
    """

    metrics: dict[str, float]
    per_keypoint: dict[str, float]
    per_image: list[ImageResult]
    errors: list[str]
    curves: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

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

    def plot(self) -> None:
        """Shows the report as figures: keypoints, images, curves."""
        from ..plots import show_report  # a way up, as for poses: people expect a report to show itself

        show_report(self)

    def save(self, path: str | Path) -> Path:
        """Writes ``path`` (.json) with everything but the poses, and beside it, under the same name, a .csv with a row an image."""
        path = Path(path)
        numbers = {name: value for name, value in self.metrics.items() if np.isfinite(value)}
        curves = {name: {key: values.tolist() for key, values in columns.items()} for name, columns in self.curves.items()}
        write_json(path, {"metrics": numbers, "per_keypoint": self.per_keypoint, "errors": self.errors, "curves": curves})
        with atomic_path(path.with_suffix(".csv")) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["image_id", "file_name", "people", "oks"])
            rows.writerows([r.sample.image_id, r.sample.path.name, len(r.sample), "" if np.isnan(r.oks) else r.oks] for r in self.per_image)
        return path
