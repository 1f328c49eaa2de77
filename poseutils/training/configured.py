"""Training with the settings of a configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..config.names import CUSTOM_MODELS
from ..crops import MARGIN
from ..datasets.dataset import Dataset
from ..errors import PoseError
from ..files import atomic_path
from ..models.networks.keras_files import load_keras
from .custom import custom_augmentation, custom_network
from .device import prepare_device
from .examples import Examples, load_examples
from .fit import Fit, fit
from .hosts import current_share
from .logs import tracked
from .networks.architectures import build_model
from .networks.head import new_head, with_keypoints
from .networks.resized import at_size
from .networks.transfer import freeze, with_dropout
from .networks.upsampling import with_nearest_upsampling

if TYPE_CHECKING:
    from ..config import Config

_LOG = logging.getLogger("poseutils")


def configured_examples(config: Config, dataset: Dataset, validating: bool = False) -> Examples:
    """The examples of a dataset, with ``preprocessing`` and ``training.crop_margin`` and
    ``training.truncated`` of a configuration.

    For validation, crops show the whole person, with the margin of :func:`poseutils.evaluate`.
    """
    preprocessing, margin = config.preprocessing, config.training.crop_margin
    least, most = np.broadcast_to(MARGIN if validating or not margin else margin, 2)
    height, width, _ = config.model.input_shape
    return load_examples(
        dataset,
        (height, width),
        preprocessing.resizing.aspect_ratio,
        preprocessing.resizing.interpolation,
        preprocessing.color_mode,
        crop_margin=(float(least), float(most)) if margin else None,
        truncated=0 if validating else config.training.truncated or 0,
    )


def configured_network(config: Config, keypoints: int, start: str = ""):
    """The keras.Model to train, with ``model.upsampling``, ``training.frozen_layers`` and
    ``training.dropout``.

    Args:
        config: its model, training and general sections are used.
        keypoints: K, of the data. A network of another number gets a new last layer.
        start: a .keras or .h5 file, of any input resolution, or ``scratch`` for a new network
            (default: ``model.model_path``, or from scratch if that is empty).
    """
    prepare_device(config)
    start = start or config.model.model_path or "scratch"
    section = config.model
    seed = config.general.global_seed
    own = start == "scratch" and section.model_name in CUSTOM_MODELS
    if start != "scratch":
        loaded = at_size(load_keras(config.resolve(start)), section.input_shape[:2])
        network = _for_keypoints(loaded, keypoints, start, seed)
    elif own:
        network = custom_network(config, keypoints)
    else:
        network = build_model(
            section.model_name,
            section.input_shape,
            keypoints,
            section.alpha,
            section.final_activation,
            seed,
            section.pretrained,
        )
    if section.upsampling == "nearest":
        network = with_nearest_upsampling(network)
    if config.training.frozen_layers or not own:  # layers frozen by custom code stay so
        freeze(network, config.training.frozen_layers)
    return with_dropout(network, config.training.dropout, seed)


def _for_keypoints(network, keypoints: int, name: str, seed: int):
    """A loaded network for that number of keypoints; a warning names a last layer that is new."""
    shape = network.output_shape
    if len(shape) != 4 or shape[3] == keypoints:  # others than heatmaps are refused in training
        return network
    replaced = with_keypoints(network, keypoints, seed)
    _LOG.warning("%s", new_head(name, shape[3], keypoints))
    return replaced


def configured_fit(
    config: Config,
    network,
    train: Examples,
    validation: Examples,
    run_dir: str | Path,
    epochs: int | None = None,
    on_epoch: Callable[[int, dict[str, list[float]]], None] | None = None,
) -> Fit:
    """Runs :func:`poseutils.training.fit` with the settings of a configuration; with
    ``training.dryrun`` for one epoch, which is one batch."""
    general, section, rescaling = config.general, config.training, config.preprocessing.rescaling
    if section.dryrun:
        _LOG.warning(
            "training.dryrun: one batch goes through training, and nothing useful is learned"
        )
        epochs = 1
    prepare_device(config)
    copy = _copy_of_model(config) if current_share().writes else None
    with tracked(config, Path(run_dir).absolute().name) as recorder:

        def after_epoch(epoch: int, history: dict[str, list[float]]) -> None:
            recorder.epoch(epoch, history)
            if on_epoch:
                on_epoch(epoch, history)

        outcome = fit(
            network,
            train,
            validation,
            epochs=epochs or section.epochs,
            run_dir=run_dir,
            batch_size=section.batch_size,
            optimizer=section.optimizer,
            loss=section.loss,
            callbacks=section.callbacks,
            augmentation=config.data_augmentation,
            custom_augmentation=custom_augmentation(config),
            seed=general.global_seed,
            rescaling=(rescaling.scale, rescaling.offset),
            mixed_precision=section.mixed_precision,
            saved_models_dir=general.saved_models_dir or "",
            logs_dir=general.logs_dir or "logs",
            resume_from=config.resolve(section.resume_training_from)
            if section.resume_training_from
            else None,
            on_epoch=after_epoch,
        )
        recorder.model(outcome.path)
    if copy:
        with atomic_path(copy) as temporary:
            network.save(temporary)
    return outcome


def _copy_of_model(config: Config) -> Path | None:
    """The file to which the trained network is also saved, if any; checked before training.

    Raises:
        PoseError: if it is not a .keras or .h5 file.
    """
    given = config.training.trained_model_path
    if not given:
        return None
    path = config.destination(given)
    if path.suffix not in (".keras", ".h5") or path.is_dir():
        raise PoseError(
            f"training.trained_model_path is {given}; expected the name of a file that ends in "
            ".keras or .h5"
        )
    return path
