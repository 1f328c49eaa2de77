"""Damaged .tflite or .onnx files through load, predict, evaluate, benchmark and export:
each ends in a result or in a PoseError, and none in a signal, a traceback, ``SECONDS`` or
``MEMORY``.

python -m tests.bench.fuzzing.fuzz_models [COUNT] [SEED] [FOLDER] [SUFFIX]

Half are damaged by structure (a legal flatbuffer or protobuf that says something else), half by
bytes. Batches run in processes of their own; the file at which one ends is kept in FOLDER (default
or "": none is kept), and the next begins behind it. SUFFIX is tflite (default) or onnx.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnx
from PIL import Image

from tests.bench.fuzzing.fuzz_export import damage
from tests.bench.ratios import ROOT
from tests.helpers.damage.file_structure import damaged_file
from tests.helpers.damage.onnx_files import damaged
from tests.helpers.networks import kernel_cases, kernel_cases_more
from tests.helpers.networks.imitations import brightness
from tests.helpers.networks.qdq_cases import CASES
from tests.helpers.networks.tiny_qdq import Net, quantized, yolo
from tests.helpers.networks.tiny_tflite import heatmap_model

SECONDS = 10
"""Of processor time, for one file."""
MEMORY = 4 << 30
BATCH = 250


Seeds = list[tuple[int, bytes]]
"""(how often, bytes)."""


@cache
def of_tflite() -> Seeds:
    """A network of heatmaps, one of every operator, and the shipped ones."""
    cases = [*kernel_cases.CASES.values(), *kernel_cases_more.CASES.values()]
    shipped = sorted((ROOT / "data/models").glob("*_int8.tflite"))
    return [
        (2 * len(cases), heatmap_model(keypoints=13)),
        *((1, make()) for make in cases),
        *((20, path.read_bytes()) for path in shipped),
    ]


@cache
def of_onnx() -> Seeds:
    """Networks of heatmaps and of a YOLO head, floats and QDQ, and one of every operator of QDQ
    files."""
    nets = [net.model(make(net)) for make in CASES.values() for net in [Net()]]
    with tempfile.TemporaryDirectory() as work:
        maps = onnx.load(brightness(Path(work) / "maps.onnx"))
    maps.graph.input[0].name = "x"
    maps.graph.node[0].input[0] = "x"
    return [
        *((often, made.SerializeToString()) for often, made in ((20, maps), (20, yolo()))),
        *((20, quantized(made).SerializeToString()) for made in (maps, yolo())),
        *((2, made.SerializeToString()) for made in nets),
    ]


FORMATS: dict[str, tuple[Callable[[], Seeds], Callable[[bytes, random.Random], bytes]]] = {
    "tflite": (of_tflite, damaged_file),
    "onnx": (of_onnx, damaged),
}
"""By suffix: whole files, and what damages them by structure."""


def file(number: int, seed: int, suffix: str) -> bytes:
    """The file of a number; the same in every process."""
    dice, (seeds, by_structure) = random.Random(f"{seed}/{number}"), FORMATS[suffix]
    ((_, data),) = dice.choices(seeds(), weights=[often for often, _ in seeds()])
    return (by_structure if number % 2 else damage)(data, dice)


def attempt(path: Path) -> dict[str, str]:
    """How each service ended: ``done``, ``refused``, or a traceback."""
    import poseutils as pu
    from poseutils import benchmarking
    from poseutils.benchmarking import report

    report.measure_arena = lambda path, room: (None, "not asked")  # it has a process of its own
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    loaded: list[pu.Model] = []
    steps = {
        "load": lambda: loaded.append(_loaded(path)),
        "predict": lambda: [model.predict(image) for model in loaded],
        "evaluate": lambda: [pu.evaluate(model, _one(model), progress=False) for model in loaded],
        "benchmark": lambda: benchmarking.benchmark(path, runs=1, num_threads=1),
        "export": lambda: pu.export(path, path.parent / "out"),
    }
    endings = {}
    for name, step in steps.items():
        try:
            step()
            needs_model = name in ("predict", "evaluate")
            endings[name] = "done" if loaded or not needs_model else "refused"
        except pu.PoseError:
            endings[name] = "refused"
        except BaseException:
            endings[name] = traceback.format_exc()
    return endings


def _loaded(path: Path):
    """The model, whatever its kind is guessed to be; heatmaps, where nothing is evident."""
    import poseutils as pu

    try:
        return pu.load_model(path, num_threads=1)
    except pu.PoseError as error:
        if "give model_type=" not in str(error):
            raise
        return pu.load_model(path, "heatmaps_spe", num_threads=1)


def _one(model):
    """A dataset of one image of one person with the model's keypoints."""
    from poseutils.datasets import Dataset, Sample

    path = Path(tempfile.gettempdir()) / "fuzz_models.png"
    if not path.exists():
        Image.new("RGB", (64, 48)).save(path)
    points = np.full((1, len(model.layout), 3), 20, np.float32)
    box, area = np.array([[2, 2, 40, 40]], np.float32), np.array([900], np.float32)
    one = Sample(1, path, (64, 48), points, box, area, np.zeros(1, bool))
    return Dataset((one,), model.layout, "one image")


def work(first: int, last: int, seed: int, suffix: str) -> None:
    """Prints a line of JSON for each file: its number before, and how it ended after."""
    import poseutils as pu

    pu.load_model(next((ROOT / "data/models").glob("*_int8.tflite")))  # what is loaded once
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY + _size(), MEMORY + _size()))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / f"damaged.{suffix}"
        for number in range(first, last):
            print(json.dumps({"begins": number}), flush=True)
            path.write_bytes(file(number, seed, suffix))
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            print(json.dumps(attempt(path)), flush=True)


def _size() -> int:
    """Bytes of address space that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def batch(first: int, last: int, seed: int, suffix: str) -> tuple[list[dict], int, str]:
    """How the files of a process ended, the number of the last that began, and its signal."""
    command = [
        sys.executable,
        "-m",
        "tests.bench.fuzzing.fuzz_models",
        "work",
        str(first),
        str(last),
    ]
    done = subprocess.run([*command, str(seed), suffix], cwd=ROOT, capture_output=True)
    lines = []
    for line in done.stdout.splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue  # printed by a runtime
    begun = [line["begins"] for line in lines if "begins" in line]
    if done.returncode > 0 or (done.returncode and not begun):  # a fault of the bench
        raise RuntimeError(done.stderr.decode(errors="replace"))
    ended = signal.Signals(-done.returncode).name if done.returncode < 0 else ""
    return [line for line in lines if "load" in line], begun[-1], ended


def fuzz(
    count: int, seed: int, kept: Path | None = None, suffix: str = "tflite"
) -> tuple[Counter, list[str]]:
    """How many ended how, and what went wrong."""
    made, wrong, number = Counter(), [], 0
    while number < count:
        first = number
        results, last, failed = batch(first, min(count, first + BATCH), seed, suffix)
        for offset, endings in enumerate(results):
            for name, ending in endings.items():
                short = ending if ending in ("done", "refused") else "traceback"
                made[f"{name} {short}"] += 1
                if short == "traceback":
                    wrong.append(f"file {first + offset}, {name}: {ending}")
                    _keep(kept, first + offset, seed, suffix)
        if failed:
            made[failed] += 1
            wrong.append(f"file {last}: {failed}")
            _keep(kept, last, seed, suffix)
        number = last + 1
        print(f"{number} files, {len(wrong)} wrong", file=sys.stderr, flush=True)
    return made, wrong


def _keep(folder: Path | None, number: int, seed: int, suffix: str) -> None:
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{seed}-{number}.{suffix}").write_bytes(file(number, seed, suffix))


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["work"]:
        work(*map(int, arguments[1:4]), arguments[4])
        return 0
    given = dict(enumerate(arguments))
    count, seed, folder = int(given.get(0, 10000)), int(given.get(1, 0)), given.get(2)
    made, wrong = fuzz(count, seed, Path(folder) if folder else None, given.get(3, "tflite"))
    print(*wrong, sep="\n")
    print(f"{count} files: " + ", ".join(f"{n} {ending}" for ending, n in made.most_common()))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
