"""Draws the README's figure, data/readme.jpg: rendered people with what the bundled network
predicts, over the memory plans of that network.

python -m tests.bench.readme_figure
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import cv2
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import poseutils as pu
from poseutils import plots
from poseutils.benchmarking import arenas_of_others
from tests.bench.ratios import PEOPLE, ROOT, SHIPPED

COLUMNS, SIDE = 6, 200


def main() -> None:
    matplotlib.use("Agg")
    model = pu.load_model(SHIPPED)
    single = pu.load_dataset(PEOPLE).single()
    people = np.hstack([_drawn(model, sample.path) for sample in single[:COLUMNS]])
    plan = _plan(model, people.shape[1])
    figure = Image.fromarray(np.vstack([people, plan]))
    figure.save(ROOT / "data/readme.jpg", quality=88)


def _drawn(model: pu.Model, path: Path) -> np.ndarray:
    drawn = plots.draw_poses(pu.read_image(path), model.predict(path))
    return cv2.resize(drawn, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _plan(model: pu.Model, width: int) -> np.ndarray:
    """The figure of the memory plans, (H, width, 3) uint8."""
    with tempfile.TemporaryDirectory() as work:
        report = pu.export(model, Path(work) / "bundle").report
    plots.show_memory_plans(
        {"layer by layer": report.layerwise_tensors, "row by row": report.tensors},
        arenas_of_others(SHIPPED),
    )
    buffer = io.BytesIO()
    plt.savefig(buffer, dpi=width / plt.gcf().get_size_inches()[0])
    plt.close()
    return np.asarray(Image.open(buffer).convert("RGB"))[:, :width]


if __name__ == "__main__":
    main()
