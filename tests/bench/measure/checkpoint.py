"""The accuracy of the bundled network, as its model card lists it.

python -m tests.bench.measure.checkpoint [--people FOLDER] [MODEL ...]

On rendered people that it was not trained on, on the photographs in POSEUTILS_CACHE, and on the
photographs that data/models/training_data.py keeps apart in FOLDER. By boxes: each person is
cropped by their labeled box, enlarged by a quarter. Whole images: those of one person.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import poseutils as pu
from poseutils.synthetic import synthetic_dataset
from tests.bench.ratios import SHIPPED, SHIPPED_FLOAT, cached

RENDERED = 500
COLUMNS = ("network", "people", "how", "number", "OKS", "PCK@0.2")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("models", type=Path, nargs="*", default=[SHIPPED_FLOAT, SHIPPED])
    parser.add_argument("--people", type=Path)
    chosen = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    datasets = dict(_datasets(chosen.people))
    for path in chosen.models:
        model = pu.load_model(path, model_type="heatmaps_spe")
        for name, dataset in datasets.items():
            for from_boxes in (True, False):
                print(f"| {path.name} | {name} | {_row(model, dataset, from_boxes)} |", flush=True)


def _datasets(people: Path | None) -> Iterator[tuple[str, pu.Dataset]]:
    yield "rendered", synthetic_dataset(RENDERED, seed=9)
    if photographs := cached("coco-mini"):
        yield "COCO", pu.load_dataset(photographs)
    if people:
        yield "Leeds Sports Pose", pu.load_dataset(people / "val/photographs.json")


def _row(model: pu.Model, dataset: pu.Dataset, from_boxes: bool) -> str:
    """Number of people, mean OKS with its standard error over images, PCK@0.2."""
    report = pu.evaluate(model, dataset, from_boxes=from_boxes, progress=False)
    how = "by boxes" if from_boxes else "whole images"
    found = report.metrics
    oks = f"{found['oks']:.3f} ± {report.standard_error:.3f}"
    return f"{how} | {found['people']:.0f} | {oks} | {found['pck@0.2']:.3f}"


if __name__ == "__main__":
    main()
