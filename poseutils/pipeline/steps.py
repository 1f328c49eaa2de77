"""The steps of a run: which notebook, where it writes, the models that pass from one to the next, and what was measured."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import PoseError

ARTIFACTS = {"train": "model.keras", "quantize": "quantized.tflite"}
"""The model that a service leaves in its folder for those after it."""


@dataclass
class Step:
    """One notebook of a run.

    Attributes:
        number: its place, from 1.
        service: the notebook's name: train, quantize, ...
        label: what its metrics are called in the run's ``metrics.json``.
        folder: where it writes (its ``run_dir``).
        status: waiting, done, failed or interrupted.
        seconds: how long it ran.
        metrics: what it measured; None stands for a value that is not finite.
    """

    number: int
    service: str
    label: str
    folder: Path
    status: str = "waiting"
    seconds: float = 0.0
    metrics: dict[str, float | None] = field(default_factory=dict)

    @property
    def notebook(self) -> Path:
        """The executed notebook."""
        return self.folder.parent / f"{self.folder.name}.ipynb"

    @property
    def page(self) -> Path:
        """The executed notebook as HTML."""
        return self.folder.parent / f"{self.folder.name}.html"


@dataclass
class Models:
    """The models that the steps so far have left; empty stands for what the configuration says."""

    latest: str = ""
    floating: str = ""
    configured: str = ""

    def parameters(self, service: str) -> dict[str, str]:
        """The models that a notebook is given: quantization starts from the float one, an evaluation of its result compares with it."""
        floating = self.floating or self.configured
        if service == "train":
            return {"model": ""}
        if service == "quantize":
            return {"model": floating}
        if service == "evaluate":
            return {"model": self.latest or floating, "compare_with": floating if self.latest not in ("", floating) else ""}
        return {"model": self.latest or floating}

    def update(self, step: Step) -> None:
        """Takes up the model that a step has left.

        Raises:
            PoseError: if there is none.
        """
        name = ARTIFACTS.get(step.service)
        if name is None:
            return
        path = step.folder / name
        if not path.exists():
            raise PoseError(f"{step.notebook.name} left no {name} in {step.folder}, which the steps after it need.")
        self.latest = str(path)
        if step.service == "train":
            self.floating = self.latest


def plan(services: Sequence[str], folder: Path) -> list[Step]:
    """The steps of a run into ``folder``, each with a label of its own."""
    steps: list[Step] = []
    for number, service in enumerate(services, start=1):
        label = _label(services, number - 1)
        if label in (step.label for step in steps):
            label = f"{label}_{number}"
        steps.append(Step(number, service, label, folder / f"{number:02d}-{service}"))
    return steps


def _label(services: Sequence[str], index: int) -> str:
    """The service's name; of several evaluations, those of a quantized model are told from those of a float one."""
    service = services[index]
    if service != "evaluate" or services.count("evaluate") == 1:
        return service
    makers = [before for before in services[:index] if before in ARTIFACTS]
    return "evaluate_quantized" if makers and makers[-1] == "quantize" else "evaluate_float"


def read_metrics(path: Path) -> dict[str, float | None]:
    """The flat numbers of a step's ``metrics.json``; empty if it wrote none.

    Raises:
        PoseError: if the file holds anything but names and numbers.
    """
    if not path.exists():
        return {}
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): float(value) if math.isfinite(value) else None for name, value in metrics.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise PoseError(f'{path}: expected names and numbers, such as {{"oks": 0.5}} ({error})') from None


def all_metrics(steps: Sequence[Step]) -> dict[str, float | None]:
    """The metrics of a whole run, as ``label.name``; with the seconds of each step, and 1 for ``label.failed`` where one failed."""
    metrics: dict[str, float | None] = {}
    for step in steps:
        metrics.update({f"{step.label}.{name}": value for name, value in step.metrics.items()})
        if step.status != "waiting":
            metrics[f"{step.label}.seconds"] = round(step.seconds, 2)
        if step.status in ("failed", "interrupted"):
            metrics[f"{step.label}.{step.status}"] = 1.0
    return metrics
