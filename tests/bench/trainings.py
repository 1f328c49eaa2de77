"""Training beside Keras's own step on tensors in memory."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import poseutils as pu
from tests.bench.ratios import ROOT, Row, in_turns, python

LISTED = 20_000

FIRST_STEP = """
import os, sys, poseutils as pu
from poseutils import training
overrides = [f"dataset.training_path={sys.argv[1]}", "dataset.validation_path="]
overrides += ["model.model_path="]
config = pu.load_config(sys.argv[2], overrides)
examples, checks = (
    training.configured_examples(config, part) for part in pu.datasets.training_datasets(config)
)
network = training.configured_network(config, len(examples.layout))
fit = sys.modules["poseutils.training.fit"]
whole = fit.make_step
def until_first(*arguments):
    step = whole(*arguments)
    return lambda *batch: (step(*batch), os._exit(0))
fit.make_step = until_first
training.configured_fit(config, network, examples, checks, sys.argv[3])
"""
BY_HAND = """
import json, sys, keras, numpy as np
json.load(open(f"{sys.argv[1]}/all.json"))
network = keras.applications.MobileNetV2((192, 192, 3), alpha=0.35, weights=None)
network.compile("adam", loss="categorical_crossentropy")
network.train_on_batch(np.zeros((32, 192, 192, 3), np.float32), np.zeros((32, 1000), np.float32))
"""


def training() -> Iterator[Row]:
    """The shipped configuration: its images, its augmentations, its network from scratch."""
    with tempfile.TemporaryDirectory() as work, patch.dict(os.environ, POSEUTILS_CACHE=work):
        yield from _steps()
        listed = write_listed(Path(work) / "listed", LISTED)
        own = python(FIRST_STEP, listed, ROOT / "user_config.yaml", Path(work) / "run")
        ratio = in_turns(own, python(BY_HAND, listed), 1, warm=False)
    yield Row(f"first step on {LISTED:,} images", "Keras by hand, one step", ratio, 1.5)


def _steps() -> Iterator[Row]:
    import keras

    from poseutils.training import build_model, load_examples, training_batches
    from poseutils.training.callbacks import make_callbacks
    from poseutils.training.fit import DEFAULT_OPTIMIZER, make_step
    from poseutils.training.validation import make_loss

    config = pu.load_config(ROOT / "user_config.yaml")
    dataset = pu.load_dataset(ROOT / config.dataset.training_path)
    size, batch_size = config.model.input_shape[:2], config.training.batch_size
    kept, read = load_examples(dataset, size), load_examples(dataset, size, memory=0)
    in_memory, from_files = (
        training_batches(examples, batch_size, config.data_augmentation)
        for examples in (kept, read)
    )
    network = build_model(
        config.model.model_name, config.model.input_shape, len(kept.layout), config.model.alpha
    )
    step = make_step(network, make_callbacks(network, DEFAULT_OPTIMIZER, {}, 1000).model.optimizer)
    twin = keras.models.clone_model(network)
    twin.compile(keras.optimizers.Adam(1e-4), loss=make_loss(twin))
    batch = next(iter(in_memory))

    def bare() -> None:
        for _ in range(len(in_memory)):
            twin.train_on_batch(*batch)

    def steps(source) -> Callable[[], object]:
        return lambda: [float(step(*batch)) for batch in source]

    for what, call, limit in (
        ("read and augment images, without a step", lambda: list(from_files), 0.33),
        ("an epoch with images from files", steps(from_files), 1.1),
        ("an epoch with images in memory", steps(in_memory), 1.1),
    ):
        yield Row(what, "bare train_on_batch", in_turns(call, bare, 2), limit)


def write_listed(folder: Path, count: int) -> Path:
    """A folder with a COCO file of many entries that link to the few embedded images."""
    folder.mkdir()
    source = ROOT / "data/synthetic-people/train"
    document = json.loads(source.with_name("train.json").read_text(encoding="utf-8"))
    people = {record["id"]: [] for record in document["images"]}
    for annotation in document["annotations"]:
        people[annotation["image_id"]].append(annotation)
    images, annotations = [], []
    for number in range(1, count + 1):
        record = document["images"][number % len(document["images"])]
        name = f"{number:06d}.jpg"
        os.symlink(source / record["file_name"], folder / name)
        images.append({**record, "id": number, "file_name": name})
        for person in people[record["id"]]:
            annotations.append({**person, "id": len(annotations), "image_id": number})
    document |= {"images": images, "annotations": annotations}
    (folder / "all.json").write_text(json.dumps(document))
    return folder
