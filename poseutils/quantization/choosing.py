"""What each way to quantize a model costs, in similarity on a data set, and which one the numbers
speak for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..datasets import Dataset
from ..errors import PoseError
from ..evaluation import Report, evaluate
from ..models import Model
from ..models.network import load_keras, open_network
from ..training.batches import RESCALING
from .onnx import quantize_onnx
from .tflite import quantize

CHOICES = {
    "per_channel": (quantize, "per_channel", False),
    "per_tensor": (quantize, "per_tensor", False),
    "per_tensor_optimized": (quantize, "per_tensor", True),
    "onnx_per_channel": (quantize_onnx, "per_channel", False),
    "onnx_per_tensor_optimized": (quantize_onnx, "per_tensor", True),
}
"""Each by its name: what quantizes, the granularity, and whether the network is optimized first."""


def choices(
    model: Model,
    images: np.ndarray,
    dataset: Dataset,
    out_dir: str | Path,
    names: Sequence[str] = tuple(CHOICES),
    input_type: str = "uint8",
    output_type: str = "float",
) -> list[dict]:
    """Quantizes a model in several ways and evaluates each.

    Args:
        model: the float model, of a .keras or .h5 file.
        images: (N, H, W, 3) float32 inputs as the network takes them, to calibrate with.
        dataset: to evaluate on.
        out_dir: the files are written here, named as the choices.
        names: of ``CHOICES``, those to try.
        input_type, output_type: of the quantized files.

    Returns:
        Rows, the float model first: ``choice``; ``oks``, the mean over people; ``loss``, of OKS
            against the float model, in points
        (hundredths); ``uncertainty``, the standard error of that loss over the images, in points;
        ``kib``; ``file``.

    Raises:
        PoseError: for an unknown choice, a model that cannot be quantized, or a data set that
            cannot be evaluated.
    """
    unknown = [name for name in names if name not in CHOICES]
    if unknown:
        raise PoseError(
            f"no way to quantize is called {', '.join(unknown)}; choose from {', '.join(CHOICES)}"
        )
    keras_model, rescaling = load_keras(model.path), model.network.rescaling or RESCALING
    exact = evaluate(model, dataset, progress=False)
    rows = [_row("float", model.path, exact, exact)]
    for name in names:
        convert, granularity, optimize = CHOICES[name]
        path = Path(out_dir) / f"{name}{'.onnx' if convert is quantize_onnx else '.tflite'}"
        convert(
            keras_model, images, path, granularity, input_type, output_type, rescaling, optimize
        )
        network = open_network(path, model.network.num_threads, rescaling)
        rows.append(
            _row(
                name,
                path,
                evaluate(replace(model, network=network, name=str(path)), dataset, progress=False),
                exact,
            )
        )
    return rows


def _row(name: str, path: Path, report: Report, exact: Report) -> dict:
    losses = 100 * (np.array(exact.similarities) - np.array(report.similarities))
    return {
        "choice": name,
        "oks": report.metrics["oks"],
        "loss": 100 * (exact.metrics["oks"] - report.metrics["oks"]),
        "uncertainty": float(losses.std(ddof=1) / np.sqrt(len(losses)))
        if len(losses) > 1
        else float("nan"),
        "kib": path.stat().st_size / 1024,
        "file": path.name,
    }


def recommended(rows: Sequence[dict]) -> dict:
    """The smallest file among the quantized that lose no more than the best one and its standard
    error."""
    tried = [row for row in rows if row["choice"] != "float"]
    least = min(tried, key=lambda row: row["loss"])
    most = least["loss"] + np.nan_to_num(least["uncertainty"])
    return min(
        [row for row in tried if row["loss"] <= most], key=lambda row: (row["kib"], row["loss"])
    )


def choice_name(onnx: bool, granularity: str, optimize: bool) -> str:
    """The name of a choice as the configuration has it; ``other`` if it is none of ``CHOICES``."""
    way = (quantize_onnx if onnx else quantize, granularity, optimize)
    return next((name for name, own in CHOICES.items() if own == way), "other")
