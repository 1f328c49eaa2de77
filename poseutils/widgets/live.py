"""A figure that is drawn anew whenever a control beside it moves."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any


def live(draw: Callable[..., Any], **controls: Any):
    """Controls, and a Matplotlib figure of their values: below sliders, beside an image.

    Args:
        draw: draws a figure; called with the value of each control, and of
            :func:`poseutils.widgets.drag_points` with its points, by the names of ``controls``.
        controls: widgets.

    Returns:
        An ipywidgets box.
    """
    import ipywidgets as widgets

    view = widgets.Image(format="png", layout=widgets.Layout(align_self="flex-start"))

    def update(_=None) -> None:
        view.value = _png(lambda: draw(**{n: getattr(c, _trait(c)) for n, c in controls.items()}))

    for control in controls.values():
        control.observe(update, _trait(control))
    update()
    images = [control for control in controls.values() if _trait(control) == "points"]
    others = [control for control in controls.values() if _trait(control) == "value"]
    return widgets.VBox([*others, widgets.HBox([*images, view])])


def _trait(control: Any) -> str:
    return "points" if control.has_trait("points") else "value"


def _png(draw: Callable[[], Any]) -> bytes:
    """The bytes of the figure that ``draw`` leaves as the current one."""
    import matplotlib.pyplot as plt

    draw()
    data = io.BytesIO()
    plt.gcf().savefig(data, format="png")
    plt.close()
    return data.getvalue()
