"""What a training on all of COCO costs on 1, 8 and 64 machines: computed, from a step that is
measured here, into ``hosts.md`` beside this file.

python -m tests.bench.studies.hosts
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from poseutils.markdown import table

PAGE = Path(__file__).with_name("hosts.md")
IMAGES, WITH_PEOPLE = 118_287, 64_115
"""Of COCO train2017: all, and those with people, of which each is an example once in an epoch."""
EPOCHS, BATCH = 100, 32
"""Of the training, and images of a step on each machine."""
MACHINES = (1, 2, 4, 8, 16, 32, 64)
CORES = 2
"""Of a machine."""
BANDWIDTH, LATENCY = 10e9 / 8 * 0.9, 50e-6
"""Bytes a second and seconds of a message over 10 Gbit/s Ethernet, with 90 % of it for the data."""
STEPS = 3

# Two devices, as if they were two machines, share a step; XLA writes the program of each.
STEP = """
import json, sys, time
from contextlib import nullcontext
import keras
import poseutils as pu
from poseutils import training
from poseutils.training.callbacks import make_callbacks
from poseutils.training.steps import make_step
batch, steps = int(sys.argv[2]), int(sys.argv[3])
config = pu.load_config(sys.argv[1])
data = pu.load_dataset(config.resolve(config.dataset.training_path))
examples = training.configured_examples(config, data)
batches = training.training_batches(examples, batch, config.data_augmentation)
list(batches)
start = time.process_time()
(images, keypoints), *more = batches
preparing = (time.process_time() - start) / (batch * (1 + len(more)))
shared = keras.backend.backend() == "jax"
with keras.distribution.DataParallel().scope() if shared else nullcontext():
    network = training.configured_network(config, 17)
    optimizer = make_callbacks(network, config.training.optimizer, {}, 100).model.optimizer
    step = make_step(network, optimizer)
    step(images, keypoints)
    start = time.process_time()
    for _ in range(steps):
        step(images, keypoints)
training_ = (time.process_time() - start) / (batch * steps)
count = network.count_params()
print(json.dumps({"preparing": preparing, "training": training_, "parameters": count}))
"""


@dataclass(frozen=True)
class Measured:
    """Of the bundled network.

    Attributes:
        preparing, training: seconds of one core for an image, on JAX.
        alone: the same as ``training``, on TensorFlow, which trains on one machine.
        parameters: of the network.
        reductions: sums over all machines in a step.
        bytes: of all of them together.
    """

    preparing: float
    training: float
    alone: float
    parameters: int
    reductions: int
    bytes: int


def measure(config: Path) -> Measured:
    """Runs a few steps of the bundled network on two devices of this machine."""
    with tempfile.TemporaryDirectory() as dump:
        flags = "--xla_force_host_platform_device_count=2 --xla_dump_hlo_as_text"
        environment = os.environ | {
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": f"{flags} --xla_dump_to={dump} --xla_dump_hlo_module_re=.*train_step.*",
        }
        found = _steps(config, environment)
        (program,) = Path(dump).glob("*after_optimizations.txt")
        sizes = all_reduces(program.read_text())
    alone = _steps(config, os.environ | {"KERAS_BACKEND": "tensorflow"})["training"]
    return Measured(**found, alone=alone, reductions=len(sizes), bytes=sum(sizes))


def _steps(config: Path, environment: Mapping[str, str]) -> dict:
    command = [sys.executable, "-c", STEP, str(config), str(BATCH), str(STEPS)]
    ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(ran.stdout.splitlines()[-1])


def all_reduces(program: str) -> list[int]:
    """The bytes of each all-reduce of a compiled program of XLA, whose results are float32."""
    results = re.findall(r"= (\(?f32.*?) all-reduce(?:-start)?\(", program)
    shapes = [re.findall(r"f32\[([\d,]*)\]", result) for result in results]
    return [sum(4 * prod(int(n) for n in s.split(",") if n) for s in each) for each in shapes]


def costs(measured: Measured) -> list[dict[str, str]]:
    """Rows of the table. A ring all-reduce of S bytes on N machines sends 2 (N - 1) messages one
    after the other, and 2 (N - 1) / N · S bytes from each (Patarasuk and Yuan, "Bandwidth Optimal
    All-reduce Algorithms", 2009)."""
    computing = BATCH * (measured.preparing + measured.training) / CORES
    rows = []
    for n in MACHINES:
        waiting = 2 * (n - 1) * measured.reductions * LATENCY
        sending = 2 * (n - 1) / n * measured.bytes / BANDWIDTH
        steps = EPOCHS * (WITH_PEOPLE // (BATCH * n))
        hours = steps * (computing + waiting + sending) / 3600
        rows.append(
            {
                "machines": f"{n}",
                "images of a step": f"{BATCH * n:,}",
                "computing, ms": f"{1000 * computing:,.0f}",
                "latency, ms": f"{1000 * waiting:,.0f}",
                "bytes, ms": f"{1000 * sending:,.1f}",
                "efficiency": f"{computing / (computing + waiting + sending):.0%}",
                "images a second": f"{BATCH * n / (computing + waiting + sending):,.0f}",
                "hours": f"{hours:,.1f}",
                "machine hours": f"{n * hours:,.0f}",
            }
        )
    return rows


def page(measured: Measured) -> str:
    """The page, with its assumptions."""
    rows = costs(measured)
    waiting = 2 * measured.reductions * LATENCY
    half = 1 + BATCH * (measured.preparing + measured.training) / CORES / waiting
    return f"""# Training on all of COCO

Written by `python -m tests.bench.studies.hosts`. COCO train2017 has {IMAGES:,} images, of which
{WITH_PEOPLE:,} with people are an example in each of {EPOCHS} epochs.

Measured on this machine by the time of its processors, for the bundled network of
{measured.parameters:,} parameters: one core prepares an image of 192 × 192 pixels in
{1000 * measured.preparing:.1f} ms and trains on it, on JAX, for {1000 * measured.training:.0f} ms.
In a step, as XLA compiled it for two devices, all machines sum up {measured.reductions} times,
{measured.bytes / 1e6:.1f} MB together: gradients, and what batch normalization knows of the whole
batch, forward and backward.

**On these processors TensorFlow trains on an image for {1000 * measured.alone:.0f} ms**, so that
{measured.training / measured.alone:.1f} machines on JAX are as fast as one alone, which the train
notebook trains on. Several hosts are for machines on which JAX is fast.

Assumed: machines of {CORES} cores like this one, and {BATCH} images of a step on each, whatever
their number; rings over 10 Gbit/s Ethernet, of which {BANDWIDTH * 8 / 1e9:.0f} Gbit/s carry data,
and where a message takes {1e6 * LATENCY:.0f} µs; nothing is computed meanwhile; images are at hand.
Not measured on more than one machine.

{table(list(rows[0]), (list(row.values()) for row in rows), [True] * len(rows[0]))}

Latency is what limits it, not bytes: a ring passes each sum on 2 (N - 1) times, so that waiting
grows by {1000 * waiting:.0f} ms with each machine. Half of the time is spent waiting from
{half:.0f} machines on, and {BATCH / waiting:,.0f} images a second are the limit for any number of
machines, however fast they are. More images of a step on each machine raise it in proportion; but
a batch of some thousand images leaves too few steps (Goyal et al., "Accurate, Large Minibatch SGD",
2017). With batch normalization by the images of each machine alone there would be little but the
gradients to sum up, and the results would depend on the number of machines.
"""


def main() -> None:
    """Measures, and writes the page."""
    PAGE.write_text(page(measure(Path(__file__).parents[3] / "user_config.yaml")))


if __name__ == "__main__":
    main()
