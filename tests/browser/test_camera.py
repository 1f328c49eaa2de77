"""The camera as a person uses it, with a rendered person before it."""

import pytest

import poseutils as pu

SHOW = """
import poseutils as pu
from poseutils import widgets

model = pu.load_model("../data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite")
widgets.camera(model, {folder!r})
"""
RECORD = """
    window.streams = [];
    const given = MediaDevices.prototype.getUserMedia;
    MediaDevices.prototype.getUserMedia = async function (asked) {
        const stream = await given.call(this, asked);
        window.streams.push(stream);
        return stream;
    };
"""
LIVE = (
    "() => window.streams.flatMap(s => s.getTracks()).filter(t => t.readyState === 'live').length"
)
ORANGE = """canvas => {
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4)
        count += data[i] === 255 && data[i + 1] === 138 && data[i + 2] === 28;
    return count;
}"""


@pytest.fixture
def snapshots(tmp_path):
    """A folder that nothing is in yet."""
    return tmp_path / "snapshots"


@pytest.fixture
def camera(notebook, snapshots):
    """The notebook with the widget shown, and the widget."""
    notebook.page.add_init_script(RECORD)
    notebook.new(SHOW.format(folder=str(snapshots))).run_all()
    return notebook, notebook.page.locator(".poseutils-widget")


def begin(widget):
    widget.get_by_text("Start camera").click()
    widget.get_by_text("frames/s").wait_for()


def orange(widget):
    """The number of pixels in the color of the person's left side."""
    return widget.locator("canvas").evaluate(ORANGE)


def test_the_pose_is_drawn_and_thresholds_count_at_once(camera):
    notebook, widget = camera
    begin(widget)
    drawn = notebook.eventually(lambda: max(0, orange(widget) - 300))
    notebook.screenshot("camera")
    widget.get_by_label("keypoints", exact=True).fill("1")
    notebook.eventually(lambda: orange(widget) < drawn / 5)
    widget.get_by_label("people", exact=True).fill("1")
    notebook.eventually(lambda: orange(widget) == 0)
    assert notebook.errors() == []


def test_snapshots_are_a_dataset(camera, snapshots):
    notebook, widget = camera
    begin(widget)
    for count in ("000001", "000002"):
        widget.get_by_role("button", name="Snapshot").click()
        widget.get_by_text(f"snapshots/{count}.jpg written, with 1 person").wait_for()
    notebook.screenshot("camera-snapshot")
    first, second = pu.load_dataset(snapshots)
    assert first.size == second.size == (640, 480) and first.keypoints.shape == (1, 17, 3)
    assert ((first.visibility > 0) & (first.visibility < 1)).all()  # nobody has confirmed them
    x, y = first.keypoints[0, 0, :2]
    assert 220 < x < 340 and 30 < y < 110  # the nose


def test_a_network_of_the_zoo_is_chosen_while_it_runs(camera, snapshots, asset):
    name = "st_movenet_lightning_heatmaps_192_13kpts"
    asset(f"models/{pu.ZOO[name].file}")
    notebook, widget = camera
    begin(widget)
    widget.get_by_label("network", exact=True).select_option(name)
    widget.get_by_role("button", name="Snapshot").click()
    widget.get_by_text("000001.jpg written").wait_for()
    assert len(pu.load_dataset(snapshots).layout) == 13
    notebook.eventually(lambda: orange(widget) > 300)
    notebook.screenshot("camera-network")
    assert notebook.errors() == []


@pytest.mark.parametrize("end", ["button", "cell", "output"])
def test_the_camera_is_released(camera, end):
    notebook, widget = camera
    begin(widget)
    assert notebook.page.evaluate(LIVE) == 1
    if end == "button":
        widget.get_by_text("Stop camera").click()
    elif end == "cell":
        notebook.run_cell(0)
    else:
        notebook.page.get_by_role("menuitem", name="Edit", exact=True).click()
        notebook.page.get_by_text("Clear Cell Output", exact=True).click()
    notebook.eventually(lambda: notebook.page.evaluate(LIVE) == 0)


@pytest.mark.parametrize(
    "script, sentence",
    [
        ("delete Navigator.prototype.mediaDevices", "only to pages from this computer"),
        ("{raise('NotAllowedError')}", "allow it for this page"),
        ("{raise('NotFoundError')}", "There is no camera"),
        ("{raise('AbortError')}", "The browser gives no camera"),
    ],
)
def test_without_a_camera_it_is_said_why(notebook, script, sentence):
    refuse = """const raise = name => MediaDevices.prototype.getUserMedia =
        async () => { throw new DOMException('not here', name) };"""
    notebook.page.add_init_script(refuse + script)
    notebook.new(SHOW.format(folder="snapshots")).run_all()
    widget = notebook.page.locator(".poseutils-widget")
    widget.get_by_text("Start camera").click()
    widget.get_by_text(sentence).wait_for()
    assert widget.get_by_text("Start camera").is_visible()  # may be tried again
    notebook.screenshot(f"camera-refused-{sentence.split()[-1]}")
