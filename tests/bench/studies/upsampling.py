"""The bundled network with bilinear and with nearest upsampling, trained alike.

python -m tests.bench.studies.upsampling PEOPLE WORK [--steps N]

PEOPLE is a data set of COCO's keypoints, of which a twentieth is held out. Both networks start from
the bundled weights, the depthwise convolutions after nearest upsampling as bilinear resizing, and
take the same batches. OKS is of the int8 files, before and after training; the error of a
difference is paired by image. Writes tests/bench/studies/upsampling.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import poseutils as pu
from poseutils.benchmarking import expected_on_processor
from poseutils.benchmarking.analysis import analyze
from poseutils.compiler.graph import layers
from poseutils.deployment import find_board
from poseutils.deployment.spec import read_network
from poseutils.poses import standard_error
from poseutils.quantization import quantize
from poseutils.training import Examples, fit, load_examples, load_keras
from poseutils.training.batches import rescaled
from poseutils.training.networks.upsampling import with_nearest_upsampling
from tests.bench.ratios import SHIPPED_FLOAT
from tests.bench.studies.ladder import AUGMENTATION, BATCH, CALIBRATION

SIZE = (192, 192)
HELD_OUT, SEED = 0.05, 1
"""As of the bundled network, which has not seen these people either."""
RATE = 5e-4
BOARD = "STM32N6570-DK"
HEAD = (
    "| upsampling | steps | OKS, int8 | ± | M instructions | expected on the processor |\n"
    "|---|---:|---:|---:|---:|---|"
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("people", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--steps", type=int, default=150)
    chosen = parser.parse_args()
    everyone, held_out = pu.load_dataset(chosen.people).split(HELD_OUT, SEED)
    some = everyone.split(chosen.steps * BATCH / len(everyone), SEED)[1]
    train = load_examples(some, SIZE, crop_margin=(1.1, 1.4))
    validation = load_examples(held_out, SIZE, crop_margin=(1.25, 1.25))
    lines = [__doc__.splitlines()[0], "", HEAD]
    for steps in (0, chosen.steps):
        found = {}
        for upsampling in ("bilinear", "nearest"):
            file = chosen.work / f"{upsampling}-{steps}.tflite"
            if not file.exists():
                _make(file, upsampling, train, validation, steps)
            found[upsampling] = _similarities(file, held_out)
            lines.append(_row(upsampling, steps, found[upsampling], file))
            print(lines[-1], flush=True)
        gain = found["nearest"] - found["bilinear"]
        lines.append(
            f"| difference | {steps} | {gain.mean():+.4f} | {standard_error(gain):.4f} | | |"
        )
        print(lines[-1], flush=True)
    lines += [
        "",
        f"{len(held_out)} people of `{chosen.people.name}` by their boxes, held out; {len(train)} "
        "to train on. With 0 steps the weights are the bundled ones.",
    ]
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _make(file: Path, upsampling: str, train: Examples, validation: Examples, steps: int) -> None:
    model = load_keras(SHIPPED_FLOAT)
    if upsampling == "nearest":
        model = with_nearest_upsampling(model)
    if steps:
        fit(
            model,
            train,
            validation,
            epochs=1,
            run_dir=file.with_suffix(""),
            batch_size=BATCH,
            optimizer={"Adam": {"learning_rate": RATE}},
            augmentation=AUGMENTATION,
            seed=SEED,
        )
    quantize(model, rescaled(train.images[:CALIBRATION]), file)


def _similarities(file: Path, people: pu.Dataset) -> np.ndarray:
    report = pu.evaluate(pu.load_model(file), people, from_boxes=True, progress=False)
    return np.array(report.similarities)


def _row(upsampling: str, steps: int, found: np.ndarray, file: Path) -> str:
    graph = read_network(file)
    count = analyze(graph, file.name).instructions["Cortex-M55"] / 1e6
    left = expected_on_processor(layers(graph), find_board(BOARD))
    words = ", ".join(f"{row['layers']} {row['operator']}" for row in left)
    oks = f"{found.mean():.4f} | {standard_error(found):.4f}"
    return f"| {upsampling} | {steps} | {oks} | {count:.1f} | {words} |"


if __name__ == "__main__":
    main()
