"""How much a video of poses trembles."""

import numpy as np


def jitter(errors: np.ndarray) -> float:
    """The mean change of the error from frame to frame: movement that is not in the truth.

    Args:
        errors: (F, K, 2) of the keypoints in each frame; NaN where there is no truth.
    """
    return float(np.nanmean(np.linalg.norm(np.diff(errors, axis=0), axis=2)))
