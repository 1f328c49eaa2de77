"""What a notebook shows while a network learns, as what it keeps figures, and when it shall show
none."""

import base64
import io
import sys
import types

import IPython
import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.core.pylabtools import select_figure_formats
from PIL import Image

from poseutils import plots
from poseutils.plots import lessons

GROUPS = {"loss": ["loss", "val_loss"]}


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, by handle: the titles of its last figure and its images."""
    seen = []

    def display(figure, display_id):
        seen.append([])
        handle = types.SimpleNamespace(update=lambda f, own=seen[-1]: own.append(contents(f)))
        handle.update(figure)
        return handle

    def contents(figure):
        return (
            figure.get_suptitle(),
            [axes.get_title() for axes in figure.axes],
            [len(axes.images) for axes in figure.axes],
        )

    monkeypatch.setattr(IPython.display, "display", display)
    monkeypatch.setattr(plt, "get_backend", lambda: "inline")
    return seen


def test_curves_and_pictures_are_redrawn_in_place(shown, monkeypatch):
    clock = iter([0.0, 100.0, 110.0, 120.0, 130.0, 140.0, 150.0])
    monkeypatch.setattr(lessons.time, "monotonic", lambda: next(clock))
    drawn = []
    live = plots.LiveCurves(
        GROUPS, epochs=46, predictions=lambda: drawn.append(1) or np.zeros((8, 32, 3), np.uint8)
    )
    for epoch in (1, 2, 3, 4, 45, 46):
        live.update(epoch, {"loss": [1.0] * epoch, "val_loss": [2.0] * epoch})
    curves, pictures = shown
    status = [title for title, _, _ in curves]
    assert status[0] == "epoch 1 of 46, about 75 min left"  # the first epoch is slow
    assert status[1:4] == [f"epoch {epoch} of 46, about 7 min left" for epoch in (2, 3, 4)]
    assert status[-1] == "epoch 46 of 46" and len(curves) == 6
    assert [titles[0].split(";")[0] for _, titles, _ in pictures] == [
        f"predictions after epoch {e}" for e in (1, 4, 46)
    ]
    assert len(drawn) == 3 and all(images == [1] for *_, images in pictures)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    "seconds, words",
    [(5, "5 s"), (89, "89 s"), (150, "2 min"), (5340, "89 min"), (7500, "2 h 5 min")],
)
def test_durations(seconds, words):
    assert lessons._duration(seconds) == words


def test_a_notebook_without_figures(monkeypatch):
    registered, backends = [], []
    shell = types.SimpleNamespace(
        events=types.SimpleNamespace(register=lambda event, call: registered.append((event, call)))
    )
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    monkeypatch.setattr(plt, "switch_backend", backends.append)
    plots.show_figures(True)
    assert not registered and not backends
    plots.show_figures(False)
    plt.figure()
    ((event, close),) = registered
    close()
    assert (event, backends, plt.get_fignums()) == ("post_execute", ["agg"], [])


def test_notebooks_keep_images_as_jpeg_and_charts_as_png(monkeypatch):
    shell = types.SimpleNamespace(display_formatter=DisplayFormatter())
    select_figure_formats(shell, {"png"})  # as the backend of notebooks does
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    plots.show_images([image] * 2)
    shown, _ = shell.display_formatter.format(plt.gcf())
    chart, _ = shell.display_formatter.format(plt.subplots()[0])
    plt.close("all")
    assert {*shown} == {"text/plain", "image/jpeg"} and {*chart} == {"text/plain", "image/png"}
    read = Image.open(io.BytesIO(base64.b64decode(shown["image/jpeg"])))
    assert read.format == "JPEG" and read.width > 2 * read.height


def test_images_are_shown_without_ipython(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    plots.show_images([np.zeros((60, 80, 3), np.uint8)])
    assert len(plt.gcf().axes) == 1
    plt.close("all")
