"""The cost of a network: parameters, multiply-accumulates, memory, time on this computer, and the
boards that it fits."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from ..compiler.frontends.tflite import read_tflite
from ..compiler.graph import Graph, layers
from ..deployment.boards import find_board
from ..deployment.spec import read_network
from ..deployment.st.report import StReport
from ..errors import PoseError
from ..files import sha256_of
from ..models.networks.keras_files import load_keras
from ..models.networks.network import Network, open_network
from ..models.networks.precision import computes_in_float, quantize_first, size_of_file
from .analysis import Analysis, analyze
from .published import published
from .tflm import measure_arena

_KIB = 1024
_NOT_READ = "only the layers of a .tflite or a QDQ .onnx are read"


@dataclass(frozen=True)
class Report:
    """The costs of a model. A metric that is not available is not in ``metrics``; ``missing`` says
    why.

    Attributes:
        metrics: parameters; macs (multiply-accumulates per inference); file_kib; weights_kib;
            live_peak_kib (the largest sum of live activation tensors); arena_kib and constants_kib
            (RAM and flash of the network as C), layerwise_arena_kib (RAM if one layer ran after the
            other); tflm_arena_kib (the arena of TensorFlow Lite
            Micro); minstructions_m4, _m7 and _m55 (millions per inference as C, by a cost model);
            latency_ms_median and latency_ms_min (on this computer, not on a board).
        layers: one row per operator, see :func:`poseutils.compiler.graph.layers`; empty unless the
            model is a .tflite or a QDQ .onnx.
        boards: one row per board, see :meth:`poseutils.benchmarking.analysis.Analysis.rows`; empty
            unless the model is quantized.
        missing: the reason for each metric that is missing, and for ``boards`` if it is empty.
    """

    metrics: dict[str, float]
    layers: list[dict] = field(default_factory=list)
    boards: list[dict] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)


def benchmark(model_path: str | Path, runs: int = 20, num_threads: int = 1) -> Report:
    """Measures one model file.

    Args:
        model_path: a .tflite or QDQ .onnx (all metrics); another .onnx, .keras or .h5 (size and
            latency; parameters of a Keras model).
        runs: number of inferences to time, after three that are not timed.
        num_threads: of the runtime on this computer.

    Raises:
        PoseError: if the file is missing, damaged, or of another kind, or ``runs`` is less than
            one.
    """
    if runs < 1:
        raise PoseError(f"runs={runs}: at least one inference must be timed")
    path = Path(model_path)
    graph, reason = _graph(path)
    network = open_network(path, num_threads)
    cost = _cost(path, graph) if graph else _other_cost(path, network, reason)
    size = {"file_kib": size_of_file(path) / _KIB}
    return Report(
        {**cost.metrics, **size, **_latency(network, runs)}, cost.layers, cost.boards, cost.missing
    )


def _graph(path: Path) -> tuple[Graph | None, str]:
    """The graph of a network, or None and the reason."""
    if path.suffix.lower() == ".tflite":
        return read_tflite(path), ""
    if path.suffix.lower() != ".onnx" or computes_in_float(path):
        return None, _NOT_READ
    try:
        return read_network(path), ""
    except PoseError as error:
        return None, str(error)


def _cost(path: Path, graph: Graph) -> Report:
    rows = layers(graph)
    peak, weights = max(row["live_bytes"] for row in rows), sum(row["weight_bytes"] for row in rows)
    metrics = {
        "parameters": float(sum(row["parameters"] for row in rows)),
        "macs": float(sum(row["macs"] for row in rows)),
        "weights_kib": weights / _KIB,
        "live_peak_kib": peak / _KIB,
    }
    arena, reason = None, "TensorFlow Lite Micro takes a .tflite"
    if path.suffix.lower() == ".tflite":
        arena, reason = measure_arena(path, room=_arena_room(path, peak))
    if arena is not None:
        metrics["tflm_arena_kib"] = arena / _KIB
    missing = {"tflm_arena_kib": reason} if reason else {}
    if computes_in_float(path):
        return Report(metrics, rows, missing=missing | _float_boards(path))
    needs = analyze(graph, path.name)
    return Report(
        metrics | _code_metrics(needs),
        rows,
        needs.rows(published(sha256_of(path))),
        missing | _unknown(needs),
    )


def arenas_of_others(path: str | Path) -> dict[str, float]:
    """KiB of RAM that others need for a .tflite, by their names: TensorFlow Lite Micro's arena, if
    it is installed and runs the file; ST's published figure, if there is one."""
    file = Path(path)
    found: dict[str, float] = {}
    graph, _ = _graph(file)
    if graph is not None and file.suffix.lower() == ".tflite":
        peak = max(row["live_bytes"] for row in layers(graph))
        arena, _ = measure_arena(file, room=_arena_room(file, peak))
        found |= {} if arena is None else {"TensorFlow Lite Micro": arena / _KIB}
    figures = published(sha256_of(file))
    if figures is not None and figures.ram_kib is not None:
        found[f"ST, release {figures.ram_kib.release}"] = figures.ram_kib.value
    return found


def _arena_room(path: Path, live_peak: int) -> int:
    """Bytes that TensorFlow Lite Micro's arena cannot exceed."""
    return 2 * live_peak + path.stat().st_size + (8 << 20)


def _code_metrics(needs: Analysis) -> dict[str, float]:
    if needs.reason:
        return {}
    counts = {
        f"minstructions_{core.removeprefix('Cortex-').lower()}": count / 1e6
        for core, count in needs.instructions.items()
    }
    return {
        "arena_kib": needs.ram_bytes / _KIB,
        **_layerwise_metric(needs),
        "constants_kib": needs.flash_bytes / _KIB,
        **counts,
    }


def _layerwise_metric(needs: Analysis) -> dict[str, float]:
    if needs.layerwise_bytes is None:
        return {}
    return {"layerwise_arena_kib": needs.layerwise_bytes / _KIB}


def _unknown(needs: Analysis) -> dict[str, str]:
    if needs.reason:
        return {"instructions": needs.reason}
    if not needs.guessed:
        return {}
    kinds = ", ".join(needs.guessed)
    return {"instructions": f"an average is used for operators without counts: {kinds}"}


def _float_boards(path: Path) -> dict[str, str]:
    advice = quantize_first(path, "chain_qb")
    return {"boards": f"{path.name} computes in floating point, boards need 8 bits. {advice}"}


def _other_cost(path: Path, network: Network, reason: str) -> Report:
    missing = dict.fromkeys(("macs", "weights_kib", "live_peak_kib", "tflm_arena_kib"), reason)
    missing |= _float_boards(path) if computes_in_float(path) else {"boards": reason}
    if network.runtime == "keras":
        return Report({"parameters": float(load_keras(path).count_params())}, missing=missing)
    return Report(
        {}, missing={"parameters": "ONNX Runtime does not tell the number of parameters", **missing}
    )


def _latency(network: Network, runs: int) -> dict[str, float]:
    """Milliseconds per inference, without preprocessing: the median, and the minimum, which other
    programs disturb least."""
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
    "arena_kib": ("arena as C, KiB", 1),
    "layerwise_arena_kib": ("arena as C, layer by layer, KiB", 1),
    "constants_kib": ("constants as C, KiB", 1),
    "minstructions_m4": ("million instructions, Cortex-M4", 1),
    "minstructions_m7": ("million instructions, Cortex-M7", 1),
    "minstructions_m55": ("million instructions, Cortex-M55", 1),
}


def summary_rows(report: Report) -> list[dict]:
    """The metrics that do not depend on the computer, for a table."""
    return [
        {"": label, "value": f"{report.metrics[name] / unit:,.0f}"}
        for name, (label, unit) in _LABELS.items()
        if name in report.metrics
    ]


def in_units(rows: list[dict]) -> list[dict]:
    """The layers with their costs also in KiB and million MACs."""
    units = {"live KiB": ("live_bytes", _KIB), "MMAC": ("macs", 1e6)}
    units["weights KiB"] = ("weight_bytes", _KIB)
    return [row | {name: row[key] / unit for name, (key, unit) in units.items()} for row in rows]


def board_rows(report: Report, compiled: StReport | None = None) -> list[dict]:
    """The boards and the memories that hold the network, beside that of its activations if one
    layer ran after the other, for a table.

    Args:
        compiled: the report of ST's compiler, if it was run; shown for the boards of its family.
    """
    names = ("board", "core", "activations", "weights")
    return [
        {name: row[name] for name in names}
        | ({"layer by layer": row["layerwise"]} if row["layerwise"] else {})
        | {"fits": row["verdict"]}
        | (_compiled(row, compiled) if compiled else {})
        for row in report.boards
    ]


def _compiled(row: dict, compiled: StReport) -> dict[str, str]:
    own = find_board(row["board"]).target == compiled.target
    sizes = f"{compiled.row['RAM, KiB']} KiB RAM, {compiled.row['flash, KiB']} KiB flash"
    return {"ST's compiler": sizes if own else ""}


def speed_rows(report: Report) -> list[dict]:
    """The boards that the network fits, with estimated times and ST's published figures, for a
    table."""
    return [
        {
            "board": row["board"],
            "core": row["core"],
            "million instructions": _number(row["instructions"], 1e6),
            "estimated ms, 1 per cycle": _number(row["ms_at_one"]),
            "estimated ms, 2 per cycle": _number(row["ms_at_two"]),
            "ST publishes (release)": _published(row),
        }
        for row in report.boards
        if row["verdict"] != "no"
    ]


def _number(value: float | None, unit: float = 1) -> str:
    if value is None:
        return ""
    return f"{value / unit:,.0f}" if value >= 100 else f"{value / unit:.1f}"


def _published(row: dict) -> str:
    parts = {
        "ms": row["published_ms"],
        "KiB RAM": row["published_ram_kib"],
        "KiB flash": row["published_flash_kib"],
    }
    known = ((unit, figure) for unit, figure in parts.items() if figure is not None)
    return ", ".join(f"{_number(value)} {unit} ({release})" for unit, (value, release) in known)


def by_operator(rows: list[dict]) -> list[dict]:
    """The costs of the layers summed by kind of operator, most multiply-accumulates first."""
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
