"""A small network with keypoints of its own."""

import pytest

from tests.helpers.networks.tiny_tflite import heatmap_model


@pytest.fixture
def small(tmp_path):
    """A full-integer network of three heatmaps of 4×6 for images of 16×24 (height × width)."""
    path = tmp_path / "small.tflite"
    path.write_bytes(heatmap_model(keypoints=3))
    return path
