"""user_config.yaml, typed and checked: :func:`load_config` reads one into a :class:`Config`."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from ..errors import PoseError
from .configuration import Config, services_of
from .document import read_document
from .problems import describe

__all__ = ["Config", "load_config", "services_of"]

IGNORED_SECTIONS = ("hydra", "mlflow", "custom_data_augmentation")

_LOG = logging.getLogger("poseutils")


def load_config(path: str | Path, overrides: Iterable[str] = ()) -> Config:
    """Reads and checks a user_config.yaml.

    Args:
        path: the file. A bare name is looked for in the current folder, then in those above it, then beside the package.
        overrides: ``section.attribute=value``, which win over the file.

    Returns:
        The configuration with every default filled in. What was given but is not used is said in one line of the log.

    Raises:
        PoseError: if the file cannot be read, or anything in it is wrong; the message lists all that is.
    """
    path = _found(Path(path))
    document = read_document(path, overrides, unread=IGNORED_SECTIONS)
    read = {name: value for name, value in document.items() if name not in IGNORED_SECTIONS}
    try:
        config = Config.model_validate(read)
    except ValidationError as error:
        raise PoseError(_listed(path, describe(error, read))) from None
    config._folder = path.absolute().parent
    ignored = [name for name in IGNORED_SECTIONS if document.get(name) is not None] + config.without_effect()
    if ignored:
        _LOG.warning("%s: ignored: %s", path.name, ", ".join(ignored))
    return config


def _found(path: Path) -> Path:
    """A notebook is run from its own folder as well as from the repository's: a bare name means the same file in both."""
    if path.parent != Path() or path.is_file():
        return path
    here = Path.cwd()
    candidates = [folder / path for folder in (here, *here.parents, Path(__file__).resolve().parents[2])]
    return next((candidate for candidate in candidates if candidate.is_file()), path)


def _listed(path: Path, problems: list[str]) -> str:
    if len(problems) == 1:
        return f"{path}: {problems[0]}"
    return f"{path}: {len(problems)} problems:\n" + "\n".join(f"  {problem}" for problem in problems)
