"""The steps of a run: which notebook, where it writes, the models that pass from one to the next, and what was measured."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ARTIFACTS = {"train": ("model.keras",), "quantize": ("quantized.tflite", "quantized.onnx")}
"""The model that a service leaves in its folder for those after it: one of these."""

CHECKPOINT = "checkpoint.npz"
"""What a training that was killed goes on from."""

STATUSES = ("waiting", "running", "done", "failed", "interrupted")


@dataclass
class Step:
    """One notebook of a run.

    Attributes:
        number: its place, from 1.
        service: the notebook's name: train, quantize, ...
        label: what its metrics are called in the run's ``metrics.json``.
        folder: where it writes (its ``run_dir``).
        status: one of ``STATUSES``.
        seconds: how long it ran.
        error: why it failed, for people.
        given: the notebook's parameters that name models: ``model``, and for an evaluation ``compare_with``.
        metrics: what it measured; None stands for a value that is not finite.
    """

    number: int
    service: str
    label: str
    folder: Path
    status: str = "waiting"
    seconds: float = 0.0
    error: str = ""
    given: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float | None] = field(default_factory=dict)

    @property
    def notebook(self) -> Path:
        """The executed notebook."""
        return self.folder.parent / f"{self.folder.name}.ipynb"

    @property
    def page(self) -> Path:
        """The executed notebook as HTML."""
        return self.folder.parent / f"{self.folder.name}.html"

    def prepare_folder(self) -> None:
        """Makes the folder, and clears what a stopped execution left, but for that from which a service itself goes on: a training's
        checkpoint, and ``.partial`` files."""
        self.folder.mkdir(exist_ok=True)
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.suffix != ".partial" and path.name != CHECKPOINT:
                path.unlink()
        for path in (self.notebook, self.page):
            path.unlink(missing_ok=True)

    @property
    def model(self) -> Path | None:
        """The model that the service left, if it leaves one and it is there."""
        found = (path for name in ARTIFACTS.get(self.service, ()) for path in self.folder.rglob(name))  # general.saved_models_dir is below
        return next(found, None)

    def lacks(self) -> Path | None:
        """The model that the service leaves for those after it, if it is not there."""
        return self.folder / ARTIFACTS[self.service][0] if self.service in ARTIFACTS and self.model is None else None


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
        if service in ("benchmark", "deploy"):
            return {"model": self.latest}  # if none was made, the notebook takes the 8-bit version of the configured one
        return {"model": self.latest or floating}

    def update(self, step: Step) -> None:
        """Takes up the model that a step has left, if its service leaves one."""
        if step.model is None:
            return
        self.latest = str(step.model)
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
