"""Every notebook and lesson as a reader runs it: opened in JupyterLab, all cells by the menu."""

import pytest

from tests.conftest import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY / "notebooks").rglob("*.ipynb"))

SHORTER = {
    "train": {"epochs": 1},
    "sweep": {"attributes": {"operation_mode": "training", "training.epochs": "1,2"}},
}
"""Parameters of what takes minutes; nbval holds the same cells to their outputs."""


@pytest.mark.parametrize(
    "path", [p for p in NOTEBOOKS if ".ipynb_checkpoints" not in p.parts], ids=lambda p: p.stem
)
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
