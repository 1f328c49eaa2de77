"""Scores: probabilities, whether a network ends in a sigmoid or not."""

from __future__ import annotations

import numpy as np

_CLIP = 80.0  # logits beyond this change nothing in float32, and further on overflow


def probability(values: np.ndarray) -> np.ndarray:
    """Scores as probabilities, float32.

    Releases of one network differ in whether the file holds its last sigmoid. Values that all lie from 0 to 1 are taken for
    probabilities and stay; else all are logits and get the sigmoid. A lone logit that happens to lie in that range is not told apart.
    """
    values = np.asarray(values, np.float32)
    if values.size == 0 or (values.min() >= 0 and values.max() <= 1):
        return values
    return 1 / (1 + np.exp(-values.clip(-_CLIP, _CLIP)))
