"""The board chooser as the owner of a board uses it."""

import pytest

from poseutils.benchmarking import choose, ladder, person_scores
from poseutils.deployment import find_board

SHOW = """
from poseutils import benchmarking, widgets

measured = [rung for rung in benchmarking.ladder() if rung.oks is not None]
widgets.choose_board(measured, "STM32N6570-DK", least_oks=0.5)
"""
MEASURED = [rung for rung in ladder() if rung.oks is not None]


@pytest.fixture
def chooser(notebook):
    """The notebook with the widget shown, and the widget."""
    notebook.new(SHOW).run_all()
    widget = notebook.page.locator(".poseutils-widget")
    widget.locator("tr.chosen").wait_for()
    return notebook, widget


def test_the_table_is_seen_as_a_whole(chooser):
    notebook, widget = chooser
    table = widget.locator(".table").first
    assert table.evaluate("part => part.scrollWidth <= part.clientWidth")


def test_a_board_and_an_oks_are_chosen_for(chooser):
    notebook, widget = chooser
    assert "operators off the NPU" in widget.inner_text() and "18.4 ms (3.0)" in widget.inner_text()
    notebook.screenshot("board-chooser-npu")
    widget.get_by_label("board").select_option("STM32H747I-DISCO")
    widget.get_by_text("512 in its largest block").wait_for()
    assert "operators off the NPU" not in widget.inner_text()
    least = widget.get_by_label("OKS, at least")
    least.fill("0.6")
    expected = choose(MEASURED, find_board("STM32H747I-DISCO"), 0.6)
    widget.get_by_text(expected.sentence).wait_for()
    row = widget.locator("tr.chosen")
    assert row.count() == 1 and expected.chosen.name in row.inner_text()
    assert "2,416 external" in row.inner_text()
    notebook.screenshot("board-chooser")
    least.fill("0.9")
    widget.get_by_text("No network with an OKS of 0.90").wait_for()
    assert row.count() == 0 and notebook.errors() == []


def test_the_threshold_is_dragged(chooser):
    notebook, widget = chooser
    slider = widget.get_by_label("a person, above a score of")
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    notebook.page.mouse.move(box["x"] + 0.3 * box["width"], middle)
    notebook.page.mouse.down()
    notebook.page.mouse.move(box["x"] + 0.5 * box["width"], middle, steps=5)
    notebook.page.mouse.up()
    value = float(slider.input_value())
    assert 0.4 < value < 0.6
    first = person_scores()[0]
    shares = [f"{round(100 * part(value))} %" for part in (first.false_alarms, first.misses)]
    row = widget.locator("table").last.locator("tbody tr").first
    notebook.eventually(lambda: row.locator(".bar").all_inner_texts() == shares)
    notebook.screenshot("board-chooser-threshold")
    assert notebook.errors() == []
