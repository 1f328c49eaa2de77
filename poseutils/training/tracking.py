"""Tracking of trainings with MLflow, if it is installed and ``mlflow.uri`` is given."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import PoseError

if TYPE_CHECKING:
    from ..config import Config

_LOG = logging.getLogger("poseutils")
_SECTIONS = ("model", "dataset", "preprocessing", "data_augmentation", "training")
_LONGEST, _MOST = 500, 100
"""Maximum length of a value, and number of parameters per call, of all versions of MLflow."""


class Recorder:
    """Logs a training to MLflow; without MLflow it does nothing."""

    def __init__(self, mlflow=None):
        self.mlflow, self.epochs = mlflow, 0

    def epoch(self, epoch: int, history: Mapping[str, Sequence[float]]) -> None:
        """Logs the epochs since the last call (all of a resumed training, at first). A failure is
        logged as a warning, and training continues."""
        for number in range(self.epochs, epoch if self.mlflow else 0):
            self._attempt(
                "log_metrics",
                {name: values[number] for name, values in history.items()},
                step=number + 1,
            )
        self.epochs = epoch

    def model(self, path: Path) -> None:
        """Logs the file of the trained network as an artifact."""
        if self.mlflow:
            self._attempt("log_artifact", str(path))

    def _attempt(self, function: str, *arguments, **named) -> None:
        try:
            getattr(self.mlflow, function)(*arguments, **named)
        except Exception as error:  # MLflow's own, network and disk errors
            _LOG.warning("MLflow could not record (%s): %s", function, error)


@contextmanager
def tracked(config: Config, name: str) -> Iterator[Recorder]:
    """A context with an MLflow run of that name, in the experiment ``general.project_name`` at
    ``mlflow.uri``, with the configuration as its parameters.

    Without ``mlflow.uri`` nothing is logged; without MLflow neither, with a warning.

    Raises:
        PoseError: if MLflow cannot work with ``mlflow.uri``.
    """
    mlflow = _module(config.mlflow.uri)
    if mlflow is None:
        yield Recorder()
        return
    try:
        mlflow.set_tracking_uri(config.tracking_uri())
        mlflow.set_experiment(config.general.project_name)
        run = mlflow.start_run(run_name=name)
    except Exception as error:  # MLflow's own, network and disk errors
        raise PoseError(
            f"mlflow.uri is {config.mlflow.uri}, which MLflow cannot use: {error}. Give another, "
            "or leave it empty to record nothing."
        ) from error
    with run:
        parameters = iter(
            _flat({section: getattr(config, section) for section in _SECTIONS}).items()
        )
        while part := dict(islice(parameters, _MOST)):
            mlflow.log_params(config.environment.hidden_in(part))
        yield Recorder(mlflow)


def _module(uri: str | None):
    if not uri:
        return None
    try:
        import mlflow
    except ImportError:
        _LOG.warning(
            "mlflow.uri is %s, but MLflow is not installed: nothing is recorded there. Install "
            "it with: pip install mlflow",
            uri,
        )
        return None
    return mlflow


def _flat(values: Mapping, prefix: str = "") -> dict[str, str]:
    """Nested values as text by ``section.attribute``."""
    found: dict[str, str] = {}
    for name, value in values.items():
        value = value.model_dump() if hasattr(value, "model_dump") else value
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{prefix}{name}.")
        elif value is not None:
            found[f"{prefix}{name}"] = str(value)[:_LONGEST]
    return found
