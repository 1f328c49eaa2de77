"""x"""

import numpy as np
import pytest

import poseutils as pu
from poseutils.decoders import Thresholds
from poseutils.decoders.options import REFINEMENTS
from poseutils.poses import AREA_OF_BOX, oks


def mean_oks(model, dataset, refine):
    """The zoo's OKS over the images of one person."""
    found = []
    for sample in dataset.with_layout(model.layout).single():
        truth, (x0, y0, x1, y1) = sample.keypoints[~sample.crowd][0], sample.boxes[~sample.crowd][0]
        poses = model.predict(sample.path, refine=refine, confidence=0)
        area = AREA_OF_BOX * (x1 - x0) * (y1 - y0)
        found.append(
            oks(poses.keypoints[0], truth[:, :2], truth[:, 2], area, model.layout.sigma_array)
        )
    return np.mean(found)


def test_oks_on_photographs(asset):
    model = pu.load_model(
        asset("models/st_movenet_lightning_heatmaps_192_int8_pc.tflite"), "heatmaps_spe"
    )
    dataset = pu.load_dataset(asset("coco-mini"))
    scores = {refine: mean_oks(model, dataset, refine) for refine in REFINEMENTS}
    # Measured independently, as is the next
    assert scores["argmax"] == pytest.approx(0.535, abs=0.005)
    assert scores["centroid"] == pytest.approx(0.570, abs=0.005)
    assert max(scores, key=scores.get) == Thresholds().refine
