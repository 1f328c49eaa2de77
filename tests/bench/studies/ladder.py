"""Accuracy against cost for networks of several widths and input sizes: the ladder that the
benchmark notebook shows.

python -m tests.bench.studies.ladder PEOPLE WORK [--alphas 0.35 …] [--sizes 128 …] [--steps N]

PEOPLE is the folder that data/models/training_data.py makes. Each network is kept in WORK and not
made again; its rung is written to poseutils/benchmarking/ladder.json as soon as it is measured. A
network of each width is trained from scratch at the first size for three times as many steps as
at each of the others, which start from it. The bundled network stands beside them, with its full
training and at all sizes, and so do the networks in POSEUTILS_CACHE for one person.
--steps 0 trains nothing and lists costs alone.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

import poseutils as pu
from poseutils.benchmarking.analysis import analyze
from poseutils.benchmarking.ladder import LADDER, Rung, ladder
from poseutils.compiler.graph import layers
from poseutils.deployment.spec import read_network
from poseutils.files import write_json
from poseutils.quantization import quantize
from poseutils.training import build_model, fit, load_examples, load_keras
from poseutils.training.batches import rescaled
from poseutils.training.networks.resized import at_size
from tests.bench.ratios import SHIPPED, SHIPPED_FLOAT, cached

NETWORK, KEYPOINTS = "st_movenet_lightning_heatmaps", 17
ALPHAS, SIZES = (0.35, 0.5, 0.75, 1.0), (128, 160, 192, 224, 256)
OTHERS = "movenet_lightning_192", "st_movenet_lightning_heatmaps_192_13kpts"
FIRST = 3
"""How many times as many steps the first size of each width takes."""
BATCH, CALIBRATION = 32, 100
AUGMENTATION: dict[str, dict] = {
    "random_flip": {"mode": "horizontal"},
    "random_rotation": {"factor": 0.08, "fill_mode": "constant"},
    "random_zoom": {"width_factor": (-0.25, 0.2), "fill_mode": "constant"},
    "random_brightness": {"factor": 0.2},
    "random_contrast": {"factor": 0.3},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("people", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--alphas", type=float, nargs="+", default=ALPHAS)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--steps", type=int, default=500)
    chosen = parser.parse_args()
    photographs = pu.load_dataset(chosen.people / "val/photographs.json")
    for rung in _all(chosen, photographs):
        _keep(rung)
        print(rung, flush=True)


def _all(chosen: argparse.Namespace, photographs: pu.Dataset) -> Iterator[Rung]:
    for size in chosen.sizes:
        file = _bundled(chosen.people, chosen.work / f"bundled-{size}", size)
        yield _measured(file, "bundled network", 0.35, "full, at 192", photographs)
    for name in OTHERS:
        if models := cached("models"):
            yield _measured(models / pu.ZOO[name].file, name, None, "published", photographs)
    for alpha in chosen.alphas:
        start = None
        for size in sorted(chosen.sizes):
            folder = chosen.work / f"alpha-{alpha:g}-{size}-{chosen.steps}"
            steps = chosen.steps * (FIRST if start is None else 1)
            file = _network(chosen.people, folder, alpha, size, steps, start)
            training = f"{steps:,} steps" if start is None else f"+ {steps:,} steps"
            yield _measured(
                file, NETWORK, alpha, training if steps else "none", photographs if steps else None
            )
            start = folder / "model.keras" if steps else None


def _bundled(people: Path, folder: Path, size: int) -> Path:
    """The bundled network quantized for another input size."""
    file = folder / "int8.tflite"
    if size == 192:
        return SHIPPED
    if file.exists():
        return file
    folder.mkdir(parents=True, exist_ok=True)
    some = pu.load_dataset(people / "train").split(0.02, seed=1)[1]
    images = load_examples(some, (size, size), crop_margin=(1.1, 1.4)).images[:CALIBRATION]
    return quantize(at_size(load_keras(SHIPPED_FLOAT), (size, size)), rescaled(images), file)


def _network(
    people: Path, folder: Path, alpha: float, size: int, steps: int, start: Path | None
) -> Path:
    """The quantized network of one rung, trained unless it was before."""
    file = folder / "int8.tflite"
    if file.exists():
        return file
    folder.mkdir(parents=True, exist_ok=True)
    if start is None:
        model = build_model(NETWORK, (size, size, 3), KEYPOINTS, alpha)
    else:
        model = at_size(load_keras(start), (size, size))
    if steps:
        images = _train(people, folder, model, size, steps, 3e-3 if start is None else 1e-3)
    else:
        images = _vary(model, size)
    return quantize(model, images, file)


def _vary(model, size: int) -> np.ndarray:
    """Makes biases differ, as a training does, since equal constants would share their place in
    flash; returns images for calibration."""
    dice = np.random.default_rng(0)
    for weights in model.weights:
        if weights.path.endswith(("beta", "bias")):
            weights.assign(dice.normal(0, 0.1, weights.shape))
    return dice.uniform(-1, 1, (2, size, size, 3)).astype(np.float32)


def _train(people: Path, folder: Path, model, size: int, steps: int, rate: float) -> np.ndarray:
    """Trains a network in place; returns images for calibration."""
    everyone, held_out = (pu.load_dataset(people / name) for name in ("train", "val"))
    epochs = math.ceil(steps * BATCH / len(everyone))
    fraction = min(1.0, steps * BATCH / epochs / len(everyone))
    some = everyone.split(fraction, seed=1)[1] if fraction < 1 else everyone
    train = load_examples(some, (size, size), crop_margin=(1.1, 1.4))
    validation = load_examples(held_out, (size, size), crop_margin=(1.25, 1.25))
    fit(
        model,
        train,
        validation,
        epochs=epochs,
        run_dir=folder,
        batch_size=BATCH,
        optimizer={"Adam": {"learning_rate": rate}},
        augmentation=AUGMENTATION,
    )
    return rescaled(train.images[:CALIBRATION])


def _measured(
    file: Path, network: str, alpha: float | None, training: str, people: pu.Dataset | None
) -> Rung:
    """A rung with its costs, and its accuracy where people are given."""
    graph = read_network(file)
    needs, rows = analyze(graph, file.name), layers(graph)
    oks, error = _accuracy(file, people) if people else (None, None)
    return Rung(
        network,
        alpha,
        graph.tensors[graph.inputs[0]].shape[1],
        training,
        oks,
        error,
        round(sum(row["macs"] for row in rows) / 1e6, 1),
        round(needs.ram_bytes / 1024, 1),
        round(needs.flash_bytes / 1024, 1),
        {core: round(count / 1e6, 1) for core, count in needs.instructions.items()},
        dict(Counter(row["operator"] for row in rows)),
    )


def _accuracy(file: Path, people: pu.Dataset) -> tuple[float, float]:
    """Mean OKS by boxes, and its standard error."""
    report = pu.evaluate(pu.load_model(file), people, from_boxes=True, progress=False)
    return round(report.metrics["oks"], 4), round(report.standard_error, 4)


def _keep(rung: Rung) -> None:
    """Adds a rung to the file, in place of an older one of that network, width and size; what was
    trained is not replaced by what was not."""
    known = {_key(old): old for old in (ladder() if LADDER.exists() else [])}
    old = known.get(_key(rung))
    if rung.oks is not None or old is None or old.oks is None:
        known[_key(rung)] = rung
    order = sorted(known.values(), key=lambda r: (r.alpha is None, r.network, r.alpha or 0, r.size))
    write_json(LADDER, [asdict(each) for each in order])


def _key(rung: Rung) -> tuple:
    return rung.network, rung.alpha, rung.size


if __name__ == "__main__":
    main()
