import cv2
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np

from poseutils import widgets


def test_a_figure_follows_its_controls():
    drawn = []

    def draw(points, size):
        drawn.append((points, size))
        plt.figure(figsize=(size, 1), dpi=50)

    canvas = widgets.drag_points(np.zeros((8, 8, 3), np.uint8), [[1, 2]])
    slider = ipywidgets.IntSlider(2)
    above, beside = widgets.live(draw, points=canvas, size=slider).children
    assert above is slider and beside.children[0] is canvas
    canvas.points, slider.value = [[3.0, 4.0]], 3
    assert drawn == [([[1.0, 2.0]], 2), ([[3.0, 4.0]], 2), ([[3.0, 4.0]], 3)]
    pixels = cv2.imdecode(np.frombuffer(beside.children[1].value, np.uint8), cv2.IMREAD_COLOR)
    assert pixels.shape[:2] == (50, 150)
    assert not plt.get_fignums()
