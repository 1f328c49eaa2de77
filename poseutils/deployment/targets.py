"""Where a model runs in an evaluation or a prediction: on this computer, as C, or on a board."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ..config import Config
from ..config.sections import OnTarget
from ..datasets import Dataset
from ..errors import PoseError
from ..models import Model
from ..models.networks.precision import computes_in_float, quantize_first
from .serial.network import on_board
from .st.network import ON_HOST, ON_N6, on_st
from .verify.emulator import EMULATED
from .verify.exported_model import as_exported

FEW = 4
"""Images in an evaluation on an emulated core, which takes seconds per image."""

CORES = {f"emulated_{key}": machine.core for key, machine in EMULATED.items()}
"""Targets on which the exported C is emulated. On ``emulated`` it runs on this computer, on
``serial`` on a board; on ``host`` the model runs in its own runtime."""

NEEDS = {
    ON_HOST: "ST Edge AI Core with its Python runner (ai_runner) on this computer",
    ON_N6: "ST Edge AI Core with its Python runner (ai_runner) and loader (n6_loader.py), "
    "STM32CubeIDE, and an STM32N6570-DK or NUCLEO-N657X0-Q on USB",
}
"""What ST's targets need."""

TARGETS = ("host", "emulated", *CORES, "serial", *NEEDS)
"""What ``evaluation.target`` and ``prediction.target`` may be."""

TENSORS = ("input_type", "output_type", "input_chpos", "output_chpos")

SectionName = Literal["evaluation", "prediction"]


def on_target(
    model: Model,
    target: str,
    config: Config | None = None,
    run_dir: str | Path | None = None,
    section: SectionName = "evaluation",
) -> Model:
    """The model as it runs on a target of ``evaluation.target`` or ``prediction.target``.

    For one of ST's targets (:data:`NEEDS`) without ST's tools, and for a float network where C is
    expected, it runs on this computer in its own runtime, and the reason is printed.

    Args:
        config: ST's tools, the board and its ``serial_port`` (default: the defaults).
        run_dir: the folder of what ST's tools write.
        section: the one whose types and channel order of tensors ST's compiler is asked for.

    Raises:
        PoseError: as :func:`as_exported`, :func:`on_board` and
            :func:`poseutils.deployment.st.network.on_st`, or if the target is not known.
    """
    if target not in TARGETS:
        raise PoseError(f"target {target!r}: expected one of {', '.join(TARGETS)}")
    config = config or Config.model_validate({"model": {"model_type": "heatmaps_spe"}})
    asked: OnTarget = getattr(config, section)
    if line := unchanged_tensors(asked, target, section):
        print(line)
    if target == "host":
        return model
    if target in NEEDS:
        compiled = on_st(model, target, config, asked, run_dir)
        return compiled or _here(model, target, f"it takes {NEEDS[target]}.")
    if computes_in_float(model.path):
        first = quantize_first(model.path, "chain_qe")
        return _here(model, target, f"a float network does not become C. {first}.")
    if target == "serial":
        return on_board(model, config.deployment.hardware_setup.serial_port)
    return as_exported(model, CORES.get(target))


def _here(model: Model, target: str, reason: str) -> Model:
    print(f"target {target}: {reason} {model.label} runs on this computer, in its own runtime.")
    return model


def unchanged_tensors(asked: OnTarget, target: str, section: SectionName) -> str:
    """A sentence on types and channel orders that are asked for and change nothing on a target;
    empty if there are none."""
    given = [name for name in TENSORS if getattr(asked, name)]
    if target in NEEDS or not given:
        return ""
    return (
        f"{section}.{', '.join(given)}: of ST's targets; on target {target} tensors are as in the "
        "model file, in C of 8 bits with channels last, and what they hold is the same."
    )


def side_by_side(
    models: list[Model],
    dataset: Dataset,
    target: str,
    config: Config | None = None,
    run_dir: str | Path | None = None,
) -> tuple[list[Model], Dataset]:
    """The models and images of an evaluation on a target.

    Args:
        models: the first is the one that goes to the board.
        dataset: an emulated core takes the first :data:`FEW` images.
        target, config, run_dir: see :func:`on_target`.

    Returns:
        The models, preceded by the first as it runs on the target, if that is not its own runtime;
        the images.
    """
    there = on_target(models[0], target, config, run_dir)
    if there is models[0]:
        return models, dataset
    if target in CORES:
        measured = dataset if models[0].gives_several else dataset.single()
        dataset = measured[:FEW]
        print(f"{CORES[target]} is emulated: the first {len(dataset)} images")
    return [there, *models], dataset
