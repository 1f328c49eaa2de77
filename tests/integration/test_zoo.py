"""The files of the zoo."""

import os
from pathlib import Path

import numpy as np
import pytest

import poseutils as pu
from poseutils.compiler.compile import compile_graph
from poseutils.crops import Region, cut
from poseutils.deployment.spec import read_network
from poseutils.models import zoo
from poseutils.models.networks.network import open_network
from tests.helpers.marks import slow_except


def cached(name):
    entry = zoo.ZOO[name]
    path = Path(os.environ.get("POSEUTILS_CACHE") or "nowhere") / "models" / entry.file
    if not path.is_file():
        pytest.skip(f"{entry.file} is not in the cache folder; fetch {name} to run this test")
    return path


INTEGERS = [name for name, entry in zoo.ZOO.items() if not entry.file.endswith(".keras")]


@pytest.mark.parametrize(
    "name", slow_except(set(INTEGERS) - {"yolo11n_pose_256", "palm_detection_192"}, INTEGERS)
)
def test_every_network_of_the_zoo_becomes_c(name):
    path = cached(name)
    graph = read_network(path)
    compiled = compile_graph(graph, path.name, "quantized", "net")
    assert compiled.plan.size > 0 and len(compiled.program.steps) == len(compiled.graph.operators)


def test_a_file_at_any_depth_of_the_cache_is_used_if_its_hash_is_right(
    tmp_path, monkeypatch, asset
):
    entry = zoo.ZOO["head_landmarks_192"]
    original = asset(f"models/{entry.file}")
    monkeypatch.setenv("POSEUTILS_CACHE", str(tmp_path))
    monkeypatch.setattr(zoo, "_download", lambda entry, path, known: path.write_bytes(b"new"))
    wrong, right = tmp_path / "a" / entry.file, tmp_path / "b/c" / entry.file
    for path in (wrong, right):
        path.parent.mkdir(parents=True)
    wrong.write_bytes(b"another file of the same name")
    assert zoo.fetch(entry.name).read_bytes() == b"new"
    right.symlink_to(original)
    assert zoo.fetch(entry.name) == right


def test_a_model_by_its_address_is_the_zoo_s(asset):
    entry = zoo.ZOO["movenet_lightning_192"]
    asset(f"models/{entry.file}")
    assert pu.load_model(entry.url).label == entry.name


@pytest.mark.parametrize(
    "name", [n for n, e in zoo.ZOO.items() if e.rescaling and not e.file.endswith(".keras")]
)
def test_the_values_of_a_float_input_are_those_that_its_first_operators_take(name):
    assert open_network(cached(name)).declared == pytest.approx(zoo.ZOO[name].rescaling)


def test_blazeface_finds_the_faces_of_coco(asset):
    """Nose and eyes of COCO's annotations, in 27 crops six times as wide as the eyes are apart: 24
    are found with values 0…1, and 15 with the values −1…1 of MediaPipe's float network."""
    model = pu.load_model("blazeface_front_128")
    parts = [model.layout.names.index(name) for name in ("nose_tip", "left_eye", "right_eye")]
    found = []
    for sample in pu.load_dataset(asset("coco-mini")):
        for points in sample.keypoints[(sample.visibility[:, :3] == 2).all(axis=1), :3, :2]:
            eyes = np.linalg.norm(points[1] - points[2])
            if eyes < 8:
                continue
            region = Region(tuple(points.mean(axis=0)), (6 * eyes, 6 * eyes), 0)
            pixels, transform = cut(pu.read_image(sample.path), region, model.input_size)
            (poses,) = model.decode(model.run(pixels[None]))
            seen = poses.transformed(transform.inverse).keypoints[:, parts]
            errors = np.linalg.norm(seen - points, axis=2).mean(axis=1)
            found.append(errors.min(initial=np.inf) < eyes / 2)
    assert len(found) == 27 and sum(found) >= 22
