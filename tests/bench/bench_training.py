"""How fast training images are read and augmented, and steps made of them, beside Keras's own step
on tensors in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import poseutils as pu
from poseutils.training import build_model, load_examples, training_batches
from poseutils.training.callbacks import make_callbacks
from poseutils.training.fit import DEFAULT_OPTIMIZER, make_step
from poseutils.training.validation import make_loss

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = 100_000


def bench_training(report: Callable) -> None:
    """The shipped configuration: its images, its augmentations, its network from scratch.

    Args:
        report: prints a row, as ``bench.report``.
    """
    import keras

    config = pu.load_config(ROOT / "user_config.yaml")
    dataset = pu.load_dataset(ROOT / config.dataset.training_path)
    kept, read = (
        load_examples(dataset, config.model.input_shape[:2], **memory)
        for memory in ({}, {"memory": 0})
    )
    batches, from_files = (
        training_batches(examples, config.training.batch_size, config.data_augmentation)
        for examples in (kept, read)
    )
    in_memory = next(iter(batches))
    network = build_model(
        config.model.model_name, config.model.input_shape, len(kept.layout), config.model.alpha
    )
    step = make_step(network, make_callbacks(network, DEFAULT_OPTIMIZER, {}, 1000).model.optimizer)
    twin = keras.models.clone_model(network)
    twin.compile(keras.optimizers.Adam(1e-4), loss=make_loss(twin))

    def keras_alone() -> None:
        for _ in range(len(batches)):
            twin.train_on_batch(*in_memory)

    def with_images(source) -> Callable:
        return lambda: [float(step(*batch)) for batch in source]

    calls = {
        "keras": keras_alone,
        "memory": with_images(batches),
        "files": with_images(from_files),
        "alone": lambda: list(batches),
        "read": lambda: list(from_files),
    }
    for call in calls.values():
        call()
    wall, processor = fastest_in_turns(calls, 5)
    images = len(batches) * config.training.batch_size
    print(
        "  images a second: "
        + ", ".join(f"{name} {images / seconds:.0f}" for name, seconds in wall.items())
    )
    for unit, found in (("x", wall), ("x, processor", processor)):
        report(
            "reading files and augmenting alone, rate over train_on_batch",
            found["keras"] / found["read"],
            unit,
            3,
            at_most=False,
        )
        report(
            "steps with images from files, rate over train_on_batch",
            found["keras"] / found["files"],
            unit,
            0.9,
            at_most=False,
        )
        report(
            "steps with images kept in memory, rate over train_on_batch",
            found["keras"] / found["memory"],
            unit,
            0.9,
            at_most=False,
        )


def fastest_in_turns(
    calls: dict[str, Callable], repeats: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds on the clock and of the processor, of the runs in turns that other programs disturbed
    least."""
    wall, processor = ({name: float("inf") for name in calls} for _ in range(2))
    for _ in range(repeats):
        for name, call in calls.items():
            clock, used = time.perf_counter(), time.process_time()
            call()
            wall[name] = min(wall[name], time.perf_counter() - clock)
            processor[name] = min(processor[name], time.process_time() - used)
    return wall, processor


# ---------------------------------------------------------------- the first step


def bench_first_step(report: Callable) -> None:
    """From starting Python to the first step of a training on 100,000 listed images, a fifth of
    them to validate with."""
    with tempfile.TemporaryDirectory() as folder:
        for form, write in (("COCO", _write_coco), ("text labels", _write_text)):
            data = Path(folder) / form
            data.mkdir()
            write(data)
            ended = subprocess.run(
                [sys.executable, __file__, str(data)], capture_output=True, text=True, check=True
            )
            wall, processor = map(float, ended.stdout.split()[-2:])
            report(f"first step on {ENTRIES:,} images, {form}", wall, "s", 20)
            report(f"first step on {ENTRIES:,} images, {form}, processor time", processor, "s", 20)


def _listed() -> tuple[dict, list[tuple[str, Path, list[dict], dict]]]:
    """The embedded annotations, and 100,000 entries that link to their few images: name, image,
    people and record."""
    source = ROOT / "data/synthetic-people/train"
    document = json.loads(source.with_name("train.json").read_text(encoding="utf-8"))
    people = {
        record["id"]: [a for a in document["annotations"] if a["image_id"] == record["id"]]
        for record in document["images"]
    }
    records = [document["images"][number % len(document["images"])] for number in range(ENTRIES)]
    entries = [
        (f"{n:06d}.jpg", source / r["file_name"], people[r["id"]], r) for n, r in enumerate(records)
    ]
    return document, entries


def _write_coco(folder: Path) -> None:
    document, entries = _listed()
    images, annotations = [], []
    for number, (name, image, people, record) in enumerate(entries, 1):
        os.symlink(image, folder / name)
        images.append({**record, "id": number, "file_name": name})
        annotations += [
            {**person, "id": len(annotations) + i, "image_id": number}
            for i, person in enumerate(people)
        ]
    (folder / "all.json").write_text(
        json.dumps({**document, "images": images, "annotations": annotations})
    )


def _write_text(folder: Path) -> None:
    _, entries = _listed()
    for name, image, people, record in entries:
        os.symlink(image, folder / name)
        size = record["width"], record["height"]
        (folder / name).with_suffix(".txt").write_text(
            "\n".join(_line(person, *size) for person in people)
        )


def _line(person: dict, width: int, height: int) -> str:
    x, y, w, h = person["bbox"]
    points = person["keypoints"]
    parts = [0, (x + w / 2) / width, (y + h / 2) / height, w / width, h / height]
    for i in range(0, len(points), 3):
        parts += [points[i] / width, points[i + 1] / height, points[i + 2]]
    return " ".join(map(str, parts))


def _first_step(folder: str) -> None:
    """Trains as the notebook does until the first step is made, and prints the seconds since Python
    started, and of the processor."""
    from poseutils import training

    overrides = [f"dataset.training_path={folder}", "dataset.validation_path=", "model.model_path="]
    config = pu.load_config(ROOT / "user_config.yaml", overrides)
    parts = pu.datasets.training_datasets(config)
    examples, checks = (training.configured_examples(config, part) for part in parts)
    network = training.configured_network(config, len(examples.layout))
    fit = sys.modules["poseutils.training.fit"]
    whole = fit.make_step

    def until_first(*arguments):
        step = whole(*arguments)

        def first(*batch):
            step(*batch)
            print(
                time.clock_gettime(time.CLOCK_BOOTTIME) - _started(),
                time.process_time(),
                flush=True,
            )
            os._exit(0)

        return first

    fit.make_step = until_first
    with tempfile.TemporaryDirectory() as run_dir:
        training.configured_fit(config, network, examples, checks, run_dir)


def _started() -> float:
    """When this process started, in seconds since the machine did."""
    ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    _first_step(sys.argv[1])
