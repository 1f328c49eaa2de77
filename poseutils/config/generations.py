"""The words of older files, said in those of the newer ones, which alone are used inside.

Older files have ``general.model_path``, ``general.model_type`` and ``training.model: {name, alpha, input_shape, pretrained_weights}``.
"""

from __future__ import annotations

from typing import Any

MOVED = {
    "general.model_path": "model.model_path",
    "general.model_type": "model.model_type",
    "training.model.name": "model.model_name",
    "training.model.pretrained_weights": "model.pretrained",
    "dataset.prediction_path": "prediction.test_files_path",
    "data_augmentation.custom_data_augmentation": "custom_data_augmentation",
}
"""Where attributes of older files, and those with two homes, are now. What stands below ``training.model`` keeps its name."""


def translate(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """A document in the newer words.

    Returns:
        The document; for each attribute that moved, how it was written; and a line for each that is given in both places.
    """
    document = _copied(document)
    written: dict[str, str] = {}
    problems: list[str] = []
    for old, value in _old_attributes(document).items():
        new = new_name(old)
        if new == "model.pretrained" and value == "imagenet":
            value = True
        if value is not None and not _put(document, new, value):
            problems.append(f"{old}: given, and {new} too, with another value; remove {old}, the older name")
        written[new] = old
    return document, written, problems


def new_name(name: str) -> str:
    """What an attribute is called in newer files: ``training.model.alpha`` is ``model.alpha``."""
    if name in MOVED:
        return MOVED[name]
    return "model." + name.removeprefix("training.model.") if name.startswith("training.model.") else name


def _copied(value: Any, depth: int = 3) -> Any:
    """The mappings down to where attributes move are copied: in YAML one may stand in several places."""
    return {name: _copied(part, depth - 1) for name, part in value.items()} if depth and isinstance(value, dict) else value


def _old_attributes(document: dict) -> dict[str, Any]:
    """Takes the attributes with older names out of a document."""
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
    for part in name.split("."):
        document = document.get(part)
        if not isinstance(document, dict):
            return {}
    return document


def _put(document: dict, name: str, value: Any) -> bool:
    """Writes an attribute; False if another value is there already, or its section is none."""
    *sections, attribute = name.split(".")
    for section in sections:
        if document.get(section) is None:
            document[section] = {}
        document = document[section]
        if not isinstance(document, dict):
            return True  # what stands there is refused for itself
    if document.get(attribute) not in (None, value):
        return False
    document[attribute] = value
    return True
