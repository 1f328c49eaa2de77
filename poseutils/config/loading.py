"""Reads a user_config.yaml into a :class:`Config`."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from ..errors import PoseError
from .configuration import Config, services_of
from .consistency import inconsistencies
from .document.document import read_document
from .document.generations import new_name
from .problems import describe

IGNORED_SECTIONS = ("hydra",)
ALLOW = "allow_custom_code"
NEW_NETWORK = {"model_name", "custom_model_path", "alpha", "pretrained"}
"""Attributes of ``model`` that are those of a network that training builds."""

_LOG = logging.getLogger("poseutils")


def load_config(
    path: str | Path, overrides: Iterable[str] = (), allow_custom_code: bool = False
) -> Config:
    """Reads and checks a user_config.yaml, of either generation.

    Args:
        path: the file. A bare name is searched for in the current folder, in its parents, then
            beside the package.
        overrides: ``section.attribute=value``, which take precedence over the file. One of the
            network that training builds, such as ``model.alpha``, takes the place of the file's
            ``model.model_path``, whose network training would fine-tune as it is.
        allow_custom_code: whether what the configuration names may be run: Python files
            (``model.custom_model_path``, ``custom_data_augmentation.path``) and a program
            (``tools.stedgeai.path_to_stedgeai``). Only the caller can say so, here or by the
            override ``allow_custom_code=true``; the file cannot.

    Returns:
        The configuration with every default filled in. Attributes without effect are logged in one
        warning.

    Raises:
        PoseError: if the file cannot be read or anything in it is invalid; the message lists every
            problem.
    """
    config, problems = read_config(path, overrides, allow_custom_code)
    if problems:
        raise PoseError(_listed(find_config(Path(path)), problems))
    warn_of_ignored(config, path)
    return config


def warn_of_ignored(config: Config, path: str | Path) -> None:
    """Logs one warning of the attributes of a file that have no effect, if there are any."""
    if config.ignored:
        _LOG.warning("%s: ignored: %s", Path(path).name, ", ".join(config.ignored_and_why))


def read_config(
    path: str | Path, overrides: Iterable[str] = (), allow_custom_code: bool = False
) -> tuple[Config, list[str]]:
    """As :func:`load_config`, but problems are returned, a message each, and an invalid attribute
    has its default value.

    Raises:
        PoseError: if the file cannot be read at all.
    """
    path = find_config(Path(path))
    overrides, allowed = _permission(overrides)
    document = read_document(path, overrides, unread=IGNORED_SECTIONS)
    read = {
        name: value for name, value in document.sections.items() if name not in IGNORED_SECTIONS
    }
    config, problems = _validated(read)
    config._folder = path.absolute().parent
    config._environment = document.environment
    config._allow_custom_code = allow_custom_code or allowed
    config._ignored = [
        name for name in IGNORED_SECTIONS if document.sections.get(name) is not None
    ] + config.without_effect()
    if _asks_for_a_new_network(overrides, config):
        config.model.model_path = None
        config._ignored.append("model.model_path")
    wrong = {line.partition(".")[0] for line in problems}
    problems += [line for line in inconsistencies(config) if line.partition(".")[0] not in wrong]
    return config, list(
        dict.fromkeys(
            _as_written(line, document.written) for line in [*document.problems, *problems]
        )
    )


def _asks_for_a_new_network(overrides: Iterable[str], config: Config) -> bool:
    """Whether overrides are of a network that training builds, but none of the one it starts
    from."""
    given = {new_name(override.partition("=")[0].strip()) for override in overrides}
    mode = config.operation_mode
    return (
        config.model.model_path is not None
        and "model.model_path" not in given
        and not given.isdisjoint(f"model.{name}" for name in NEW_NETWORK)
        and (mode is None or "train" in services_of(mode))
    )


def _permission(overrides: Iterable[str]) -> tuple[list[str], bool]:
    """The overrides without ``allow_custom_code``, and its value."""
    values = {"true": True, "false": False}
    others, allowed = [], False
    for override in overrides:
        name, _, value = override.partition("=")
        if name != ALLOW:
            others.append(override)
        elif value.lower() in values:
            allowed = values[value.lower()]
        else:
            raise PoseError(f"{override!r}: expected {ALLOW}=true or {ALLOW}=false")
    return others, allowed


def _validated(sections: dict) -> tuple[Config, list[str]]:
    """The configuration and its problems. Invalid attributes are removed and the rest is validated
    again, as one error hides others."""
    problems: dict[tuple, str] = {}
    if ALLOW in sections:
        problems[(ALLOW,)] = (
            f"{ALLOW}: a configuration file cannot allow code to run; give {ALLOW}=true on the "
            "command line"
        )
        del sections[ALLOW]
    while True:
        try:
            return Config.model_validate(sections), list(problems.values())
        except ValidationError as error:
            found = describe(error, sections)
            for path, line in found.items():
                # An attribute that was removed as invalid is now missing: not a new problem
                problems.setdefault(path, line)
                sections = _without(sections, path)


def _without(sections: dict, path: tuple[str, ...]) -> dict:
    """The sections without one attribute; an invalid model_type becomes the first one, so that the
    rest can be validated."""
    if path == ("model", "model_type"):
        model = sections.get("model") or {}
        return {**sections, "model": {**model, "model_type": "heatmaps_spe"}}
    name, *below = path
    if below and isinstance(sections.get(name), dict) and below[0] in sections[name]:
        return {**sections, name: _without(sections[name], tuple(below))}
    return {key: value for key, value in sections.items() if key != name}


def _as_written(line: str, written: dict[str, str]) -> str:
    """A problem under the name that an older file gives the attribute."""
    name = line.partition(":")[0]
    if name in written:
        return f"{written[name]} ({name} in newer files){line.removeprefix(name)}"
    return line


def find_config(path: Path) -> Path:
    """The file that a bare name means, which is the same from a notebook's folder and from the
    repository's root."""
    try:
        if path.parent != Path() or path.is_file():
            return path
        here = Path.cwd()
        candidates = [
            folder / path for folder in (here, *here.parents, Path(__file__).resolve().parents[2])
        ]
        return next((candidate for candidate in candidates if candidate.is_file()), path)
    except (OSError, ValueError):  # not a valid file name; reading it raises the error
        return path


def _listed(path: Path, problems: list[str]) -> str:
    if len(problems) == 1:
        return f"{path}: {problems[0]}"
    return f"{path}: {len(problems)} problems:\n" + "\n".join(
        f"  {problem}" for problem in problems
    )
