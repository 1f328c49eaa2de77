"""The package as pip sees it: one list of what it needs, said twice and held together here."""

from pathlib import Path

import pytest

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
