"""Scores as probabilities, for networks with and without a final sigmoid."""

from __future__ import annotations

import numpy as np

_CLIP = 80.0  # larger logits saturate the sigmoid in float32, and exp would overflow


def probability(values: np.ndarray) -> np.ndarray:
    """Scores as float32 probabilities of the same shape.

    Releases of one network differ in whether the file includes the final sigmoid. If all values are
    from 0 to 1, they are taken as probabilities; else all are taken as logits. A single logit that
    happens to be in that range is not recognized as one.
    """
    values = np.asarray(values, np.float32)
    if values.size == 0 or (values.min() >= 0 and values.max() <= 1):
        return values
    return np.asarray(1 / (1 + np.exp(-values.clip(-_CLIP, _CLIP))))
