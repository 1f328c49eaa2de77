import cv2
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import traitlets

from poseutils import widgets


class Points(ipywidgets.Label):
    points = traitlets.List([[1.0, 2.0]])


def test_a_figure_follows_its_controls():
    drawn = []

    def draw(points, size):
        drawn.append((points, size))
        plt.figure(figsize=(size, 1), dpi=50)

    points, size = Points(), ipywidgets.IntSlider(2)
    view = widgets.live(draw, points=points, size=size).children[-1].children[-1]
    points.points, size.value = [[3.0, 4.0]], 3
    assert drawn == [([[1.0, 2.0]], 2), ([[3.0, 4.0]], 2), ([[3.0, 4.0]], 3)]
    pixels = cv2.imdecode(np.frombuffer(view.value, np.uint8), cv2.IMREAD_COLOR)
    assert pixels.shape[:2] == (50, 150)
    assert not plt.get_fignums()
