"""Random networks as C against LiteRT: no wrong byte, no report of a sanitizer.

python -m tests.bench.fuzzing.random_graphs [--count 5000] [--seed 0] [--jobs 2]

Network N of a run has the seed SEED + N; a failure is printed with its seed and its description.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from tests.helpers.random_graphs.generator import network_file, random_network
from tests.helpers.random_graphs.running import REFERENCE_ABORTS, Outcome, compare

BATCH = 25
"""Networks in one program."""


def batch(seeds: list[int]) -> dict[int, Outcome]:
    """What comes of the networks of these seeds."""
    return compare({seed: network_file(random_network(seed)) for seed in seeds})


def batch_alone(seeds: list[int]) -> dict[int, Outcome]:
    """A batch in a process of its own, as LiteRT aborts where a check of its reference kernels
    fails; what it aborts on is told apart."""
    try:
        with ProcessPoolExecutor(1) as process:
            return process.submit(batch, seeds).result()
    except BrokenProcessPool:
        if len(seeds) == 1:
            return {seeds[0]: Outcome(REFERENCE_ABORTS)}
        return {seed: outcome for each in seeds for seed, outcome in batch_alone([each]).items()}


def reasons(outcome: Outcome) -> list[str]:
    """Why an export was refused: operator and reason, without names and numbers."""
    lines = [line for line in outcome.detail.splitlines() if line.startswith("- ")] or [
        outcome.detail
    ]
    return [re.sub(r"'[^']*'", "…", re.sub(r"\d+", "N", line)) for line in lines]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args(arguments)
    seeds = list(range(chosen.seed, chosen.seed + chosen.count))
    kinds, refusals, operators, start = Counter(), Counter(), Counter(), time.monotonic()
    with ThreadPoolExecutor(chosen.jobs) as pool:
        batches = [seeds[first : first + BATCH] for first in range(0, len(seeds), BATCH)]
        for number, made in enumerate(pool.map(batch_alone, batches)):
            if number % 20 == 19:
                print(f"{(number + 1) * BATCH} of {chosen.count}", file=sys.stderr, flush=True)
            for seed, outcome in made.items():
                kinds[outcome.kind] += 1
                network = random_network(seed)
                if outcome.kind == "equal":
                    operators.update(step.name for step in network.steps)
                elif outcome.kind == "refused":
                    refusals.update(reasons(outcome))
                else:
                    print(f"seed {seed}: {outcome.kind}: {outcome.detail}\n{network}\n", flush=True)
    seconds = time.monotonic() - start
    print(f"{chosen.count} networks in {seconds:.0f} s:", dict(kinds.most_common()))
    print("operators of those that are equal:", dict(operators.most_common()))
    print("refused:", *(f"{n} × {reason}" for reason, n in refusals.most_common()), sep="\n")
    return 1 if any(Outcome(kind).failed for kind in kinds) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
