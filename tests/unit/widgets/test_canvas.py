import cv2
import numpy as np
import pytest

from poseutils import PoseError, widgets

IMAGE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def decoded(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]


def test_an_observer_sets_image_and_points_of_the_widget():
    canvas = widgets.drag_points(IMAGE, [[0.5, 0.5], [3, 2]], names=["a", "b"], edges=[(0, 1)])
    seen = []

    def moved(change):
        seen.append(change["new"])
        canvas.image = np.full((4, 6), 10 * len(seen), np.uint8)
        canvas.points = np.floor(canvas.points) + 0.5

    canvas.observe(moved, "points")
    np.testing.assert_array_equal(decoded(canvas.image), IMAGE)
    canvas.set_state({"points": [[1.2, 0.5], [3, 2]]})  # as the browser does
    assert seen == [[[1.2, 0.5], [3, 2]], [[1.5, 0.5], [3.5, 2.5]]]
    assert canvas.points == [[1.5, 0.5], [3.5, 2.5]]
    assert (decoded(canvas.image) == 20).all()


def test_what_the_browser_gets_can_be_sent():
    canvas = widgets.drag_points(IMAGE, np.array([[1, 2]], np.float32), edges=np.array([[0, 0]]))
    state = canvas.get_state()
    assert state["points"] == [[1.0, 2.0]] and state["edges"] == [[0, 0]] and state["scale"] == 1
    assert type(state["edges"][0][0]) is int and "pointerdown" in state["_esm"]
    assert widgets.drag_points(canvas.image, []).points == []


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"image": IMAGE / 255}, "expected uint8"),
        ({"points": [[1, 2, 3]]}, "finite x and y"),
        ({"points": [[1, np.nan]]}, "finite x and y"),
        ({"names": ["a", "b"]}, "2 names for 1 points"),
        ({"edges": [(0, 1)]}, "indices below 1"),
        ({"scale": 0}, "above 0"),
    ],
)
def test_refuses_what_cannot_be_shown(arguments, said):
    with pytest.raises(PoseError, match=said):
        widgets.drag_points(**{"image": IMAGE, "points": [[1, 2]], **arguments})
