"""The file of ST's script that evaluates on the target: it names the file of a model, and becomes
that one with what the script puts into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import PoseError

MOVED = {"model_path": "model.model_path", "dataset_path": "dataset.test_path"}
"""What its section ``general`` has, and where that goes. All of ``parameters`` goes to
``evaluation``, where ``evaluation_target`` is ``target``."""

EMPTIED = ("training_path", "validation_path", "quantization_path")
"""Data that the script takes away, so that the evaluation is of its own."""


def names_a_file(document: dict[str, Any]) -> bool:
    """Whether a document is that of the script."""
    parameters = document.get("parameters")
    return isinstance(parameters, dict) and "config_path" in _attributes(document, "general")


def named_file(document: dict[str, Any], path: Path) -> Path:
    """The file of the model, relative to the folder of the script's file or else to the current
    one.

    Raises:
        PoseError: if it is in neither.
    """
    name = document["general"]["config_path"]
    if isinstance(name, str):
        places = [(folder / name).absolute() for folder in (path.parent, Path.cwd())]
        found = next((place for place in places if place.is_file()), None)
        if found:
            return found
        looked = f"no such file; looked for {' and '.join(map(str, dict.fromkeys(places)))}"
    else:
        looked = "expected the path of the configuration file of the model"
    raise PoseError(f"{path}: general.config_path: {name}: {looked}")


def as_evaluation(
    document: dict[str, Any], model: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The file of the model as the evaluation that the script runs.

    Args:
        document: that of the script.
        model: that of the model, under the newer names.

    Returns:
        The document; for each attribute of the script's file, its name there.
    """
    general, parameters = (_attributes(document, name) for name in ("general", "parameters"))
    moved = {MOVED[name]: f"general.{name}" for name in MOVED if name in general}
    moved |= {f"evaluation.{_in_evaluation(name)}": f"parameters.{name}" for name in parameters}
    sections = {name: _attributes(model, name) for name in ("model", "dataset", "evaluation")}
    sections["dataset"] |= dict.fromkeys(EMPTIED)
    for new, old in moved.items():
        section, name = new.split(".")
        sections[section][name] = document[old.partition(".")[0]][old.partition(".")[2]]
    kept = {name: value for name, value in general.items() if name not in (*MOVED, "config_path")}
    sections["general"] = _attributes(model, "general") | kept
    sections["tools"] = tools = _attributes(model, "tools")
    tools["stedgeai"] = _attributes(tools, "stedgeai") | _attributes(
        _attributes(document, "tools"), "stedgeai"
    )
    others = {name: value for name, value in document.items() if name != "parameters"}
    return {**model, **others, **sections, "operation_mode": "evaluation"}, moved


def _in_evaluation(name: str) -> str:
    return "target" if name == "evaluation_target" else name


def _attributes(document: dict[str, Any], section: str) -> dict[str, Any]:
    value = document.get(section)
    return dict(value) if isinstance(value, dict) else {}
