"""Figures of quantization: the error of each layer, and the loss of each configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np

_WORST = 3  # number of layers that are annotated


def show_layer_errors(errors: Mapping[str, Sequence[Mapping]]) -> None:
    """The signal-to-noise ratio of each layer, a series per network; the worst layers of the first
    are numbered, and named below.

    Args:
        errors: label -> rows of ``quantization.layer_errors``, of networks with the same layers.
    """
    first = next(iter(errors.values()))
    _, axes = plt.subplots(figsize=(9, 3.2), layout="constrained")
    for index, (label, rows) in enumerate(errors.items()):
        values = [row["snr_db"] for row in rows]
        if index == 0:
            axes.bar(np.arange(len(rows)), values, width=0.9, color="#5b8db8", label=label)
        else:
            axes.plot(np.arange(len(rows)), values, marker=".", color=f"C{index}", label=label)
    worst = sorted(range(len(first)), key=lambda i: first[i]["snr_db"])[:_WORST]
    for index in worst:
        axes.annotate(str(index), (index, 1), fontsize=7, ha="center", color="white", rotation=90)
    named = ", ".join(f"{index} {first[index]['layer']}" for index in worst)
    axes.set(
        xlabel=f"layer, in execution order\nlowest: {named}",
        ylabel="signal-to-noise ratio (dB)",
        title="layer outputs compared with the float network",
    )
    axes.margins(x=0.01, y=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    if len(errors) > 1:
        axes.figure.legend(loc="outside upper right", fontsize=8)


def show_choices(rows: Sequence[Mapping]) -> None:
    """The loss of OKS of each quantization scheme, with its standard error; rows of
    ``quantization.choices``."""
    from ..quantization import recommended

    tried = [row for row in rows if row["choice"] != "float"]
    best = recommended(rows)["choice"]
    _, axes = plt.subplots(figsize=(7, 0.9 + 0.4 * len(tried)), layout="constrained")
    bars = axes.barh(
        np.arange(len(tried)),
        [row["loss"] for row in tried],
        xerr=[row["uncertainty"] for row in tried],
        color=["#3a9d6e" if row["choice"] == best else "#5b8db8" for row in tried],
        ecolor="gray",
        capsize=3,
    )
    axes.bar_label(bars, [f"{row['loss']:+.2f}" for row in tried], fontsize=8, padding=3)
    axes.set_yticks(np.arange(len(tried)), [row["choice"] for row in tried], fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set(xlabel="loss of OKS, points", title="loss by quantization scheme")
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
