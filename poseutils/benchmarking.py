"""What a network costs: parameters, multiply-accumulates, memory, time on this computer, and the boards that have room for it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from .deployment.boards import BOARDS, fits
from .deployment.tflm import measure_arena
from .errors import PoseError
from .graph import Graph, layers
from .networks import Network, load_keras, open_network
from .tflite import read_tflite

_KIB = 1024
_NOT_TFLITE = "only the layers of a .tflite are read; quantize the model to know"


@dataclass(frozen=True)
class Report:
    """What was found. A metric that cannot be known of this model is not in ``metrics``; ``missing`` says why.

    Attributes:
        metrics: parameters; macs (multiply-accumulates of one inference); file_kib; weights_kib; live_peak_kib (the largest sum of
            activation tensors in memory at once); tflm_arena_kib (all that TensorFlow Lite Micro takes); latency_ms_median and
            latency_ms_min (on this computer, not on a board).
        layers: one row an operator, see :func:`poseutils.graph.layers`; empty unless the model is a .tflite.
        boards: one row a board: board, core, verdict, activations, weights (each internal, external or no), reason; likewise.
        missing: the reason for each metric that is not there.
    """

    metrics: dict[str, float]
    layers: list[dict] = field(default_factory=list)
    boards: list[dict] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)


def benchmark(model_path: str | Path, runs: int = 20, num_threads: int = 1) -> Report:
    """Measures one model file.

    Args:
        model_path: a .tflite (everything is known), .onnx, .keras or .h5 (size and latency; parameters of a Keras model).
        runs: inferences that are timed, after three that are not.
        num_threads: of the runtime on this computer.

    Raises:
        PoseError: if the file is missing, damaged, or of another kind, or ``runs`` is less than one.
    """
    if runs < 1:
        raise PoseError(f"runs={runs}: at least one inference must be timed")
    path = Path(model_path)
    graph = read_tflite(path) if path.suffix.lower() == ".tflite" else None
    network = open_network(path, num_threads)
    cost = _tflite_cost(path, graph) if graph else _other_cost(path, network)
    size = {"file_kib": path.stat().st_size / _KIB}
    return Report({**cost.metrics, **size, **_latency(network, runs)}, cost.layers, cost.boards, cost.missing)


def _tflite_cost(path: Path, graph: Graph) -> Report:
    rows = layers(graph)
    peak, weights = max(row["live_bytes"] for row in rows), sum(row["weight_bytes"] for row in rows)
    metrics = {
        "parameters": float(sum(row["parameters"] for row in rows)),
        "macs": float(sum(row["macs"] for row in rows)),
        "weights_kib": weights / _KIB,
        "live_peak_kib": peak / _KIB,
    }
    arena, reason = measure_arena(path, room=2 * peak + path.stat().st_size + (8 << 20))
    if arena is not None:
        metrics["tflm_arena_kib"] = arena / _KIB
    return Report(metrics, rows, _board_rows(peak / _KIB, weights / _KIB), {"tflm_arena_kib": reason} if reason else {})


def _board_rows(activation_kib: float, weight_kib: float) -> list[dict]:
    found = [fits(activation_kib, weight_kib, board) for board in BOARDS.values()]
    return [
        {
            "board": fit.board.name,
            "core": fit.board.core,
            "verdict": fit.verdict,
            "activations": fit.activations,
            "weights": fit.weights,
            "reason": fit.reason,
        }
        for fit in found
    ]


def _other_cost(path: Path, network: Network) -> Report:
    missing = dict.fromkeys(("macs", "weights_kib", "live_peak_kib", "tflm_arena_kib"), _NOT_TFLITE)
    if network.runtime == "keras":
        return Report({"parameters": float(load_keras(path).count_params())}, missing=missing)
    return Report({}, missing={"parameters": "ONNX Runtime does not tell the number of parameters", **missing})


def _latency(network: Network, runs: int) -> dict[str, float]:
    """Milliseconds of one inference on ready tensors: the median, and the least, which other programs disturb least."""
    batch = np.zeros([size or 1 for size in network.input.shape], network.input.dtype)
    for _ in range(3):
        network.invoke(batch)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        network.invoke(batch)
        times.append(1000 * (time.perf_counter() - start))
    return {"latency_ms_median": median(times), "latency_ms_min": min(times)}


# ---------------------------------------------------------------- for tables and charts

_LABELS = {
    "parameters": ("parameters", 1),
    "macs": ("work, MMAC", 1e6),
    "file_kib": ("file, KiB", 1),
    "weights_kib": ("weights, KiB", 1),
    "live_peak_kib": ("live peak of activations, KiB", 1),
    "tflm_arena_kib": ("TFLM arena, KiB", 1),
}


def summary_rows(report: Report) -> list[dict]:
    """The metrics that do not depend on the computer, for a table."""
    return [
        {"": label, "value": f"{report.metrics[name] / unit:,.0f}"} for name, (label, unit) in _LABELS.items() if name in report.metrics
    ]


def in_units(rows: list[dict]) -> list[dict]:
    """The layers with their costs in KiB and million MACs besides."""
    return [
        row | {"live KiB": row["live_bytes"] / _KIB, "MMAC": row["macs"] / 1e6, "weights KiB": row["weight_bytes"] / _KIB} for row in rows
    ]


def board_rows(report: Report) -> list[dict]:
    """The boards with what fits where, for a table."""
    return [{name: row[name] for name in ("board", "core", "activations", "weights")} | {"fits": row["verdict"]} for row in report.boards]


def by_operator(rows: list[dict]) -> list[dict]:
    """The layers summed up by kind of operator, most work first."""
    kinds = dict.fromkeys(row["operator"] for row in rows)
    total = max(1, sum(row["macs"] for row in rows))
    sums = [
        {
            "operator": kind,
            "layers": len(own),
            "share of work": f"{100 * sum(r['macs'] for r in own) / total:.1f} %",
            "MMAC": sum(r["macs"] for r in own) / 1e6,
            "weights KiB": sum(r["weight_bytes"] for r in own) / _KIB,
        }
        for kind in kinds
        if (own := [r for r in rows if r["operator"] == kind])
    ]
    return sorted(sums, key=lambda row: -row["MMAC"])
