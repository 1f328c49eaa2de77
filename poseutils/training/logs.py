"""TensorBoard logs of a training: learning curves, and images of validation predictions.

Written by TensorFlow's summary API; TensorBoard itself is needed only to view them.
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

IMAGES = 10
"""Number of times per training that predictions are logged."""
_SAMPLES = 4
"""Number of examples in a logged image."""


class TensorBoardLogs:
    """Writer of an events file; each start and each resumption of a training has its own."""

    def __init__(self, folder: Path, writer, written: int):
        self.folder, self.writer, self.written = folder, writer, written

    def write(self, progress: Progress, picture: Callable[[], np.ndarray]) -> None:
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
                tensor = _encoded(picture())
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


def _encoded(picture: np.ndarray):
    """An image in TensorBoard's format: width, height and a PNG."""
    import tensorflow as tf

    height, width, _ = picture.shape
    return tf.stack([tf.constant(str(width)), tf.constant(str(height)), tf.io.encode_png(picture)])


def _metadata(plugin: str, data_class: int):
    """Metadata that select TensorBoard's plugin; data class 1 is scalars, 3 is images."""
    from tensorflow.compat.v1 import SummaryMetadata

    metadata = SummaryMetadata(data_class=data_class)
    metadata.plugin_data.plugin_name = plugin
    return metadata


def make_picture(
    model, examples: Examples, rescaling: tuple[float, float] = RESCALING
) -> Callable[[], np.ndarray]:
    """A function that draws the model's current predictions on the first examples, with the ground
    truth in white: (H, W, 3) uint8."""
    from ..plots import draw_predictions

    few, forward = examples.first(_SAMPLES), compiled(model)

    def picture() -> np.ndarray:
        (heatmaps,) = forward(rescaled(few.images[:], rescaling))
        return np.concatenate(
            draw_predictions(few, decode({"heatmaps": heatmaps}, InputSpec(*few.size), few.layout)),
            axis=1,
        )

    return picture
