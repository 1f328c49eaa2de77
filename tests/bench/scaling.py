"""Training on more examples than fit in memory: the memory of many beside that of few, and the time
to read them beside that of training."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from unittest.mock import patch

import poseutils as pu
from tests.bench.ratios import Row, in_turns, peak_memory
from tests.bench.trainings import write_listed

FEW, MANY = 10_000, 40_000
"""Numbers of examples."""
SIZE, BATCH = (192, 192), 32
READ, TRAINED = 30, 3
"""Batches that are read and trained on, to compare their times."""

EPOCH = f"""
import sys, poseutils as pu
from poseutils import training
examples = training.load_examples(pu.load_dataset(sys.argv[1]), {SIZE}, memory=0)
for batch in training.training_batches(examples, {BATCH}):
    pass
"""


def scaling() -> Iterator[Row]:
    """Writes 5 GiB."""
    with tempfile.TemporaryDirectory() as work, patch.dict(os.environ, POSEUTILS_CACHE=work):
        few = write_listed(Path(work) / "few", FEW)
        if sys.platform == "linux":
            many = write_listed(Path(work) / "many", MANY)
            ratio = peak_memory(EPOCH, many) / peak_memory(EPOCH, few)
            yield Row(f"memory to read {MANY:,} examples", f"memory for {FEW:,}", ratio, 1.2)
        yield Row("read images from files", "a step on them", _reading(few), 0.1)


def _reading(dataset: Path) -> float:
    """The time to read a batch over that of a step of the bundled network."""
    from poseutils.training import build_model, load_examples, training_batches
    from poseutils.training.callbacks import make_callbacks
    from poseutils.training.fit import DEFAULT_OPTIMIZER
    from poseutils.training.steps import make_step

    examples = load_examples(pu.load_dataset(dataset), SIZE, memory=0)
    batches = training_batches(examples, BATCH)
    network = build_model("st_movenet_lightning_heatmaps", (*SIZE, 3), len(examples.layout), 0.35)
    step = make_step(network, make_callbacks(network, DEFAULT_OPTIMIZER, {}, 1000).model.optimizer)
    batch = next(iter(batches))

    def read() -> None:
        for _ in islice(batches, READ):
            pass

    def train() -> None:
        for _ in range(TRAINED):
            float(step(*batch))

    return in_turns(read, train, 2) / READ * TRAINED
