"""The steps of a run: their notebooks and folders, the models that are passed on, and the
metrics."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..files import NOTES, read_text, remove_incomplete

ARTIFACTS = {"train": ("model.keras",), "quantize": ("quantized.tflite", "quantized.onnx")}
"""The model that a service writes for later steps: one of these files."""

CHECKPOINT = "checkpoint.npz"
"""The file from which an interrupted training resumes."""

STATUSES = ("waiting", "running", "done", "failed", "interrupted")


@dataclass
class Step:
    """The execution of a notebook in a run.

    Attributes:
        number: position in the run, from 1.
        service: name of the notebook: train, quantize, ...
        label: prefix of its metrics in the run's ``metrics.json``.
        folder: its output folder (``run_dir``).
        status: one of ``STATUSES``.
        seconds: duration.
        error: message, if it failed.
        given: parameters of the notebook that name models: ``model``, and for an evaluation
            ``compare_with``.
        metrics: name to value; None for a value that is not finite.
    """

    number: int
    service: str
    label: str
    folder: Path
    status: str = "waiting"
    seconds: float = 0.0
    error: str = ""
    given: dict[str, Any] = field(default_factory=dict)
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
        """Creates the folder and removes the files of an interrupted execution, except those that
        services resume from: the checkpoint of training, and ``.partial`` files; and dotfiles."""
        self.folder.mkdir(exist_ok=True)
        remove_incomplete(self.folder)
        for path in self.folder.iterdir():
            if path.name.startswith("."):
                continue  # of JupyterLab, or of the user
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.suffix != ".partial" and path.name != CHECKPOINT:
                path.unlink()
        for path in (self.notebook, self.page):
            path.unlink(missing_ok=True)

    @property
    def model(self) -> Path | None:
        """The model that the service wrote, if there is one."""
        # General.saved_models_dir is below
        found = (
            path for name in ARTIFACTS.get(self.service, ()) for path in self.folder.rglob(name)
        )
        return next(found, None)

    @property
    def notes(self) -> list[str]:
        """What the service found remarkable."""
        path = self.folder / NOTES
        return read_text(path).splitlines() if path.is_file() else []

    def lacks(self) -> Path | None:
        """The model that the service has to write for later steps, if it is missing."""
        if self.service in ARTIFACTS and self.model is None:
            return self.folder / ARTIFACTS[self.service][0]
        return None


@dataclass
class Models:
    """The models that the previous steps wrote; empty means the one in the configuration."""

    latest: str = ""
    floating: str = ""
    configured: str = ""

    def parameters(self, service: str) -> dict[str, str]:
        """The models given to a notebook: quantization starts from the float model, with which its
        result is compared."""
        floating = self.floating or self.configured
        if service == "train":
            return {"model": ""}
        if service == "quantize":
            return {"model": floating}
        if service == "evaluate":
            return {
                "model": self.latest or floating,
                "compare_with": floating if self.latest not in ("", floating) else "",
            }
        if service in ("benchmark", "deploy"):
            # If empty, the notebook uses the 8-bit version of the configured model
            return {"model": self.latest}
        return {"model": self.latest or floating}

    def update(self, step: Step) -> None:
        """Takes the model that a step wrote, if there is one."""
        if step.model is None:
            return
        self.latest = str(step.model)
        if step.service == "train":
            self.floating = self.latest


def plan(services: Sequence[str], folder: Path) -> list[Step]:
    """The steps of a run into ``folder``, with unique labels."""
    steps: list[Step] = []
    for number, service in enumerate(services, start=1):
        label = _label(services, number - 1)
        if label in (step.label for step in steps):
            label = f"{label}_{number}"
        steps.append(Step(number, service, label, folder / f"{number:02d}-{service}"))
    return steps


def _label(services: Sequence[str], index: int) -> str:
    """The name of the service; several evaluations are labeled by whether they follow
    quantization."""
    service = services[index]
    if service != "evaluate" or services.count("evaluate") == 1:
        return service
    makers = [before for before in services[:index] if before in ARTIFACTS]
    return "evaluate_quantized" if makers and makers[-1] == "quantize" else "evaluate_float"
