"""Every notebook and lesson as a reader meets it in JupyterLab: opened, and all cells run by the
menu where something appears that is not in the file."""

import json

import pytest

from tests.conftest import REPOSITORY
from tests.helpers.notebooks import code, is_figure

NOTEBOOKS = [
    path
    for path in sorted((REPOSITORY / "notebooks").rglob("*.ipynb"))
    if ".ipynb_checkpoints" not in path.parts
]
WITHOUT_WIDGETS = {"dataset", "evaluate", "quantize", "sweep"}
"""Shown as committed; nbval runs them."""
SHORTER = {"train": {"epochs": 1}}
"""Parameters of what takes minutes; nbval holds the same cells to their outputs."""


def named(path):
    return path.stem


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p.stem in WITHOUT_WIDGETS], ids=named)
def test_it_shows_its_figures_as_committed(notebook, path):
    cells = code(json.loads(path.read_text(encoding="utf-8"))["cells"])
    assert not any("widgets." in line for cell in cells for line in cell["source"])
    outputs = [output for cell in cells for output in cell["outputs"]]
    notebook.open(path.relative_to(REPOSITORY).as_posix())
    notebook.screenshot_of_all(path.stem)
    assert notebook.errors() == [] and notebook.not_run() == 0
    assert notebook.figures() == sum(map(is_figure, outputs)) > 0


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p.stem not in WITHOUT_WIDGETS], ids=named)
def test_it_runs_to_its_end(notebook, path):
    name = path.relative_to(REPOSITORY).as_posix()
    if path.stem in SHORTER:
        notebook.set_parameters(name, **SHORTER[path.stem])
    notebook.open(name).run_all()
    notebook.screenshot_of_all(path.stem)
    assert notebook.errors() == []
    assert notebook.not_run() == 0
    if "lessons" in path.parts and "Slider(" in path.read_text(encoding="utf-8"):
        assert notebook.move_sliders() >= 1
        assert notebook.errors() == []


def test_an_error_is_seen(notebook):
    notebook.new("1 / 0", "print('later')").run_all()
    (box,) = notebook.errors()
    assert "ZeroDivisionError" in box and notebook.not_run() == 1
