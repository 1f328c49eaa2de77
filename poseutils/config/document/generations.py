"""Translates the attribute names of ST's older files to those of the newer ones, the only ones used
inside.

Older files have ``general.model_path``, ``general.model_type`` and ``training.model: {name, alpha,
input_shape, pretrained_weights}``.
"""

from __future__ import annotations

from typing import Any

MOVED = {
    "general.model_path": "model.model_path",
    "general.model_type": "model.model_type",
    "training.model.name": "model.model_name",
    "training.model.pretrained_weights": "model.pretrained",
    "dataset.prediction_path": "prediction.test_files_path",
    "dataset.keypoints_file_path": "deployment.label_file_path",
    "data_augmentation.custom_data_augmentation": "custom_data_augmentation",
}
"""New names of attributes that moved or have two homes. Other attributes of ``training.model`` move
to ``model`` and keep their names."""


FALLBACKS = ("dataset.prediction_path",)
"""Those that are read only where the new name is not given."""


def translate(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """A document under the newer names.

    Returns:
        The document; for each attribute that moved, its older name; and a message for each that is
        given in both places.
    """
    document = _copied(document)
    written: dict[str, str] = {}
    problems: list[str] = []
    for old, value in _old_attributes(document).items():
        new = new_name(old)
        if new == "model.pretrained" and value == "imagenet":
            value = True
        taken = value is None or _put(document, new, value)
        if not taken and old not in FALLBACKS:
            problems.append(
                f"{old}: given, and {new} too, with another value; remove {old}, the older name"
            )
        written[new] = old
    return document, written, problems


def new_name(name: str) -> str:
    """The name of an attribute in newer files: ``training.model.alpha`` is ``model.alpha``."""
    if name in MOVED:
        return MOVED[name]
    if name.startswith("training.model."):
        return "model." + name.removeprefix("training.model.")
    return name


def _copied(value: Any, depth: int = 3) -> Any:
    """Copies the mappings down to the depth at which attributes move: by YAML aliases one mapping
    may be in several places."""
    if depth and isinstance(value, dict):
        return {name: _copied(part, depth - 1) for name, part in value.items()}
    return value


def _old_attributes(document: dict) -> dict[str, Any]:
    """Removes the attributes with older names from a document and returns them."""
    found = {}
    for name in MOVED:
        section, _, attribute = name.rpartition(".")
        parent = _section(document, section)
        if attribute in parent:
            found[name] = parent.pop(attribute)
    older = _section(document, "training.model")
    found.update({f"training.model.{name}": value for name, value in older.items()})
    if isinstance(_section(document, "training").get("model", ""), (dict, type(None))):
        document["training"].pop("model")
    return found


def _section(document: dict, name: str) -> dict:
    section: Any = document
    for part in name.split("."):
        section = section.get(part)
        if not isinstance(section, dict):
            return {}
    return section


def _put(document: dict, name: str, value: Any) -> bool:
    """Writes an attribute; False if it already has another value."""
    *sections, attribute = name.split(".")
    for section in sections:
        if document.get(section) is None:
            document[section] = {}
        document = document[section]
        if not isinstance(document, dict):
            return True  # validation refuses a section that is not a mapping
    if document.get(attribute) not in (None, value):
        return False
    document[attribute] = value
    return True
