"""The explorer as a person uses it."""

import base64

import pytest

import poseutils as pu
from tests.conftest import REPOSITORY

SHOW = """
import poseutils as pu
from poseutils import widgets

model = pu.load_model("../data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite")
widgets.explore(model, pu.find_images("../data/synthetic-people/val")[:3])
"""
OTHER = REPOSITORY / "data/synthetic-people/val/000004.jpg"
PIXELS = """canvas => {
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const near = (i, color) => color.every((value, k) => Math.abs(data[i + k] - value) < 3);
    let [orange, sum] = [0, 0];
    for (let i = 0; i < data.length; i += 4) {
        orange += near(i, [255, 138, 28]);
        sum += data[i] + data[i + 1] + data[i + 2];
    }
    return {orange, mean: sum / data.length};
}"""
DROP = """(element, [name, file]) => {
    const bytes = Uint8Array.from(atob(file), letter => letter.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], name));
    element.dispatchEvent(new DragEvent('drop', {dataTransfer, bubbles: true, cancelable: true}));
}"""


@pytest.fixture
def explorer(notebook):
    """The notebook with the widget shown, and the widget."""
    notebook.new(SHOW).run_all()
    widget = notebook.page.locator(".poseutils-widget")
    widget.get_by_text("1 person").wait_for()
    return notebook, widget


def pixels(widget, panel=0):
    return widget.locator("canvas").nth(panel).evaluate(PIXELS)


def control(widget, name):
    return widget.get_by_label(name, exact=True)


def test_the_heatmap_comes_and_goes_and_the_choice_stays_readable(explorer):
    notebook, widget = explorer
    plain = pixels(widget)
    control(widget, "heatmap").select_option("all")
    notebook.eventually(lambda: abs(pixels(widget)["mean"] - plain["mean"]) > 1)
    notebook.screenshot("explorer-heatmap")
    control(widget, "heatmap").select_option("none")
    notebook.eventually(lambda: pixels(widget) == plain)
    assert control(widget, "heatmap").input_value() == "none"


def test_thresholds_draw_while_they_are_dragged(explorer):
    notebook, widget = explorer
    drawn = pixels(widget)["orange"]
    box = control(widget, "keypoints").bounding_box()
    middle = box["y"] + box["height"] / 2
    notebook.page.mouse.move(box["x"] + 0.15 * box["width"], middle)
    notebook.page.mouse.down()
    notebook.page.mouse.move(box["x"] + box["width"] - 2, middle, steps=8)
    notebook.eventually(lambda: pixels(widget)["orange"] < drawn / 5)  # the button is still down
    notebook.page.mouse.up()
    assert drawn > 1000
    control(widget, "people").fill("1")
    widget.get_by_text("no person found").wait_for()
    notebook.eventually(lambda: pixels(widget)["orange"] == 0)


def test_people_scores_and_names_are_listed(explorer):
    notebook, widget = explorer
    widget.get_by_text("right_ankle 0.").wait_for()
    unnamed = pixels(widget)
    control(widget, "names").check()
    notebook.eventually(lambda: pixels(widget) != unnamed)
    notebook.screenshot("explorer-names")
    widget.get_by_text("person 1: score").click()
    control(widget, "keypoints").fill("0.9")
    widget.get_by_text("0 of 17 keypoints").wait_for()
    assert widget.get_by_text("right_ankle 0.").is_hidden()  # stays closed
    assert notebook.errors() == []


def test_two_networks_side_by_side(explorer, asset):
    asset(f"models/{pu.ZOO['yolov8n_pose_256'].file}")
    notebook, widget = explorer
    control(widget, "beside").select_option("yolov8n_pose_256")
    widget.locator("canvas").nth(1).wait_for()
    assert pixels(widget, 0)["orange"] and pixels(widget, 1)["orange"]
    left, right = (widget.locator("canvas").nth(i).bounding_box() for i in (0, 1))
    assert left["y"] == right["y"] and left["x"] + left["width"] < right["x"]
    notebook.screenshot("explorer-two")
    control(widget, "beside").select_option("")
    notebook.eventually(lambda: widget.locator("canvas").count() == 1)


def test_images_are_uploaded_and_dropped(explorer):
    notebook, widget = explorer
    before = pixels(widget)
    widget.locator("input[type=file]").set_input_files(OTHER)
    notebook.eventually(lambda: pixels(widget)["mean"] != before["mean"])
    uploaded = pixels(widget)
    control(widget, "image").select_option("000001.jpg")
    notebook.eventually(lambda: pixels(widget) == before)
    widget.evaluate(DROP, ["dropped.jpg", base64.b64encode(OTHER.read_bytes()).decode()])
    notebook.eventually(lambda: pixels(widget) == uploaded)
    assert control(widget, "image").locator("option").last.inner_text() == "dropped.jpg"
    widget.evaluate(DROP, ["notes.jpg", base64.b64encode(b"text").decode()])
    widget.get_by_text("notes.jpg is not an image").wait_for()
    assert pixels(widget) == uploaded and notebook.errors() == []


def test_a_large_photograph_is_made_smaller_before_it_is_sent(explorer):
    """Of more bytes than a message to the kernel may have."""
    notebook, widget = explorer
    draw = """async () => {
        const canvas = Object.assign(document.createElement('canvas'), {width: 3000, height: 2400});
        const context = canvas.getContext('2d'), noise = context.createImageData(3000, 2400);
        for (let i = 0; i < noise.data.length; i++)
            noise.data[i] = i % 4 < 3 ? 99 * Math.random() : 255;
        context.putImageData(noise, 0, 0);
        const file = await new Promise(done => canvas.toBlob(done));
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([file], 'noise.png'));
        const drop = new DragEvent('drop', {dataTransfer, bubbles: true, cancelable: true});
        document.querySelector('.poseutils-widget').dispatchEvent(drop);
        return file.size;
    }"""
    assert notebook.page.evaluate(draw) > 10 << 20
    widget.get_by_role("option", name="noise.png").wait_for(state="attached")

    def is_wide():
        box = widget.locator("canvas").bounding_box()
        return abs(box["width"] / box["height"] - 3000 / 2400) < 0.01

    notebook.eventually(is_wide)


@pytest.mark.parametrize("address", ["http://example.org/a.jpg", "https://localhost:9/a.jpg"])
def test_an_address_that_gives_no_image_is_refused_by_a_sentence(explorer, address):
    notebook, widget = explorer
    before = pixels(widget)
    control(widget, "address").fill(address)
    widget.get_by_role("button", name="Open").click()
    widget.locator(".said", has_text=address).wait_for()
    assert pixels(widget) == before and notebook.errors() == []
    notebook.screenshot(f"explorer-refused-{address.split(':')[0]}")
