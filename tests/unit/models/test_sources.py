"""What a model is given to predict on that is not an image."""

import re

import pytest

import poseutils as pu
from poseutils.errors import PoseError
from tests.helpers.networks.tiny_tflite import heatmap_model


@pytest.fixture
def model(tmp_path):
    (tmp_path / "small.tflite").write_bytes(heatmap_model(keypoints=13))
    return pu.load_model(tmp_path / "small.tflite", model_type="heatmaps_spe")


@pytest.mark.parametrize("given", [123, [123], None, [None]])
def test_other_types_are_named(model, given):
    kind = type(given[0] if isinstance(given, list) else given).__name__
    with pytest.raises(PoseError, match=rf"\({kind}\) given; expected the path of an image"):
        model.predict(given)


def test_a_folder_is_listed_first(model, tmp_path):
    with pytest.raises(PoseError, match=f"{re.escape(str(tmp_path))} is a folder.*pu.find_images"):
        model.predict(tmp_path)
