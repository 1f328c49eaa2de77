"""The data that the network in this folder is trained on: photographs and rendered people.

``python data/models/training_data.py PHOTOGRAPHS OUT`` writes ``OUT/train`` and ``OUT/val``, each
with COCO annotations and images of both.

The labels of the photographs are by crowd workers. A teacher predicts each person by their box,
and these rules correct them; OKS is of the labels with the teacher's keypoints, over the labeled
ones:

1. People with a suspicion other than "left and right" (``poseutils.datasets.suspicions``) are
   left out.
2. Left and right of the arms, and of the legs, are exchanged where that raises the OKS of that
   part by at least ``GAIN`` to at least ``AGREES``.
3. People on whom the teacher has a high confidence (mean score of at least ``CONFIDENT``) and
   contradicts the labels (OKS below ``CONTRADICTS``) are left out.

The teacher then adds the keypoints of the face, which are not labeled in the photographs.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

import poseutils as pu
from poseutils.datasets import Dataset, Sample, suspicions
from poseutils.datasets.coco import to_coco
from poseutils.datasets.conversion import copy_images
from poseutils.files import write_json
from poseutils.keypoints import COCO17
from poseutils.labeling import label
from poseutils.poses import oks
from poseutils.synthetic import make_dataset

GAIN, AGREES, CONFIDENT, CONTRADICTS = 0.25, 0.5, 0.45, 0.1
PARTS = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")
VALIDATION = 0.05
"""Fraction of the photographs that is kept apart, with its labels as they are."""
RENDERED, RENDERED_VALIDATION = 7000, 300


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "photographs", type=Path, help="a folder with person_keypoints.json and images/"
    )
    parser.add_argument("out", type=Path, help="the folder to write")
    parser.add_argument("--teacher", default="movenet_lightning_192")
    arguments = parser.parse_args()
    out, teacher = arguments.out, pu.load_model(arguments.teacher)
    train, validation = pu.load_dataset(arguments.photographs).split(VALIDATION, seed=1)
    write(validation, out / "val", "photographs")
    write(corrected(train, teacher), out / "corrected", "photographs")
    label(teacher, out / "corrected", out / "train", link=True)
    make_dataset(out / "train/rendered", RENDERED, seed=3)
    make_dataset(out / "val/rendered", RENDERED_VALIDATION, seed=4)


def write(dataset: Dataset, folder: Path, name: str) -> None:
    """Writes a dataset as ``folder/name.json`` and linked images in ``folder/name``."""
    (folder / name).mkdir(parents=True)
    names = copy_images(dataset, folder / name, link=True, progress=False)
    write_json(folder / f"{name}.json", to_coco(dataset, names))


def corrected(dataset: Dataset, teacher: pu.Model) -> Dataset:
    """The dataset by the three rules, with what was done printed."""
    doubted = {
        (s.sample.image_id, s.person) for s in suspicions(dataset) if s.kind != "left and right"
    }
    predictions = teacher.predict_each([s.path for s in dataset], boxes=[s.boxes for s in dataset])
    counts: Counter[str] = Counter()
    samples = []
    for sample, prediction in zip(dataset, predictions, strict=True):
        poses = prediction.require()
        keep = np.ones(len(sample), bool)
        keypoints = sample.keypoints.copy()
        for person in range(len(sample)):
            if {(sample.image_id, person), (sample.image_id, None)} & doubted:
                what = "left out: suspicious"
            else:
                keypoints[person], what = by_teacher(
                    sample, person, poses.keypoints[person], poses.scores[person]
                )
            keep[person] = not what.startswith("left out")
            counts[what] += 1
        if keep.any():
            samples.append(replace(sample, keypoints=keypoints).chosen(keep))
    print(f"{len(dataset)} photographs: {dict(counts)}")
    return dataset.subset(samples)


def by_teacher(
    sample: Sample, person: int, predicted: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, str]:
    """The keypoints (K, 3) of a person after the second and third rule, and what was done."""
    keypoints, area = sample.keypoints[person], float(sample.areas[person])
    exchanged = []
    for part in PARTS:
        names = [f"{side}_{joint}" for joint in part for side in ("left", "right")]
        rows = [COCO17.names.index(name) for name in names]
        mirrored = keypoints.copy()
        mirrored[rows] = keypoints[np.array(rows).reshape(-1, 2)[:, ::-1].ravel()]
        before, after = (
            agreement(k[rows], predicted[rows], area, rows) for k in (keypoints, mirrored)
        )
        if after >= max(AGREES, before + GAIN):
            keypoints = mirrored
            exchanged.append(part[0])
    labeled = np.flatnonzero(keypoints[:, 2] > 0)
    confident = scores[labeled].mean() >= CONFIDENT
    if confident and agreement(keypoints[labeled], predicted[labeled], area, labeled) < CONTRADICTS:
        return keypoints, "left out: contradicted"
    return keypoints, f"exchanged: {', '.join(exchanged)}" if exchanged else "as they are"


def agreement(keypoints: np.ndarray, predicted: np.ndarray, area: float, rows) -> float:
    """OKS of keypoints (R, 3), some of COCO's, with predictions (R, 2); 0 without a label."""
    sigmas = np.array(COCO17.sigmas)[rows]
    return float(
        np.nan_to_num(oks(predicted, keypoints[:, :2], keypoints[:, 2], np.array(area), sigmas))
    )


if __name__ == "__main__":
    main()
