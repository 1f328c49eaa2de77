"""Logs of a training as TensorBoard reads them: curves, and pictures of what the network finds.

The files hold records of TensorFlow's summary format; TensorBoard itself is needed to look at them,
not to write them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from ..decoders.heatmaps_spe import decode
from ..decoders.options import InputSpec
from ..files import cannot_write
from ..models.network import compiled
from .batches import RESCALING, rescaled
from .checkpoint import Progress
from .examples import Examples

PICTURES = 10
"""How often in a training the predictions are drawn, if it has so many epochs."""
_SAMPLES = 4
"""Examples that are drawn."""


class TensorBoardLogs:
    """A file of events, one more each time a training is started or goes on."""

    def __init__(self, folder: Path, writer, written: int):
        self.folder, self.writer, self.written = folder, writer, written

    def write(self, progress: Progress, picture: Callable[[], np.ndarray]) -> None:
        """Adds the epochs that are new, and at every tenth of the training a picture (H, W, 3)
        uint8.

        Raises:
            PoseError: if the disk is full.
        """
        import tensorflow as tf

        epoch, every = progress.epoch, max(1, progress.epochs // PICTURES)
        with _told(self.folder):
            for number in range(self.written + 1, epoch + 1):
                with self.writer.as_default(step=number):
                    for name, values in progress.history.items():
                        tf.summary.write(
                            name,
                            tf.constant(values[number - 1], tf.float32),
                            metadata=_metadata("scalars", 1),
                        )
            if epoch % every == 0 or epoch == 1:
                tensor = _encoded(picture())
                with self.writer.as_default(step=epoch):
                    tf.summary.write("predictions", tensor, metadata=_metadata("images", 3))
            self.writer.flush()
        self.written = epoch


@contextmanager
def tensorboard_logs(folder: Path, progress: Progress) -> Iterator[TensorBoardLogs]:
    """Logs of a training in a folder; those of another that was there before go, and of one that
    goes on are added to.

    Raises:
        PoseError: if the folder cannot be written to.
    """
    import tensorflow as tf

    with _told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        before = list(folder.glob("events.out.tfevents.*"))
        for path in before if progress.epoch == 0 else ():
            path.unlink()
        writer = tf.summary.create_file_writer(str(folder))
    try:
        yield TensorBoardLogs(folder, writer, progress.epoch if before else 0)
    finally:
        with suppress(tf.errors.OpError):  # of a full disk, which is being told already
            writer.close()


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    import tensorflow as tf

    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise cannot_write(
            folder, error if isinstance(error, OSError) else OSError(str(error))
        ) from error


def _encoded(picture: np.ndarray):
    """A picture as TensorBoard takes it: width, height and the PNG file."""
    import tensorflow as tf

    height, width, _ = picture.shape
    return tf.stack([tf.constant(str(width)), tf.constant(str(height)), tf.io.encode_png(picture)])


def _metadata(plugin: str, data_class: int):
    """What says which part of TensorBoard shows a value: numbers are of class 1, pictures of class
    3."""
    from tensorflow.compat.v1 import SummaryMetadata

    metadata = SummaryMetadata(data_class=data_class)
    metadata.plugin_data.plugin_name = plugin
    return metadata


def make_picture(
    model, examples: Examples, rescaling: tuple[float, float] = RESCALING
) -> Callable[[], np.ndarray]:
    """A function that draws what the model, as it then is, finds on the first examples: (H, W, 3)
    uint8, the truth in white."""
    from ..plots import draw_predictions

    few, forward = examples.first(_SAMPLES), compiled(model)

    def picture() -> np.ndarray:
        (heatmaps,) = forward(rescaled(few.images, rescaling))
        return np.concatenate(
            draw_predictions(few, decode({"heatmaps": heatmaps}, InputSpec(*few.size), few.layout)),
            axis=1,
        )

    return picture
