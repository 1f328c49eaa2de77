"""Which loss finds keypoints best: the same network, people, augmentation and steps, one loss after
the other; twenty minutes or so.

python -m tests.bench.bench_losses
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from poseutils.synthetic import synthetic_dataset
from poseutils.training import build_model, fit, load_examples

LOSSES = [
    ("sigmoid", {"mse": {"sigma": 1.5}}),
    ("sigmoid", {"mse": {"sigma": 0}}),  # what ST's model zoo trains with
    ("sigmoid", {"quality_focal": {"sigma": 1.5}}),
    ("softmax", {"cross_entropy": {"sigma": 1.5}}),
]
SIZE, EPOCHS, IMAGES, CHECKS = (96, 96), 4, 5000, 400
AUGMENTATION = {
    "random_contrast": {"factor": 0.3},
    "random_brightness": {"factor": 0.2},
    "random_flip": {"mode": "horizontal"},
    "random_rotation": {"factor": 0.05},
    "random_zoom": {"width_factor": 0.15},
}


def main() -> None:
    people = load_examples(synthetic_dataset(IMAGES, seed=101), SIZE, crop_margin=(1.1, 2.0))
    checks = load_examples(synthetic_dataset(CHECKS, seed=9), SIZE, crop_margin=(1.25, 1.25))
    for activation, loss in LOSSES:
        model = build_model(
            "st_movenet_lightning_heatmaps",
            (*SIZE, 3),
            len(people.layout),
            alpha=0.35,
            final_activation=activation,
        )
        with tempfile.TemporaryDirectory() as folder:
            result = fit(
                model,
                people,
                checks,
                epochs=EPOCHS,
                run_dir=Path(folder),
                loss=loss,
                augmentation=AUGMENTATION,
            )
        print(f"{activation:8s} {loss}: OKS {result.best_oks:.4f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
