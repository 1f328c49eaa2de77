"""How fast training images are read and augmented, and steps made of them, beside Keras's own step on tensors in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import poseutils as pu
from poseutils.training import build_model, load_examples, training_batches
from poseutils.training.validation import make_loss

ROOT = Path(__file__).resolve().parent.parent


def bench_training(report: Callable) -> None:
    """The shipped configuration: its images, its augmentations, its network from scratch.

    Args:
        report: prints a row, as ``bench.report``.
    """
    import keras

    config = pu.load_config(ROOT / "user_config.yaml")
    examples = load_examples(pu.load_dataset(ROOT / config.dataset.training_path), config.model.input_shape[:2])
    batches = training_batches(examples, config.training.batch_size, config.data_augmentation)
    network = build_model(config.model.model_name, config.model.input_shape, len(examples.layout), config.model.alpha)
    network.compile(keras.optimizers.Adam(1e-4), loss=make_loss(network))
    in_memory = next(iter(batches))

    def read() -> int:
        return sum(len(images) for images, _ in batches)

    def read_and_train() -> int:
        return sum(len(images) for images, keypoints in batches if network.train_on_batch(images, keypoints) is not None)

    def train() -> int:
        return sum(len(in_memory[0]) for _ in range(len(batches)) if network.train_on_batch(*in_memory) is not None)

    rates: dict[Callable, list[float]] = {read: [], read_and_train: [], train: []}
    train()
    for _ in range(7):
        for call, found in rates.items():
            start = time.perf_counter()
            found.append(call() / (time.perf_counter() - start))
    alone, piped, bare = (max(found) for found in rates.values())  # those that other programs disturbed least
    print(f"  reading and augmenting {alone:.0f}, training with it {piped:.1f}, training on what is in memory {bare:.1f} images a second")
    report("reading and augmenting alone, rate over training's", alone / bare, "x", 3, at_most=False)
    report("training with reading and augmenting, rate over train_on_batch", piped / bare, "x", 0.9, at_most=False)
