"""Where a model runs in an evaluation or a prediction: on this computer, as C, or on a board."""

from __future__ import annotations

from ..datasets import Dataset
from ..errors import PoseError
from ..models import Model
from ..models.precision import computes_in_float, quantize_first
from .serial.network import on_board
from .verify.emulator import EMULATED
from .verify.exported_model import as_exported

FEW = 4
"""Images in an evaluation on an emulated core, which takes seconds per image."""

CORES = {f"emulated_{key}": machine.core for key, machine in EMULATED.items()}
"""Targets on which the exported C is emulated. On ``emulated`` it runs on this computer, on
``serial`` on a board; on ``host`` the model runs in its own runtime."""

NEEDS = {
    "stedgeai_host": "ST Edge AI Core and its Python runner (ai_runner) on this computer",
    "stedgeai_n6": "ST Edge AI Core and an STM32N6570-DK on USB with ST's validation firmware",
}
"""What ST's targets need; they are not driven from here."""

TARGETS = ("host", "emulated", *CORES, "serial", *NEEDS)
"""What ``evaluation.target`` and ``prediction.target`` may be."""


def on_target(model: Model, target: str, port: str | None = None) -> Model:
    """The model as it runs on a target of ``evaluation.target`` or ``prediction.target``.

    For one of ST's targets (:data:`NEEDS`) and for a float network it runs on this computer in its
    own runtime, and the reason is printed.

    Args:
        port: ``deployment.hardware_setup.serial_port``, for the target ``serial``.

    Raises:
        PoseError: as :func:`as_exported` and :func:`on_board`, or if the target is not known.
    """
    if target not in TARGETS:
        raise PoseError(f"target {target!r}: expected one of {', '.join(TARGETS)}")
    reason = _why_not(model, target)
    if reason:
        print(f"target {target}: {reason} {model.label} runs on this computer, in its own runtime.")
    if reason or target == "host":
        return model
    return on_board(model, port) if target == "serial" else as_exported(model, CORES.get(target))


def _why_not(model: Model, target: str) -> str:
    """Why a model cannot run on a target; empty if it can."""
    if target in NEEDS:
        return (
            f"it takes {NEEDS[target]}, and is not driven from here. Target emulated runs the C "
            "code that goes to the board."
        )
    if target != "host" and computes_in_float(model.path):
        return f"a float network does not become C. {quantize_first(model.path, 'chain_qe')}."
    return ""


def side_by_side(
    models: list[Model], dataset: Dataset, target: str, port: str | None = None
) -> tuple[list[Model], Dataset]:
    """The models and images of an evaluation on a target.

    Args:
        models: the first is the one that goes to the board.
        dataset: an emulated core takes the first :data:`FEW` images.
        target, port: see :func:`on_target`.

    Returns:
        The models, preceded by the exported code of the first if the target runs it; the images.
    """
    there = on_target(models[0], target, port)
    if there is models[0]:
        return models, dataset
    if target in CORES:
        measured = dataset if models[0].gives_several else dataset.single()
        dataset = measured[:FEW]
        print(f"{CORES[target]} is emulated: the first {len(dataset)} images")
    return [there, *models], dataset
