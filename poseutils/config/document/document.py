"""Reads a YAML file into plain dictionaries: checks sizes and keys, substitutes variables, applies
overrides, translates older names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from ...errors import PoseError
from ...files import decoded
from .environment import Environment, Place
from .evaluated_on_target import as_evaluation, named_file, names_a_file
from .generations import new_name, translate

MAX_BYTES = 200_000
"""About fifty times the size of a usual configuration."""
MAX_VALUES = 100_000
MAX_INTEGER = 10**18
"""Larger ones, which only a tag can give, are too long for Python to write."""

_VARIABLE = re.compile(r"\$\{(oc\.env|now):([^},]*)(?:,([^}]*))?\}")
_NOW = re.compile(r"\$\{(now):([^},]*)(?:,([^}]*))?\}")
_OVERRIDE = re.compile(r"(\w+(?:\.\w+)*)=(.*)", re.DOTALL)


class _Loader(yaml.SafeLoader):
    """A SafeLoader with other implicit types: ``1e-3`` is a number, ``None`` is null, dates and
    1:30 stay text."""

    yaml_implicit_resolvers: dict = {}

    def construct_object(self, node, deep=False):
        """Refuses, by its line, a value that is not of the type that its tag (``!!int``) names."""
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, int) and abs(value) > MAX_INTEGER:
                raise ValueError
            return value
        except (ValueError, TypeError, LookupError, AttributeError):
            tag = node.tag.rpartition(":")[2]
            raise yaml.constructor.ConstructorError(
                problem=f"{str(node.value)[:40]!r} is not of the type !!{tag}",
                problem_mark=node.start_mark,
            ) from None

    def construct_mapping(self, node, deep=False):
        seen = set()
        entries = node.value if isinstance(node, yaml.MappingNode) else ()
        for key in (key for key, _ in entries if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"'{key.value}' is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class Dumper(yaml.SafeDumper):
    """Writes YAML that ``_Loader`` reads back unchanged."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers

    def ignore_aliases(self, data):
        return True


for _tag, _pattern, _first in (
    (
        "bool",
        "yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF",
        "yYnNtTfFoO",
    ),
    ("null", "~|null|Null|NULL|None|", ["~", "n", "N", ""]),
    ("int", "[-+]?(?:0|[1-9][0-9]{0,17})", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+",
        "-+0123456789.",
    ),
    ("merge", "<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first)
    )
Dumper.yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


@dataclass
class Document:
    """The contents of a configuration file under the current attribute names.

    Attributes:
        sections: names to plain values.
        written: attributes that an older file has elsewhere -> their names in that file.
        problems: a message for each value that is unsupported or cannot be substituted.
        environment: what came from variables of the environment.
    """

    sections: dict[str, Any]
    written: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    environment: Environment = field(default_factory=Environment)


def read_document(
    path: Path, overrides: Iterable[str] = (), unread: Iterable[str] = ()
) -> Document:
    """The sections of a configuration file, with overrides ``section.attribute=value`` applied.

    Variables ``${...}`` are substituted, except in the sections named in ``unread``.

    Raises:
        PoseError: if the file is missing, too large, not text, not YAML (the message has line and
            column), or has no sections; if an override is malformed.
    """
    sections, written, problems = _translated(path)
    for override in overrides:
        _apply(override, sections)
    unread = set(unread)
    substitute = _Substitution(path, problems)
    try:
        filled = {
            str(name): value if name in unread else substitute(value, (str(name),))
            for name, value in sections.items()
        }
    except RecursionError:
        raise PoseError(f"{path}: nested too deeply. Expected sections with attributes.") from None
    return Document(filled, written, problems, substitute.environment)


def _translated(path: Path) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """As :func:`.generations.translate`; the file of ST's script that evaluates on the target is
    that of the model that it names, as an evaluation."""
    document = _mapping(path, _parse(_read_text(path), path))
    if not names_a_file(document):
        return translate(document)
    file = named_file(document, path)
    model, written, problems = translate(_mapping(file, _parse(_read_text(file), file)))
    sections, moved = as_evaluation(document, model)
    return sections, written | moved, problems


def _read_text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if not (path.is_file() or path.is_dir()):
            raise PoseError(
                f"{path}: neither a file nor a folder. Give the path of a user_config.yaml."
            )
        if size > MAX_BYTES:
            raise PoseError(
                f"{path}: {size:,} bytes; a configuration file has at most {MAX_BYTES:,}. Is it "
                "the right file?"
            )
        return decoded(path.read_bytes(), path)
    except FileNotFoundError:
        raise PoseError(
            f"{path}: no such file (looked from {Path.cwd()}). Give the path of a user_config.yaml."
        ) from None
    except OSError as error:
        raise PoseError(
            f"{path}: cannot be read ({error.strerror}). Give the path of a user_config.yaml."
        ) from None
    except PoseError:  # which is a ValueError, too
        raise
    except ValueError:
        raise PoseError(
            f"{str(path)!r}: not a path. Give the path of a user_config.yaml."
        ) from None


def _parse(text: str, source: object) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506, a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise PoseError(
            f"{source}: not valid YAML: {where}{error.problem or error.context}{_hint(text, mark)}"
        ) from None
    except yaml.YAMLError as error:
        raise PoseError(f"{source}: not valid YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise PoseError(
            f"{source}: nested too deeply. Expected sections with attributes."
        ) from None
    except ValueError as error:
        raise PoseError(f"{source}: not valid YAML: {error}") from None


def _hint(text: str, mark: yaml.Mark | None) -> str:
    """Advice for the two most frequent mistakes."""
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "lambda" in line:
        return (
            ". A lambda is code, which a configuration does not run; write an expression: "
            'schedule: "lr if epoch < 10 else lr * 0.95"'
        )
    if "\\" in line and '"' in line:
        return (
            ". Within double quotes a backslash begins an escape: write the path with / or in "
            "single quotes"
        )
    return ""


def _mapping(path: Path, document: Any) -> dict:
    if document is None:
        raise PoseError(
            f"{path}: empty. Expected sections such as 'model:' with 'model_type:' below it."
        )
    if not isinstance(document, dict):
        raise PoseError(
            f"{path}: holds {_kind(document)}; expected sections such as 'model:' with "
            "'model_type:' below it."
        )
    return document


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else f"only {str(value)[:40]!r}"


def _apply(override: str, document: dict) -> None:
    if not _is_text(override):
        raise PoseError(
            f"{override!r}: not UTF-8 text; expected section.attribute=value, with file names in "
            "UTF-8"
        )
    match = _OVERRIDE.fullmatch(override)
    if not match:
        raise PoseError(
            f"{override!r}: not an override; expected section.attribute=value, for example "
            "training.epochs=2"
        )
    *parents, name = new_name(match.group(1)).split(".")
    target = document
    for parent in parents:
        if target.get(parent) is None:
            target[parent] = {}
        target = target[parent]
        if not isinstance(target, dict):
            raise PoseError(f"{override!r}: {parent} is {target!r}, which has no attributes")
    target[name] = _parse(match.group(2), repr(override))


def _is_text(argument: str) -> bool:
    """Whether an argument of the command line is UTF-8; other bytes come as surrogates."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Substitution:
    """Substitutes variables in values. It counts the values, as a small file of nested aliases can
    expand without bound."""

    def __init__(self, path: Path, problems: list[str]):
        self._path, self._problems = path, problems
        self._left: Iterator[int] = iter(range(MAX_VALUES))
        self.environment = Environment()

    def __call__(self, value: Any, place: Place) -> Any:
        """The value with its variables substituted; None, and a message among the problems, if that
        is impossible."""
        if next(self._left, None) is None:
            raise PoseError(f"{self._path}: more than {MAX_VALUES:,} values. Is it the right file?")
        if isinstance(value, dict):
            return {str(key): self(element, (*place, str(key))) for key, element in value.items()}
        if isinstance(value, (list, tuple)):
            return [self(element, (*place, index)) for index, element in enumerate(value)]
        if isinstance(value, (str, int, float, bool, type(None))):
            if isinstance(value, str) and "${" in value:
                return self._substituted(value, place)
            return value
        self._problems.append(
            f"{_attribute(place)}: {type(value).__name__} given; expected text, a number, True, "
            "False, a list or attributes"
        )
        return None

    def _substituted(self, text: str, place: Place) -> str | None:
        try:
            if "${" in _VARIABLE.sub("", text):
                raise ValueError(
                    f"{text!r} given; of ${{...}} only ${{oc.env:NAME}}, ${{oc.env:NAME,default}} "
                    "and ${now:%Y} are supported"
                )
            text = _NOW.sub(_variable, text)
            filled = _VARIABLE.sub(_variable, text)
        except ValueError as error:
            self._problems.append(f"{_attribute(place)}: {error}")
            return None
        for found in _VARIABLE.finditer(text):
            self.environment.values[_variable(found)] = found[0]
            self.environment.references[place] = (text, filled)
        return filled


def _attribute(place: Place) -> str:
    return ".".join(part for part in place if isinstance(part, str))


def _variable(match: re.Match) -> str:
    kind, name, default = match.groups()
    if kind == "now":
        return datetime.now().strftime(name if default is None else f"{name},{default}")
    value = os.environ.get(name.strip(), default)
    if value is None:
        raise ValueError(
            f"the environment variable {name.strip()} is not set. Set it, or write the value here."
        )
    return value.strip()
