"""What a configuration takes from the environment, ``${oc.env:NAME}``, stays out of what a run
writes: references are written in its place."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Place = tuple[str | int, ...]
"""Where a value is: the names of its section and attribute, and indices in lists."""

SHORTEST = 4
"""Characters of a value that is hidden wherever it stands; shorter ones are part of many words."""


@dataclass
class Environment:
    """What came from variables of the environment.

    Attributes:
        references: by the place, the text as written and as filled in.
        values: of variables, and how each is written in the file.
    """

    references: dict[Place, tuple[str, str]] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)

    def hidden(self, text: str) -> str:
        """Text in which references stand for the values."""
        for value in sorted(self.values, key=len, reverse=True):
            if len(value) >= SHORTEST and not value.replace(".", "").isdigit():
                text = text.replace(value, self.values[value])
        return text

    def hidden_in(self, value: Any) -> Any:
        """The same in all text of a JSON document, except in embedded images."""
        if isinstance(value, str):
            return self.hidden(value)
        if isinstance(value, list):
            return [self.hidden_in(part) for part in value]
        if isinstance(value, dict):
            return {
                name: part if name.startswith("image/") else self.hidden_in(part)
                for name, part in value.items()
            }
        return value

    def restore(self, sections: dict, folder: Path) -> None:
        """Puts references into the sections of a configuration that is about to be written, whose
        paths have become absolute; ``folder`` is where relative ones began."""
        for place, (text, filled) in self.references.items():
            _restore(sections, place, text, filled, folder)


def _restore(values: Any, place: Place, text: str, filled: str, folder: Path) -> None:
    name, *below = place
    known = name in values if isinstance(values, dict) else isinstance(name, int)
    if known and below:
        _restore(values[name], tuple(below), text, filled, folder)
    elif known:
        values[name] = _reference(values[name], text, filled, folder)
    else:  # the attribute has several names
        for key, value in values.items() if isinstance(values, dict) else ():
            if str(value) == filled:
                values[key] = text


def _reference(saved: Any, text: str, filled: str, folder: Path) -> str:
    """The text as written; below the folder in which a relative path was found."""
    for place in (folder, Path.cwd()):
        path = (place / filled).absolute()
        if str(saved) in (str(path), path.as_uri()) and not os.path.isabs(filled):
            return f"{place.absolute()}/{text}"
    return text
