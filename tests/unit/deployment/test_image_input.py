"""The lines of Python in an exported README that make the input of the C code of a photograph."""

import re
import shutil
import subprocess

import numpy as np
import pytest

import poseutils as pu
from poseutils.config import Config
from poseutils.deployment import export
from tests.helpers.marks import with_gcc
from tests.helpers.running.small_export import exported

SHIPPED = "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"


@pytest.fixture
def written(repository, tmp_path, monkeypatch):
    """Runs the lines of a folder's README on an image; gives the image, as resized there, and the
    bytes."""
    shutil.copy(repository / "data/synthetic-people/val/000004.jpg", tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)

    def of(bundle):
        text = (bundle.path / "README.md").read_text()
        (lines,) = re.findall(r"```python\n(import numpy.*?)```", text, re.DOTALL)
        names: dict = {}
        exec(lines, names)
        return np.asarray(names["image"]), (tmp_path / "inputs.bin").read_bytes()

    return of


def test_bytes_as_they_are(small, tmp_path, written):
    pixels, data = written(exported(small, tmp_path / "out", io="file"))
    assert pixels.shape == (16, 24, 3) and data == pixels.tobytes()


@pytest.mark.parametrize("color_mode", ["rgb", "bgr"])
def test_the_scale_of_another_type(small, tmp_path, written, color_mode):
    config = Config(model={"model_type": "heatmaps_spe"}, preprocessing={"color_mode": color_mode})
    bundle = exported(small, tmp_path / "out", config=config)
    pixels, data = written(bundle)
    ordered = pixels[:, :, ::-1] if color_mode == "bgr" else pixels
    expected = bundle.prepare(np.ascontiguousarray(ordered)[None])
    steps = np.frombuffer(data, np.int8) - expected.reshape(-1).astype(int)
    assert abs(steps).max() <= 1 and (steps == 0).mean() > 0.95  # fixed point rounds twice


@with_gcc
def test_the_shipped_network_finds_the_same(repository, tmp_path, written):
    bundle = export(repository / SHIPPED, tmp_path / "out")
    pixels, data = written(bundle)
    assert data == bundle.prepare(pixels[None]).tobytes() == (pixels ^ 0x80).tobytes()
    subprocess.run(["make", "-s", "-C", bundle.sources, "host"], check=True)
    command = [bundle.sources / "build/main", "inputs.bin", "outputs.bin"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    *lines, last = printed.splitlines()
    poses = pu.load_model(repository / SHIPPED).predict(pixels)
    assert last == "1 images" and len(poses) == 1
    found = np.array([line.split() for line in lines], float)
    np.testing.assert_allclose(found[:, 2:4], poses.keypoints[0], atol=1)
