"""How well the shipped network finds people: 500 drawn ones that it has not seen, and those of the
photographs in POSEUTILS_CACHE.

python -m tests.bench.measure_checkpoint [MODEL ...]

People are looked at by their labeled boxes, enlarged by a quarter, and, where a picture has one
person, in whole pictures.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import poseutils as pu
from poseutils.synthetic import synthetic_dataset

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted(
    path for path in (ROOT / "data/models").iterdir() if path.suffix in (".keras", ".tflite")
)
PEOPLE = 500


def main(files: list[str]) -> None:
    datasets = {"drawn people": synthetic_dataset(PEOPLE, seed=9)}
    photographs = Path(os.environ.get("POSEUTILS_CACHE", "")) / "coco-mini"
    if photographs.is_dir():
        datasets["people in photographs"] = pu.load_dataset(photographs)
    for file in files or SHIPPED:
        model = pu.load_model(file, model_type="heatmaps_spe")
        for name, dataset in datasets.items():
            for from_boxes in (True, False):
                metrics = pu.evaluate(model, dataset, from_boxes=from_boxes, progress=False).metrics
                where = "by boxes" if from_boxes else "whole pictures"
                found = f"{metrics['people']:4.0f} people  OKS {metrics['oks']:.4f}"
                print(f"{Path(file).name:52s} {name:22s} {where:15s} {found}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
