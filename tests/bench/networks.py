"""The README's table of results: accuracy, memory and work of each network at hand beside the
figures that ST publishes, whether every byte is LiteRT's, and speed on this computer.

python -m tests.bench networks        (POSEUTILS_CACHE: the folder with models and images)
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import poseutils as pu
from poseutils.benchmarking.published import Published, published
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.cost_model import instructions
from poseutils.deployment import export
from poseutils.deployment.spec import read_deployable
from poseutils.deployment.verify.host_build import copy_sources, run_make, run_tool
from poseutils.files import sha256_of
from tests.bench.ratios import PEOPLE, SHIPPED, cached, children_seconds
from tests.helpers.running.litert_reference import Reference

IMAGES = 3

# zoo name: annotations in the cache, metric, what the column shows, and what ST publishes on the
# whole of COCO val2017
ACCURACY = {
    "st_movenet_lightning_heatmaps_192_13kpts": ("coco", "oks", "OKS {:.3f}", "OKS 0.521"),
    "movenet_lightning_192": ("coco", "oks", "OKS {:.3f}", "OKS 0.541"),
    "yolov8n_pose_256": ("coco", "zoo_map50", "AP50 {:.3f}", "AP50 0.511"),
    "yolo11n_pose_256": ("coco", "zoo_map50", "AP50 {:.3f}", "–"),
    "hand_landmarks_224": ("hands", "nme", "NME {:.3f}, 6 hands", "–"),
    "head_landmarks_192": ("heads", "nme", "NME {:.3f}, 1 head", "–"),
}
DATA = {
    "coco": "coco-mini/person_keypoints.json",
    "hands": "hands/hand_keypoints.json",
    "heads": "faces/face_68_keypoints.json",
}


def networks() -> Iterator[str]:
    """Accuracy, memory, work, bytes equal to LiteRT's, and speed of each network that is here."""
    yield "RAM is the arena of the exported C: with the image in it, with its rows pushed as a"
    yield "camera gives them, and one layer after the other; beside ST's internal RAM on an N6."
    yield "Instructions are the cost model's for a Cortex-M55. Equal are those of"
    yield f"{IMAGES} images whose every output byte is LiteRT's; the time is one image's on this"
    yield "computer over that of LiteRT's reference kernels."
    yield ""
    yield (
        "| network | RAM, KiB | pushed | layerwise | ST's | accuracy | ST's | weights, KiB | ST's "
        "| M instructions | equal | time |"
    )
    yield "|---|---:|---:|---:|---:|---|---|---:|---:|---:|---:|---:|"
    for path in _paths():
        yield f"| {' | '.join(_row(path))} |"


def _paths() -> list[Path]:
    """The bundled network, then what is in the cache, networks with a known accuracy first."""
    models = cached("models")
    if models is None:
        return [SHIPPED]
    named = [models / pu.ZOO[name].file for name in ACCURACY]
    found = [path for path in named if path.is_file()]
    return list(dict.fromkeys([SHIPPED, *found, *sorted(models.glob("*.tflite"))]))


def _row(path: Path) -> list[str]:
    model, st = pu.load_model(path), published(sha256_of(path)) or Published()
    graph = read_deployable(path)[1]
    compiled, pushed = (
        compile_graph(graph, path.stem, "quantized", "network", pushed=rows)
        for rows in (False, True)
    )
    return [
        "bundled network" if path == SHIPPED else f"`{_name(path)}`",
        f"{compiled.plan.size / 1024:,.0f}",
        f"{pushed.plan.size / 1024:,.0f}",
        f"{compiled.layerwise.plan.size / 1024:,.0f}",
        f"{st.ram_kib.value:,.0f} ({st.ram_kib.release})" if st.ram_kib else "–",
        *_accuracy(model, path),
        f"{compiled.flash_bytes / 1024:,.0f}",
        f"{st.flash_kib.value:,.0f} ({st.flash_kib.release})" if st.flash_kib else "–",
        f"{sum(instructions(compiled, 'Cortex-M55')) / 1e6:,.0f}",
        *(_beside_litert(model, path) if path.suffix == ".tflite" else ("–", "–")),
    ]


def _name(path: Path) -> str:
    return next((name for name, entry in pu.ZOO.items() if entry.file == path.name), path.stem)


def _accuracy(model, path: Path) -> tuple[str, str]:
    if path == SHIPPED:
        data, metric, shown, st = PEOPLE.parent, "oks", "OKS {:.3f}, rendered people", "–"
    elif _name(path) in ACCURACY:
        which, metric, shown, st = ACCURACY[_name(path)]
        data = cached(DATA[which])
    else:
        return "–", "–"
    metrics = pu.evaluate(model, pu.load_dataset(data), progress=False).metrics
    return shown.format(metrics[metric]), st


def _beside_litert(model, path: Path) -> tuple[str, str]:
    """How many images have every output byte of LiteRT's, and the ratio of times."""
    reference = Reference(path)
    with tempfile.TemporaryDirectory() as work:
        bundle = export(model, Path(work) / "bundle")
        paths = pu.find_images(PEOPLE)[:IMAGES]
        pixels = [pu.fit_to(pu.read_image(path), model.input_size)[0] for path in paths]
        images = model.network.prepare(np.stack(pixels))
        ours, outputs = host_seconds(bundle, bundle.prepare(images), Path(work) / "copy")
    index, equal, slow = {t.name: i for i, t in enumerate(bundle.file_graph.tensors)}, 0, []
    for number in range(len(images)):
        start = time.process_time()
        reference.run(images[number : number + 1])
        slow.append(time.process_time() - start)
        given = b"".join(reference.tensor(index[t.name]).tobytes() for t in bundle.outputs)
        equal += outputs[number * len(given) : (number + 1) * len(given)] == given
    return f"{equal} of {len(images)}", f"{ours / np.median(slow):.2f}"


def host_seconds(bundle, inputs: np.ndarray, work: Path) -> tuple[float, bytes]:
    """Processor time of one image, compiled with -O3, and the outputs of all."""
    folder = copy_sources(bundle.sources, work)
    run_make(folder, "host", "OPT=-O3")
    (folder / "in.bin").write_bytes(inputs.tobytes())
    before = children_seconds()
    run_tool(["build/main", "in.bin", "out.bin"], folder)
    return (children_seconds() - before) / len(inputs), (folder / "out.bin").read_bytes()
