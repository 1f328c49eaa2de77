"""The memory plan under the mouse."""

SHOW = """
import poseutils as pu
from poseutils import widgets

bundle = pu.export("../data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite", {folder!r})
widgets.memory_plan(bundle.report)
"""


def test_a_tensor_says_who_makes_and_reads_it_and_is_marked_in_both_plans(notebook, tmp_path):
    notebook.new(SHOW.format(folder=str(tmp_path / "out"))).run_all()
    widget = notebook.page.locator(".poseutils-widget")
    layerwise, by_rows = (widget.locator("svg").nth(index) for index in (0, 1))
    notebook.screenshot("memory-plan")
    largest = layerwise.locator(".tensor").evaluate_all(
        "all => all.map(one => one.getBBox()).map(box => box.width * box.height)"
    )
    index = largest.index(max(largest))
    layerwise.locator(".tensor").nth(index).hover()
    text = widget.locator(".about")
    assert "made by" in text.inner_text() and "read by" in text.inner_text()
    assert "layer by layer: " in text.inner_text() and "row by row: " in text.inner_text()
    assert layerwise.locator(".chosen").count() == by_rows.locator(".chosen").count() == 1
    assert by_rows.locator("path.maker").count() == 1
    assert by_rows.locator("path.reader").count() >= 1
    notebook.screenshot("memory-plan-tensor")
    assert notebook.errors() == []
