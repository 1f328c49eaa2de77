"""What the whole process computes on and how: limits of the GPU's memory, deterministic operations,
half precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import PoseError
from ..models.network import load_tensorflow

if TYPE_CHECKING:
    from ..config import Config

HALF = "mixed_float16"
_FAST_HALVES = (7, 0)
"""Compute capability from which Nvidia's GPUs multiply matrices of half precision faster, by tensor
cores."""


def prepare_device(config: Config) -> None:
    """Applies ``general.gpu_memory_limit`` and ``general.deterministic_ops``; to be called before
    TensorFlow computes anything.

    Deterministic operations stay on until the program ends.

    Raises:
        PoseError: if it is too late to limit the memory of a GPU.
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
    """Whether a GPU is there that computes faster in half precision. On CPUs it takes longer."""
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
    """While it lasts, the layers of a model compute in float16, but for the last, whose small
    differences count; variables stay float32.

    Only what is traced meanwhile is so; what is saved or measured afterwards is the float32
    network. Batch normalization takes its statistics in float32 (Micikevicius et al., "Mixed
    Precision Training", 2018).
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
    """The layer that gives the output, and those before it back to the last with weights."""
    after = next((i for i, layer in enumerate(reversed(model.layers)) if layer.weights), 0)
    return model.layers[len(model.layers) - 1 - after :]
