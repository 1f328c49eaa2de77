"""``make bench``: each line is a ratio beside a reference that is measured in the same run.

python -m tests.bench [SECTION ...]

Without names: all but ``person_scores``, which has a page of its own; they write
``tests/bench/results.md``, from which the README's figures come.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.bench import exported, scaling, services, sweeping, trainings
from tests.bench.networks import networks
from tests.bench.people.person_scores import person_scores
from tests.bench.ratios import machine

SECTIONS = {
    "decoding": services.decoding,
    "predicting": services.predicting,
    "evaluating": services.evaluating,
    "datasets": services.datasets,
    "pipeline": services.pipeline,
    "training": trainings.training,
    "scaling": scaling.scaling,
    "sweeping": sweeping.sweeping,
    "exporting": exported.exporting,
}
TABLES = {"kernels": exported.kernels, "networks": networks}
APART = {"person_scores": person_scores}
HEAD = ["| what | reference | time over the reference's | at most |", "|---|---|---|---|"]


def main(asked: list[str]) -> None:
    lines = ["# Benchmarks", "", f"Written by `make bench`. {machine()}.", ""]
    print("\n".join([*lines, *HEAD]), flush=True)
    lines += HEAD
    start = time.monotonic()
    for name, measure in SECTIONS.items():
        for row in measure() if name in (asked or SECTIONS) else ():
            lines.append(str(row))
            print(lines[-1], flush=True)
    for name, table in (TABLES | APART).items():
        if name in (asked or TABLES):
            title = f"## {name.capitalize().replace('_', ' ')}"
            lines += ["", title, "", *table()]
            print("\n".join(lines[lines.index(title) - 1 :]), flush=True)
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
    if not asked:
        Path(__file__).with_name("results.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
