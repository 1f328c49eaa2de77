"""The files of the zoo."""

import os
from pathlib import Path

import pytest

from poseutils.compiler.compile import compile_graph
from poseutils.deployment.spec import read_network
from poseutils.models import zoo


@pytest.mark.parametrize("name", zoo.ZOO)
def test_every_network_of_the_zoo_becomes_c(name):
    entry = zoo.ZOO[name]
    path = Path(os.environ.get("POSEUTILS_CACHE") or "nowhere") / "models" / entry.file
    if not path.is_file():
        pytest.skip(f"{entry.file} is not in the cache folder; fetch {name} to run this test")
    graph = read_network(path)
    compiled = compile_graph(graph, entry.file, "quantized", "net")
    assert compiled.plan.size > 0 and len(compiled.program.steps) == len(compiled.graph.operators)


def test_a_file_at_any_depth_of_the_cache_is_used_if_its_hash_is_right(
    tmp_path, monkeypatch, asset
):
    entry = zoo.ZOO["head_landmarks_192"]
    original = asset(f"models/{entry.file}")
    monkeypatch.setenv("POSEUTILS_CACHE", str(tmp_path))
    monkeypatch.setattr(zoo, "_download", lambda entry, folder: "downloaded")
    wrong, right = tmp_path / "a" / entry.file, tmp_path / "b/c" / entry.file
    for path in (wrong, right):
        path.parent.mkdir(parents=True)
    wrong.write_bytes(b"another file of the same name")
    assert zoo.fetch(entry.name) == "downloaded"
    right.symlink_to(original)
    assert zoo.fetch(entry.name) == right


def test_a_model_by_its_address_is_the_zoo_s(asset):
    import poseutils as pu

    entry = zoo.ZOO["movenet_lightning_192"]
    asset(f"models/{entry.file}")
    assert pu.load_model(entry.url).label == entry.name
