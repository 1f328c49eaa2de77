"""The package as pip sees it: one list of what it needs, said twice and held together here."""

import sys
from pathlib import Path

import pytest

import poseutils as pu
from poseutils.__main__ import main

tomllib = pytest.importorskip("tomllib")  # Python 3.11 and later

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "pyproject.toml").is_file())


def normalized(requirement):
    return requirement.replace("'", '"').replace(" ", "").lower()


def test_requirements_are_the_package_with_every_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    declared = {normalized(r) for group in (project["dependencies"], *extras) for r in group}
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    required = [normalized(line) for line in lines if line and not line.startswith("#")]
    assert len(required) > 20
    assert len(required) == len(set(required))
    assert set(required) == declared


def test_a_missing_extra_is_told_with_its_cure(monkeypatch, capsys):
    """None in sys.modules makes an import fail as if the package were not installed."""
    monkeypatch.setitem(sys.modules, "keras", None)
    shipped = ROOT / "data/models/st_movenet_lightning_heatmaps_a035_192.keras"
    with pytest.raises(pu.PoseError, match=r"keras is not installed.*\.\[training\]"):
        pu.load_model(shipped)
    for name in [name for name in sys.modules if name.startswith("poseutils.pipeline")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "papermill", None)
    assert main(["run", str(ROOT / "user_config.yaml")]) == 1
    assert ".[notebooks]" in capsys.readouterr().err
