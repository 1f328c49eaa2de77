"""Damaged .tflite files through load, predict, benchmark and export: each ends in a result or in a
PoseError, and none in a signal, a traceback, ``SECONDS`` or ``MEMORY``.

python -m tests.bench.fuzz_models [COUNT] [SEED] [FOLDER]

Half are damaged by structure (a legal flatbuffer that says something else), half by bytes. Batches
run in processes of their own; the file at which one ends is kept in FOLDER (default: none is kept),
and the next begins behind it.
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
from functools import cache
from pathlib import Path

import numpy as np

from tests.bench.fuzz_export import damage
from tests.helpers.damage.file_structure import damaged_file
from tests.helpers.networks import kernel_cases, kernel_cases_more
from tests.helpers.networks.tiny_tflite import heatmap_model

SECONDS = 10
"""Of processor time, for one file."""
MEMORY = 4 << 30
BATCH = 250
ROOT = Path(__file__).resolve().parents[2]


@cache
def seeds() -> list[tuple[int, bytes]]:
    """(how often, bytes): a network of heatmaps, one of every operator, and the shipped ones."""
    cases = [*kernel_cases.CASES.values(), *kernel_cases_more.CASES.values()]
    shipped = sorted((ROOT / "data/models").glob("*_int8.tflite"))
    return [
        (2 * len(cases), heatmap_model(keypoints=13)),
        *((1, make()) for make in cases),
        *((20, path.read_bytes()) for path in shipped),
    ]


def file(number: int, seed: int) -> bytes:
    """The file of a number; the same in every process."""
    dice = random.Random(f"{seed}/{number}")
    ((_, data),) = dice.choices(seeds(), weights=[often for often, _ in seeds()])
    return (damaged_file if number % 2 else damage)(data, dice)


def attempt(path: Path) -> dict[str, str]:
    """How each of the four ended: ``done``, ``refused``, or a traceback."""
    import poseutils as pu
    from poseutils import benchmarking
    from poseutils.benchmarking import report

    report.measure_arena = lambda path, room: (None, "not asked")  # it has a process of its own
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    loaded: list[pu.Model] = []
    steps = {
        "load": lambda: loaded.append(pu.load_model(path, "heatmaps_spe", num_threads=1)),
        "predict": lambda: [model.predict(image) for model in loaded],
        "benchmark": lambda: benchmarking.benchmark(path, runs=1, num_threads=1),
        "export": lambda: pu.export(path, path.parent / "out"),
    }
    endings = {}
    for name, step in steps.items():
        try:
            step()
            endings[name] = "done" if name != "predict" or loaded else "refused"
        except pu.PoseError:
            endings[name] = "refused"
        except BaseException:
            endings[name] = traceback.format_exc()
    return endings


def work(first: int, last: int, seed: int) -> None:
    """Prints a line of JSON for each file: its number before, and how it ended after."""
    import poseutils as pu

    pu.load_model(next((ROOT / "data/models").glob("*_int8.tflite")))  # what is loaded once
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY + _size(), MEMORY + _size()))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "damaged.tflite"
        for number in range(first, last):
            print(json.dumps({"begins": number}), flush=True)
            path.write_bytes(file(number, seed))
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            print(json.dumps(attempt(path)), flush=True)


def _size() -> int:
    """Bytes of address space that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def batch(first: int, last: int, seed: int) -> tuple[list[dict], int, str]:
    """How the files of a process ended, the number of the last that began, and its signal."""
    command = [sys.executable, "-m", "tests.bench.fuzz_models", "work", str(first), str(last)]
    done = subprocess.run([*command, str(seed)], cwd=ROOT, capture_output=True)
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


def fuzz(count: int, seed: int, kept: Path | None = None) -> tuple[Counter, list[str]]:
    """How many ended how, and what went wrong."""
    made, wrong, number = Counter(), [], 0
    while number < count:
        first = number
        results, last, failed = batch(first, min(count, first + BATCH), seed)
        for offset, endings in enumerate(results):
            for name, ending in endings.items():
                short = ending if ending in ("done", "refused") else "traceback"
                made[f"{name} {short}"] += 1
                if short == "traceback":
                    wrong.append(f"file {first + offset}, {name}: {ending}")
                    _keep(kept, first + offset, seed)
        if failed:
            made[failed] += 1
            wrong.append(f"file {last}: {failed}")
            _keep(kept, last, seed)
        number = last + 1
        print(f"{number} files, {len(wrong)} wrong", file=sys.stderr, flush=True)
    return made, wrong


def _keep(folder: Path | None, number: int, seed: int) -> None:
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{seed}-{number}.tflite").write_bytes(file(number, seed))


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["work"]:
        work(*map(int, arguments[1:]))
        return 0
    count, seed = (int(value) for value in (arguments[:2] + ["10000", "0"][len(arguments[:2]) :]))
    made, wrong = fuzz(count, seed, Path(arguments[2]) if len(arguments) > 2 else None)
    print(*wrong, sep="\n")
    print(f"{count} files: " + ", ".join(f"{n} {ending}" for ending, n in made.most_common()))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
