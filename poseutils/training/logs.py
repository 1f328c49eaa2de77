"""Logs of a training: learning curves and images of validation predictions for TensorBoard, and an
MLflow run, if MLflow is installed and ``mlflow.uri`` is given.

TensorBoard's are written by TensorFlow's summary API; TensorBoard itself is needed only to view
them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..decoders.heatmaps_spe import decode
from ..decoders.options import InputSpec
from ..errors import PoseError
from ..files import cannot_write
from ..models.networks.runtimes import compiled
from .batches import RESCALING, rescaled
from .checkpoint import Progress
from .examples import Examples
from .hosts import current_share

if TYPE_CHECKING:
    from ..config import Config

IMAGES = 10
"""Number of times per training that predictions are logged."""
_SAMPLES = 4
"""Number of examples in a logged image."""

_LOG = logging.getLogger("poseutils")
_SECTIONS = ("model", "dataset", "preprocessing", "data_augmentation", "training")
_LONGEST, _MOST = 500, 100
"""Maximum length of a value, and number of parameters per call, of all versions of MLflow."""


class TensorBoardLogs:
    """Writer of an events file; each start and each resumption of a training has its own."""

    def __init__(self, folder: Path, writer, written: int):
        self.folder, self.writer, self.written = folder, writer, written

    def write(self, progress: Progress, image: Callable[[], np.ndarray]) -> None:
        """Writes the epochs since the last call, and at every tenth of the training an image
        (H, W, 3) uint8.

        Raises:
            PoseError: if the disk is full.
        """
        import tensorflow as tf

        epoch, every = progress.epoch, max(1, progress.epochs // IMAGES)
        with _reported(self.folder):
            for number in range(self.written + 1, epoch + 1):
                with self.writer.as_default(step=number):
                    for name, values in progress.history.items():
                        tf.summary.write(
                            name,
                            tf.constant(values[number - 1], tf.float32),
                            metadata=_metadata("scalars", 1),
                        )
            if epoch % every == 0 or epoch == 1:
                tensor = _encoded(image())
                with self.writer.as_default(step=epoch):
                    tf.summary.write("predictions", tensor, metadata=_metadata("images", 3))
            self.writer.flush()
        self.written = epoch


@contextmanager
def tensorboard_logs(folder: Path, progress: Progress) -> Iterator[TensorBoardLogs]:
    """A context with the logs of a training in a folder. A new training removes earlier logs, a
    resumed one adds to them.

    Raises:
        PoseError: if the folder cannot be written to.
    """
    import tensorflow as tf

    with _reported(folder):
        folder.mkdir(parents=True, exist_ok=True)
        before = list(folder.glob("events.out.tfevents.*"))
        for path in before if progress.epoch == 0 else ():
            path.unlink()
        writer = tf.summary.create_file_writer(str(folder))
    try:
        yield TensorBoardLogs(folder, writer, progress.epoch if before else 0)
    finally:
        with suppress(tf.errors.OpError):  # a full disk, which is being reported already
            writer.close()


@contextmanager
def _reported(folder: Path) -> Iterator[None]:
    import tensorflow as tf

    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise cannot_write(
            folder, error if isinstance(error, OSError) else OSError(str(error))
        ) from error


def _encoded(image: np.ndarray):
    """An image in TensorBoard's format: width, height and a PNG."""
    import tensorflow as tf

    height, width, _ = image.shape
    return tf.stack([tf.constant(str(width)), tf.constant(str(height)), tf.io.encode_png(image)])


def _metadata(plugin: str, data_class: int):
    """Metadata that select TensorBoard's plugin; data class 1 is scalars, 3 is images."""
    from tensorflow.compat.v1 import SummaryMetadata

    metadata = SummaryMetadata(data_class=data_class)
    metadata.plugin_data.plugin_name = plugin
    return metadata


def make_prediction_image(
    model, examples: Examples, rescaling: tuple[float, float] = RESCALING
) -> Callable[[], np.ndarray]:
    """A function that draws the model's current predictions on the first examples, with the ground
    truth in white: (H, W, 3) uint8."""
    from ..plots import draw_predictions

    few, forward = examples.first(_SAMPLES), compiled(model)

    def image() -> np.ndarray:
        (heatmaps,) = forward(rescaled(few.images[:], rescaling))
        return np.concatenate(
            draw_predictions(few, decode({"heatmaps": heatmaps}, InputSpec(*few.size), few.layout)),
            axis=1,
        )

    return image


# ---------------------------------------------------------------- MLflow


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

    Without ``mlflow.uri`` nothing is logged; without MLflow neither, with a warning; of several
    hosts the first alone logs.

    Raises:
        PoseError: if MLflow cannot work with ``mlflow.uri``.
    """
    mlflow = _module(config.mlflow.uri) if current_share().writes else None
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
