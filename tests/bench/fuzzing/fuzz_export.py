"""Damaged .tflite files against the exporter: each ends in C that compiles or in a clear error, in
little time and memory.

python -m tests.bench.fuzzing.fuzz_export [COUNT] [SEED]

Every file is read in a process of its own, which may take ``SECONDS`` and ``MEMORY``; what is
exported is compiled (gcc -fsyntax-only).
"""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import poseutils as pu
from poseutils.compiler.emit.kernels import kernel_files
from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.deployment import export
from tests.bench.ratios import ROOT
from tests.helpers.networks import kernel_cases, kernel_cases_more
from tests.helpers.networks.tiny_tflite import heatmap_model
from tests.helpers.running.emulated import network_sources

SECONDS = 60
MEMORY = 3 << 30
REFUSED, BROKEN = 1, 2
Exporter = Callable[[bytes, Path], None]


def tiny(data: bytes, folder: Path) -> None:
    """A network of a few operators as C."""
    for name, text in (network_sources(parse_tflite(data, "damaged")) | kernel_files()).items():
        (folder / name).write_text(text)


def whole(model: pu.Model) -> Exporter:
    """The whole export of a damaged file in the place of a model's. LiteRT, which does not survive
    them all, is not asked."""

    def to_folder(data: bytes, folder: Path) -> None:
        path = folder / "damaged.tflite"
        path.write_bytes(data)
        export(replace(model, network=replace(model.network, path=path)), folder / "c")

    return to_folder


def seeds() -> list[tuple[int, bytes, Exporter]]:
    """(how often, healthy bytes, how it is exported): tiny networks of every operator, and pose
    networks, small ones more often."""
    cases = [*kernel_cases.CASES.values(), *kernel_cases_more.CASES.values()]
    found = [(40, make(), tiny) for make in cases]
    shipped = sorted((ROOT / "data/models").glob("*_int8.tflite"))
    cache = os.environ.get("POSEUTILS_CACHE")
    others = sorted((Path(cache) / "models").glob("*.tflite")) if cache else []
    with tempfile.TemporaryDirectory() as work:
        small = Path(work) / "small.tflite"
        small.write_bytes(heatmap_model(keypoints=13))
        paths = [
            (1500, small),
            *((120, path) for path in shipped),
            *((10, path) for path in others),
        ]
        return found + [
            (often, path.read_bytes(), whole(pu.load_model(path))) for often, path in paths
        ]


def damage(data: bytes, dice: random.Random) -> bytes:
    """Cut off, bytes changed, numbers of 32 bits changed, or a run overwritten by another part of
    the file."""
    kind = dice.choice(("cut", "bytes", "bytes", "numbers", "numbers", "run"))
    if kind == "cut":
        return data[: dice.randrange(len(data))]
    bad = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 4, 16))):
        place = _place(len(bad), dice)
        if kind == "bytes":
            bad[place] = dice.choice((0, 1, 127, 128, 255, bad[place] ^ (1 << dice.randrange(8))))
        elif kind == "numbers":
            place = place // 4 * 4
            value = dice.choice(
                (
                    0,
                    1,
                    2,
                    3,
                    255,
                    65536,
                    0x7FFFFFFF,
                    0x80000000,
                    0xFFFFFFFF,
                    0x7FC00000,
                    dice.randrange(1 << 32),
                )
            )
            bad[place : place + 4] = value.to_bytes(4, "little")
        else:
            size, source = dice.choice((4, 16, 64)), _place(len(bad), dice)
            bad[place : place + size] = data[source : source + size]
    return bytes(bad)


def _place(size: int, dice: random.Random) -> int:
    """Anywhere, or near one of the ends, where large files have their structure; weights lie
    between."""
    return dice.choice(
        (
            dice.randrange(size),
            dice.randrange(min(size, 6000)),
            size - 1 - dice.randrange(min(size, 40000)),
        )
    )


def attempt(data: bytes, exporter: Exporter, folder: Path) -> tuple[str, float]:
    """``exported``, ``refused``, or what went wrong; and the seconds it took."""
    start, child = time.monotonic(), os.fork()
    if child == 0:
        os._exit(_guarded(data, exporter, folder))
    _, status = os.waitpid(child, 0)
    took = time.monotonic() - start
    if os.WIFSIGNALED(status):
        return f"ended by {signal.Signals(os.WTERMSIG(status)).name}", took
    return {0: "exported", REFUSED: "refused"}.get(os.WEXITSTATUS(status), "broken"), took


def _guarded(data: bytes, exporter: Exporter, folder: Path) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    signal.alarm(10 * SECONDS)  # of a wall clock, should it wait forever
    try:
        exporter(data, folder)
        return 0
    except pu.PoseError:
        return REFUSED
    except BaseException:
        (folder / "traceback.txt").write_text(traceback.format_exc())
        return BROKEN


def compiles(folder: Path) -> str:
    """What the compiler says of the sources, if they do not compile."""
    sources = [
        path
        for path in sorted(folder.rglob("*.c"))
        if path.parent.name != "serial"  # needs headers of a board
        and path.name != "startup.c"
        and not path.name.startswith(("pose_", "decode_"))
    ]
    places = sorted({f"-I{path.parent}" for path in sources})
    done = subprocess.run(
        ["gcc", "-std=c99", "-fsyntax-only", *places, *map(str, sources)],
        capture_output=True,
        text=True,
    )
    return done.stderr if done.returncode else ""


def fuzz(
    count: int, seed: int = 0, choices: list | None = None
) -> tuple[Counter, list[str], float]:
    """How many ended how, what went wrong, and the most seconds that one took."""
    dice, made, wrong, slowest = random.Random(seed), Counter(), [], 0.0
    choices = choices or seeds()
    for number in range(count):
        _, data, exporter = dice.choices(choices, weights=[often for often, *_ in choices])[0]
        bad = damage(data, dice)
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work)
            ending, took = attempt(bad, exporter, folder)
            if ending == "exported" and (said := compiles(folder)):
                ending, bad = "does not compile", bad + b"\n" + said.encode()
            made[ending], slowest = made[ending] + 1, max(slowest, took)
            if ending not in ("exported", "refused"):
                note = folder / "traceback.txt"
                told = note.read_text() if note.exists() else bad[-2000:].decode(errors="replace")
                wrong.append(f"file {number}: {ending}\n{told}")
    return made, wrong, slowest


def main(arguments: list[str]) -> int:
    count, seed = (int(value) for value in (arguments + ["10000", "0"][len(arguments) :]))
    made, wrong, slowest = fuzz(count, seed)
    print(*wrong, sep="\n")
    endings = ", ".join(f"{n} {ending}" for ending, n in made.most_common())
    print(f"{count} files: {endings}; the slowest took {slowest:.1f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
