"""From a YAML file to plain dictionaries: sizes checked, keys unique, environment variables filled in, overrides applied."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from ..errors import PoseError

MAX_BYTES = 1_000_000
MAX_VALUES = 100_000

_ENVIRONMENT = re.compile(r"\$\{oc\.env:([A-Za-z_]\w*)(?:,([^}]*))?\}")
_OVERRIDE = re.compile(r"(\w+(?:\.\w+)*)=(.*)", re.DOTALL)


class _Loader(yaml.SafeLoader):
    """YAML with the scalars that people mean: ``1e-3`` is a number, ``None`` is nothing, dates and 1:30 stay text."""

    yaml_implicit_resolvers: dict = {}

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(problem=f"'{key.value}' is given twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class Dumper(yaml.SafeDumper):
    """Writes what ``_Loader`` reads back unchanged."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers

    def ignore_aliases(self, data):
        return True


for _tag, _pattern, _first in (
    ("bool", "yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF", "yYnNtTfFoO"),
    ("null", "~|null|Null|NULL|None|", ["~", "n", "N", ""]),
    ("int", "[-+]?(?:0|[1-9][0-9]{0,17})", "-+0123456789"),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+", "-+0123456789."),
    ("merge", "<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))
Dumper.yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


def read_document(path: Path, overrides: Iterable[str] = (), unread: Iterable[str] = ()) -> dict[str, Any]:
    """The sections of a configuration file, with overrides ``section.attribute=value`` applied.

    Sections named in ``unread`` are kept as they are written: what stands in ``${...}`` there is not filled in.

    Raises:
        PoseError: if the file is missing, too large, not text, not YAML (line and column are said), or not sections.
    """
    document = _mapping(path, _parse(_read_text(path), path))
    for override in overrides:
        _apply(override, document)
    unread = set(unread)
    budget = iter(range(MAX_VALUES))
    try:
        return {str(name): value if name in unread else _filled(value, str(name), path, budget) for name, value in document.items()}
    except RecursionError:
        raise PoseError(f"{path}: nested too deeply. Expected sections with attributes.") from None


def _read_text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise PoseError(f"{path}: {size:,} bytes; a configuration file has at most {MAX_BYTES:,}. Is it the right file?")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise PoseError(f"{path}: no such file (looked from {Path.cwd()}). Give the path of a user_config.yaml.") from None
    except UnicodeDecodeError as error:
        raise PoseError(f"{path}: byte {error.start} is not UTF-8 text; expected a YAML file.") from None
    except OSError as error:
        raise PoseError(f"{path}: cannot be read ({error.strerror}). Give the path of a user_config.yaml.") from None


def _parse(text: str, source: object) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506, a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise PoseError(f"{source}: not valid YAML: {where}{error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise PoseError(f"{source}: not valid YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise PoseError(f"{source}: nested too deeply. Expected sections with attributes.") from None
    except ValueError as error:
        raise PoseError(f"{source}: not valid YAML: {error}") from None


def _mapping(path: Path, document: Any) -> dict:
    if document is None:
        raise PoseError(f"{path}: empty. Expected sections such as 'model:' with 'model_type:' below it.")
    if not isinstance(document, dict):
        raise PoseError(f"{path}: holds {_kind(document)}; expected sections such as 'model:' with 'model_type:' below it.")
    return document


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else f"only {str(value)[:40]!r}"


def _apply(override: str, document: dict) -> None:
    match = _OVERRIDE.fullmatch(override)
    if not match:
        raise PoseError(f"{override!r}: not an override; expected section.attribute=value, for example training.epochs=2")
    *parents, name = match.group(1).split(".")
    target = document
    for parent in parents:
        if target.get(parent) is None:
            target[parent] = {}
        target = target[parent]
        if not isinstance(target, dict):
            raise PoseError(f"{override!r}: {parent} is {target!r}, which has no attributes")
    target[name] = _parse(match.group(2), repr(override))


def _filled(value: Any, where: str, path: Path, budget: Iterator[int]) -> Any:
    """The value with environment variables filled in. The budget ends files whose aliases multiply without end."""
    if next(budget, None) is None:
        raise PoseError(f"{path}: more than {MAX_VALUES:,} values. Is it the right file?")
    if isinstance(value, dict):
        return {str(key): _filled(element, f"{where}.{key}", path, budget) for key, element in value.items()}
    if isinstance(value, (list, tuple)):
        return [_filled(element, where, path, budget) for element in value]
    if isinstance(value, str) and "${" in value:
        return _from_environment(value, f"{path}: {where}")
    return value


def _from_environment(text: str, where: str) -> str:
    def variable(match: re.Match) -> str:
        name, default = match.groups()
        if name not in os.environ and default is None:
            raise PoseError(f"{where}: the environment variable {name} is not set. Set it, or write the value here.")
        return os.environ.get(name, default)

    if "${" in _ENVIRONMENT.sub("", text):
        raise PoseError(f"{where}: {text!r} given; of ${{...}} only ${{oc.env:NAME}} and ${{oc.env:NAME,default}} are understood.")
    return _ENVIRONMENT.sub(variable, text)
