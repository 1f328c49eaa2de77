"""The lessons as they are committed: each a chapter, with exercises that are answered in it."""

import json
import re
from pathlib import Path

import pytest

from poseutils.lessons.exercises import _exercises
from tests.helpers.notebooks import code, is_figure

REPOSITORY = Path(__file__).resolve().parents[2]
LESSONS = sorted((REPOSITORY / "notebooks/lessons").glob("*.ipynb"))
LONGEST = 18
"""Lines of a cell; a longer one is two ideas."""


@pytest.fixture(params=LESSONS, ids=lambda path: path.stem)
def lesson(request):
    """The number of a lesson, and its cells with their source as one text."""
    cells = json.loads(request.param.read_text(encoding="utf-8"))["cells"]
    return request.param.stem[:2], [dict(cell, source="".join(cell["source"])) for cell in cells]


def checks(cells):
    """Each exercise's number -> what its own cell prints, and what its solution prints."""
    printed = {}
    for cell in code(cells):
        for number in re.findall(r'check\("([\d.]+)"', cell["source"]):
            text = "".join("".join(output.get("text", "")) for output in cell["outputs"])
            solved = "solution" in cell["metadata"].get("tags", ())
            folded = cell["metadata"].get("jupyter", {})
            assert solved == (folded == {"source_hidden": True, "outputs_hidden": True})
            # JupyterLab shows the first line of a folded cell
            assert solved == cell["source"].startswith("# Solution\n")
            printed.setdefault(number, {})[solved] = text
    return printed


def test_it_reads_like_a_chapter(lesson):
    _, cells = lesson
    markdown = [cell["source"] for cell in cells if cell["cell_type"] == "markdown"]
    assert markdown[0].startswith("# ") and cells[0]["cell_type"] == "markdown"
    assert sum(bool(re.search(r"^## ", text, re.M)) for text in markdown) >= 4
    assert any("$$" in text for text in markdown), "a lesson has its formula"
    assert "## What to read next" in markdown[-1] and "](http" in markdown[-1]
    assert max(len(cell["source"].splitlines()) for cell in code(cells)) <= LONGEST


def test_it_is_committed_executed(lesson):
    _, cells = lesson
    assert [cell["execution_count"] for cell in code(cells)] == list(range(1, len(code(cells)) + 1))
    outputs = [output for cell in code(cells) for output in cell["outputs"]]
    assert not any(output["output_type"] == "error" for output in outputs)
    assert sum(map(is_figure, outputs)) >= 2
    assert not any("widget-view" in kind for output in outputs for kind in output.get("data", {}))


def test_every_exercise_is_asked_and_answered(lesson):
    number, cells = lesson
    printed = checks(cells)
    assert list(printed) == [n for n in _exercises() if n.startswith(f"{number}.")]
    assert len(printed) >= 3
    for exercise, text in printed.items():
        assert f"Exercise {exercise}: not answered yet" in text[False]
        assert f"Exercise {exercise}: right. " in text[True]


def test_from_scratch_agrees_with_the_module(lesson):
    _, cells = lesson
    text = "".join("".join(o.get("text", "")) for cell in code(cells) for o in cell["outputs"])
    assert re.search(r"agree[^\n]*: True", text) and not re.search(r"agree[^\n]*: False", text)


def test_it_holds_no_path_of_a_machine(lesson):
    _, cells = lesson
    for cell in cells:
        text = re.sub(r'"image/(png|jpeg)": "[^"]*"', "", json.dumps(cell.get("outputs", ())))
        assert not re.search(r"(?<![\w.\d/])/(?:home|root|work|tmp|Users)/", text + cell["source"])
