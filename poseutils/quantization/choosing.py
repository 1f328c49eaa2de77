"""Comparison of quantization settings by their loss of OKS on a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..datasets import Dataset
from ..errors import PoseError
from ..evaluation import Report, evaluate
from ..models import Model
from ..models.networks.keras_files import load_keras
from ..models.networks.network import open_network
from ..models.networks.precision import size_of_file
from ..poses import standard_error
from ..training.batches import RESCALING
from .convert import quantize

CHOICES = {
    "per_channel": (".tflite", "per_channel", False),
    "per_tensor": (".tflite", "per_tensor", False),
    "per_tensor_optimized": (".tflite", "per_tensor", True),
    "onnx_per_channel": (".onnx", "per_channel", False),
    "onnx_per_tensor_optimized": (".onnx", "per_tensor", True),
}
"""By name: suffix of the file, granularity, and whether the network is optimized first."""


def choices(
    model: Model,
    images: np.ndarray,
    dataset: Dataset,
    out_dir: str | Path,
    names: Sequence[str] = tuple(CHOICES),
    input_type: str = "uint8",
    output_type: str = "float",
) -> list[dict]:
    """Quantizes a model with several settings and evaluates each.

    Args:
        model: the float model, from a .keras or .h5 file.
        images: (N, H, W, 3) float32 network inputs for calibration.
        dataset: to evaluate on.
        out_dir: folder for the quantized files, named as the choices.
        names: of ``CHOICES``.
        input_type, output_type: of the quantized files.

    Returns:
        A row per model, the float model first: ``choice``; ``oks``, the mean over people; ``loss``
        of OKS against the float model, in points (hundredths); ``uncertainty``, the standard error
        of the loss over images, in points; ``kib``; ``file``.

    Raises:
        PoseError: for an unknown choice, a model that cannot be quantized, or a dataset that cannot
            be evaluated.
    """
    unknown = [name for name in names if name not in CHOICES]
    if unknown:
        raise PoseError(
            f"no quantization setting is called {', '.join(unknown)}; choose from "
            f"{', '.join(CHOICES)}"
        )
    keras_model, rescaling = load_keras(model.path), model.network.rescaling or RESCALING
    exact = evaluate(model, dataset, progress=False)
    rows = [_row("float", model.path, exact, exact)]
    for name in names:
        suffix, granularity, optimize = CHOICES[name]
        path = Path(out_dir) / f"{name}{suffix}"
        quantize(
            keras_model, images, path, granularity, input_type, output_type, rescaling, optimize
        )
        network = open_network(path, model.network.num_threads, rescaling)
        spec = replace(model.input_spec, channels_first=network.channels_first)
        quantized = replace(model, network=network, input_spec=spec, name=str(path))
        rows.append(_row(name, path, evaluate(quantized, dataset, progress=False), exact))
    return rows


def _row(name: str, path: Path, report: Report, exact: Report) -> dict:
    losses = 100 * (np.array(exact.similarities) - np.array(report.similarities))
    return {
        "choice": name,
        "oks": report.metrics["oks"],
        "loss": 100 * (exact.metrics["oks"] - report.metrics["oks"]),
        "uncertainty": standard_error(losses),
        "kib": size_of_file(path) / 1024,
        "file": path.name,
    }


def recommended(rows: Sequence[Mapping]) -> Mapping:
    """The smallest of the quantized files whose loss is within two standard errors of zero, so that
    it cannot be told from none; if there is none, the file with the lowest loss."""
    tried = [row for row in rows if row["choice"] != "float"]
    equal = [row for row in tried if row["loss"] <= 2 * np.nan_to_num(row["uncertainty"])]
    if not equal:
        return min(tried, key=lambda row: row["loss"])
    return min(equal, key=lambda row: (row["kib"], row["loss"]))


def choice_name(suffix: str, granularity: str, optimize: bool) -> str:
    """The name of the settings in ``CHOICES``; ``other`` if they are not among them."""
    settings = (suffix, granularity, optimize)
    return next((name for name, known in CHOICES.items() if known == settings), "other")
