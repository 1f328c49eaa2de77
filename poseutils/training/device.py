"""Settings of the compute device: GPU memory limit, deterministic operations, half precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import PoseError
from ..models.networks.keras_files import load_tensorflow

if TYPE_CHECKING:
    from ..config import Config

HALF = "mixed_float16"
_FAST_HALVES = (7, 0)
"""Compute capability from which Nvidia GPUs have tensor cores for half precision."""


def prepare_device(config: Config) -> None:
    """Applies ``general.gpu_memory_limit`` and ``general.deterministic_ops``.

    Call it before TensorFlow uses the GPU. Deterministic operations stay on until the process ends.

    Raises:
        PoseError: if TensorFlow uses a GPU already, so that its memory cannot be limited.
    """
    tf, general = load_tensorflow(), config.general
    if general.deterministic_ops:
        tf.config.experimental.enable_op_determinism()
    if general.gpu_memory_limit is None:
        return
    limit = tf.config.LogicalDeviceConfiguration(memory_limit=int(general.gpu_memory_limit * 1024))
    for gpu in tf.config.list_physical_devices("GPU"):
        if tf.config.get_logical_device_configuration(gpu) == [limit]:
            continue
        try:
            tf.config.set_logical_device_configuration(gpu, [limit])
        except (RuntimeError, ValueError) as error:
            raise PoseError(
                f"general.gpu_memory_limit is {general.gpu_memory_limit:g} GB, but TensorFlow "
                f"already uses {gpu.name}: {error}. "
                "Restart the notebook's kernel and apply the configuration first."
            ) from error


def half_precision_helps() -> bool:
    """True if all GPUs have tensor cores; CPUs are slower in half precision."""
    tf = load_tensorflow()
    details = [
        tf.config.experimental.get_device_details(gpu)
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return bool(details) and all(
        detail.get("compute_capability", (0, 0)) >= _FAST_HALVES for detail in details
    )


@contextmanager
def computing_in_half_precision(model) -> Iterator[None]:
    """A context in which the layers of a model compute in float16, except the last ones, whose
    output needs the precision; variables stay float32.

    It affects functions that are traced inside. Batch normalization computes its statistics in
    float32 (Micikevicius et al., "Mixed Precision Training", 2018).
    """
    layers = [layer for layer in model.layers if layer not in _last_layers(model)]
    policies = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers:
            layer.dtype_policy = HALF
        yield
    finally:
        for layer, policy in zip(layers, policies, strict=True):
            layer.dtype_policy = policy


def _last_layers(model) -> list:
    """The layers from the last one with weights to the output."""
    after = next((i for i, layer in enumerate(reversed(model.layers)) if layer.weights), 0)
    return model.layers[len(model.layers) - 1 - after :]
