"""Exported networks on real images, in all forms: every byte of every output, and of every tensor
on the way, beside LiteRT's reference kernels; and the same outputs on emulated cores.

python -m tests.bench.check_export [--images N] [--core Cortex-M4 ...] [FILE.tflite ...]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

import poseutils as pu
from poseutils.deployment import Bundle, export
from tests.helpers.running.litert_reference import Reference, same

ROOT = Path(__file__).resolve().parents[2]
FORMS = {"rows": {}, "pushed rows": {"input": "pushed"}, "layers": {"memory": "layerwise"}}
"""Arguments of the export."""


def taken(model: pu.Model, folder: Path, count: int) -> np.ndarray:
    """Real images as the network's input takes them."""
    paths = pu.find_images(folder)[:count]
    return model.network.prepare(
        np.stack([pu.fit_to(pu.read_image(path), model.input_size)[0] for path in paths])
    )


def check_host(bundle: Bundle, path: Path, images: np.ndarray) -> str:
    """Every tensor that the C code computes, for each image; -O2 without, and with the probes of a
    debug build."""
    reference, index = Reference(path), {t.name: i for i, t in enumerate(bundle.file_graph.tensors)}
    prepared, tensors, equal, whole = bundle.prepare(images), 0, 0, 0
    plain, probed = bundle.run_host(prepared), bundle.run_host(prepared, debug=True)
    outputs = {t.name for t in bundle.outputs}
    for number in range(len(images)):
        reference.run(images[number : number + 1])
        whole += all(
            same(plain[name][number : number + 1], reference.tensor(index[name]))
            for name in outputs
        )
        for name in probed.keys() - outputs:
            tensors += 1
            equal += same(probed[name][number], reference.tensor(index[name]))
    return f"{whole}/{len(images)} images equal, {equal}/{tensors} tensors"


def check_core(bundle: Bundle, images: np.ndarray, core: str) -> str:
    here, there = bundle.run_host(bundle.prepare(images)), bundle.emulate(images, core)
    equal = sum(
        all(same(here[t.name][i], there.outputs[t.name][i]) for t in bundle.outputs)
        for i in range(len(images))
    )
    mean = np.mean(there.instructions) / bundle.report.macs
    return f"{core}: {equal}/{len(images)} equal to the host's, {mean:.2f} instructions a MAC"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--core", nargs="*", default=[])
    parser.add_argument("--folder", type=Path, default=ROOT / "data/synthetic-people/val")
    given = parser.parse_args(arguments)
    for path in given.files or sorted((ROOT / "data/models").glob("*_int8.tflite")):
        model = pu.load_model(path)
        images = taken(model, given.folder, given.images)
        for form, arguments in FORMS.items():
            with tempfile.TemporaryDirectory() as work:
                bundle = export(model, Path(work) / "bundle", **arguments)
                print(f"{path.name}, {form}: {check_host(bundle, path, images)}", flush=True)
                for core in given.core:
                    print(f"  {check_core(bundle, images, core)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
