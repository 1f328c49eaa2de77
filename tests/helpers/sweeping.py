"""Sweeps of a stand-in for training, which takes a moment and keeps a checkpoint."""

from __future__ import annotations

from pathlib import Path

from poseutils.sweeps.points import Point
from poseutils.training.checkpoint import Checkpoint, Progress, write_checkpoint
from tests.helpers.stand_ins import REPOSITORY, write_notebook

TRAIN = """
import pathlib, time
import poseutils as pu
from poseutils.files import write_metrics
from poseutils.training.checkpoint import read_progress
from tests.helpers.sweeping import keep
settings, folder = pu.load_config(config), pathlib.Path(run_dir)
alpha, epochs = settings.model.alpha, settings.training.epochs
done = read_progress(folder / "checkpoint.npz").epoch if (folder / "checkpoint.npz").exists() else 0
if not done:
    keep(folder, [], epochs)
for epoch in range(done + 1, epochs + 1):
    with open(folder / "epochs.partial", "a") as log:
        log.write(f"{epoch} ")
    time.sleep(PAUSE)
    keep(folder, [alpha * number / epochs for number in range(1, epoch + 1)], epochs)
"""
"""Its validation OKS rises to ``model.alpha``; ``epochs.partial`` lists the epochs it began, before
which it keeps a checkpoint, as a training does."""
FINISH = """
(folder / "model.keras").write_text("float")
write_metrics(folder, {"oks": alpha})
"""
CONFIG = """
operation_mode: training
general: {{project_name: small}}
model: {{model_type: heatmaps_spe, model_name: st_movenet_lightning_heatmaps, alpha: 0.35}}
dataset: {{training_path: {data}/train, validation_path: {data}/val}}
training: {{epochs: 2}}
"""


def write_config(folder: Path) -> Path:
    """A configuration that trains."""
    path = folder / "user_config.yaml"
    path.write_text(CONFIG.format(data=REPOSITORY / "data/synthetic-people"))
    return path


def write_train(folder: Path, pause: float = 0, *cells: str) -> Path:
    """The stand-in, with ``pause`` seconds an epoch, and cells before it ends; their folder."""
    write_notebook(folder, "train", TRAIN.replace("PAUSE", str(pause)), *cells, FINISH)
    return folder


def keep(folder: Path, val_oks: list[float], epochs: int) -> None:
    """Writes the checkpoint of a training with these epochs; without any, of its beginning, as
    :func:`poseutils.training.fit` does."""
    progress = Progress(epochs=epochs)
    if val_oks:
        progress.epoch, progress.history = len(val_oks), {"val_oks": val_oks}
        progress.best_oks = max(val_oks)
        progress.best_epoch = val_oks.index(progress.best_oks) + 1
    write_checkpoint(Checkpoint(folder / "checkpoint.npz", progress, {}, [], [], []))


def trained(point: Point, val_oks: list[float], epochs: int) -> None:
    """A point whose training has come so far."""
    folder = point.folder / "01-train"
    folder.mkdir(exist_ok=True)
    keep(folder, val_oks, epochs)


def epochs_begun(point: Path) -> list[int]:
    """The epochs that a point's training began, in order; some twice, if it was killed."""
    log = point / "01-train/epochs.partial"
    return [int(number) for number in log.read_text().split()] if log.exists() else []
