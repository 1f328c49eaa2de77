"""Validation during training: loss, and OKS of the decoded keypoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from ...decoders.heatmaps_spe import decode
from ...decoders.options import InputSpec
from ...models.networks.runtimes import compiled
from ...poses import Poses, oks, standard_error
from ..batches import RESCALING, rescaled
from ..examples import Examples
from ..hosts import Share
from ..losses import heatmap_loss

_CHUNK = 32
"""Batch size."""


def predict_examples(
    model, examples: Examples, rescaling: tuple[float, float] = RESCALING
) -> list[Poses]:
    """The decoded pose of each example, in pixels of the input."""
    spec = InputSpec(*examples.size)
    return [
        poses
        for _, heatmaps in _heatmaps(compiled(model), examples, rescaling)
        for poses in decode({"heatmaps": heatmaps}, spec, examples.layout)
    ]


def example_oks(examples: Examples, poses: Sequence[Poses]) -> np.ndarray:
    """The OKS (N,) of the predicted pose of each example; NaN where no keypoint is labeled."""
    found = np.concatenate([each.keypoints for each in poses])
    truth, areas = examples.keypoints[:], examples.areas[:]  # which may be lazy
    return oks(found, truth[:, :, :2], truth[:, :, 2], areas, examples.layout.sigma_array)


def gains(
    examples: Examples, before: Sequence[Poses], after: Sequence[Poses]
) -> list[dict[str, str | float]]:
    """Rows of a table: the mean OKS of the examples before and after a training, and the gain, with
    their standard errors over examples; that of the gain is paired."""
    first, last = example_oks(examples, before), example_oks(examples, after)
    rows = {"before": first, "after": last, "gain": last - first}
    count = len(examples)
    return [
        {"": name, f"mean OKS of {count} images": float(each.mean()), "±": standard_error(each)}
        for name, each in rows.items()
    ]


def validate(model, examples: Examples) -> dict[str, float]:
    """``val_loss``, and ``val_oks``, the mean OKS of the decoded poses."""
    return make_validate(model, examples)()


def make_validate(
    model,
    examples: Examples,
    rescaling: tuple[float, float] = RESCALING,
    loss: Mapping[str, Mapping] | None = None,
    share: Share = Share(),
) -> Callable[[], dict[str, float]]:
    """:func:`validate` as a compiled function of the model's current weights, to call after each
    epoch, on several hosts on all of them: each takes its share of the examples."""
    forward, loss_of, spec = compiled(model), make_loss(model, loss), InputSpec(*examples.size)

    def measure() -> dict[str, float]:
        loss, similarity = 0.0, 0.0
        for part, heatmaps in _heatmaps(forward, examples, rescaling, share):
            few = examples.part(part)
            found = decode({"heatmaps": heatmaps}, spec, examples.layout)
            similarity += float(example_oks(few, found).sum())
            loss += float(loss_of(few.keypoints, heatmaps)) * len(few)
        loss, similarity = share.total(np.array([loss, similarity])) / len(examples)
        return {"val_loss": float(loss), "val_oks": float(similarity)}

    return measure


def make_loss(model, loss: Mapping[str, Mapping] | None = None) -> Callable:
    """The loss function ``loss(keypoints, heatmaps)`` of a network; see
    :func:`..losses.heatmap_loss`.

    Raises:
        PoseError: for a loss that does not fit the network's last activation.
    """
    return heatmap_loss(
        model.input_shape[1:3], model.output_shape[1:3], final_activation_of(model), loss
    )


def final_activation_of(model) -> str:
    """``softmax`` if one of the last layers is a softmax over the cells of each heatmap, else
    ``sigmoid``."""
    import keras

    def is_softmax(layer) -> bool:
        return (
            isinstance(layer, keras.layers.Softmax)
            or getattr(layer, "activation", None) is keras.activations.softmax
        )

    return "softmax" if any(is_softmax(layer) for layer in model.layers[-3:]) else "sigmoid"


def _heatmaps(
    forward: Callable,
    examples: Examples,
    rescaling: tuple[float, float],
    share: Share = Share(),
) -> Iterator[tuple[slice, np.ndarray]]:
    for start in range(share.index * _CHUNK, len(examples), share.count * _CHUNK):
        part = slice(start, start + _CHUNK)
        (heatmaps,) = forward(rescaled(examples.images[part], rescaling))
        yield part, heatmaps
