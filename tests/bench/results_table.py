"""The README's table of results: accuracy, RAM, flash and instructions of each network at hand,
beside the figures that ST publishes.

python -m tests.bench.results_table        (POSEUTILS_CACHE: the folder with models and images)

Instructions are those of the cost model for a Cortex-M55; RAM is the arena of the exported C.
"""

from __future__ import annotations

import os
from pathlib import Path

import poseutils as pu
from poseutils.benchmarking.published import PUBLISHED
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.cost_model import instructions
from poseutils.deployment.spec import read_deployable

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ["POSEUTILS_CACHE"])
SHIPPED = ROOT / "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"
COCO = CACHE / "coco-mini/person_keypoints.json"
HANDS = CACHE / "hands/hand_keypoints.json"
HEADS = CACHE / "faces/face_68_keypoints.json"

# network: data, metric, what the column shows, and what ST publishes on the whole of COCO val2017
ROWS = {
    str(SHIPPED): (ROOT / "data/synthetic-people", "oks", "OKS {:.3f}, rendered people", ""),
    "st_movenet_lightning_heatmaps_192_13kpts": (COCO, "oks", "OKS {:.3f}", "OKS 0.521"),
    "movenet_lightning_192": (COCO, "oks", "OKS {:.3f}", "OKS 0.541"),
    "yolov8n_pose_256": (COCO, "zoo_map50", "AP50 {:.3f}", "AP50 0.511"),
    "yolo11n_pose_256": (COCO, "zoo_map50", "AP50 {:.3f}", ""),
    "hand_landmarks_224": (HANDS, "nme", "NME {:.3f}, 6 hands", ""),
    "head_landmarks_192": (HEADS, "nme", "NME {:.3f}, 1 head", ""),
}


def row(name: str) -> list[str]:
    """The cells of a network's row."""
    data, metric, shown, published_accuracy = ROWS[name]
    model = pu.load_model(name)
    metrics = pu.evaluate(model, pu.load_dataset(data)).metrics
    compiled = compile_graph(read_deployable(model.path)[1], name, "quantized", "net")
    published = PUBLISHED.get(name)
    ram = f"{compiled.plan.size / 1024:,.0f}"
    return [
        f"`{name}`" if name in PUBLISHED or name in pu.ZOO else "bundled network",
        shown.format(metrics[metric]),
        published_accuracy or "–",
        ram,
        f"{published.ram_kib:,}" if published and published.ram_kib else "–",
        f"{compiled.flash_bytes / 1024:,.0f}",
        f"{published.flash_kib:,}" if published and published.flash_kib else "–",
        f"{sum(instructions(compiled, 'Cortex-M55')) / 1e6:,.0f}",
    ]


def main() -> None:
    head = ["network", "accuracy", "ST's", "RAM, KiB", "ST's", "weights, KiB", "ST's"]
    print("| " + " | ".join([*head, "M instructions, Cortex-M55"]) + " |")
    print("|---|---|---|---:|---:|---:|---:|---:|")
    for name in ROWS:
        print("| " + " | ".join(row(name)) + " |", flush=True)


if __name__ == "__main__":
    main()
