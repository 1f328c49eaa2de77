"""Formulas of Markdown text as drawings, for pages that load no script."""

from __future__ import annotations

import html
import re
from urllib.parse import quote

from matplotlib.font_manager import FontProperties
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

_FORMULA = re.compile(r"\$\$(?P<own_line>.+?)\$\$|\$(?P<inline>[^$\n]+)\$", re.DOTALL)
_CODE = re.compile(r"(```.*?```|`[^`]*`)", re.DOTALL)
_EM = 100
"""Units of the drawing in a font size."""
_LETTERS = {
    Outline.MOVETO: "M",
    Outline.LINETO: "L",
    Outline.CURVE3: "Q",
    Outline.CURVE4: "C",
    Outline.CLOSEPOLY: "Z",
}
"""Commands of an SVG path, by Matplotlib's."""


def with_drawn_formulas(markdown: str) -> str:
    """The text with ``$…$`` and ``$$…$$`` as images in the size of the text around; code, and
    formulas that Matplotlib's mathtext cannot draw, stay as they are."""
    parts = _CODE.split(markdown)
    parts[::2] = [_FORMULA.sub(_drawn, text) for text in parts[::2]]
    return "".join(parts)


def _drawn(found: re.Match[str]) -> str:
    tex = " ".join((found["own_line"] or found["inline"]).split())
    try:
        image = _image(tex.replace(r"\frac", r"\dfrac") if found["own_line"] else tex)
    except ValueError:  # of mathtext, for what it does not know
        return found.group()
    return f'<p style="text-align: center">{image}</p>' if found["own_line"] else image


def _image(tex: str) -> str:
    """A formula as an image whose baseline is that of the text."""
    outline = TextPath((0, 0), f"${tex}$", size=_EM, prop=FontProperties(math_fontfamily="stix"))
    box = outline.get_extents()
    path = " ".join(
        f"{_LETTERS[code]}{' '.join(f'{c:.0f}' for c in points if code != Outline.CLOSEPOLY)}"
        for points, code in Affine2D().scale(1, -1).transform_path(outline).iter_segments()
    )  # y points down in SVG
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="{box.x0:.0f} {-box.y1:.0f} {box.width:.0f} {box.height:.0f}">'
        f'<path d="{path}"/></svg>'
    )
    return (
        f'<img alt="{html.escape(tex)}" src="data:image/svg+xml,{quote(svg)}" '
        f'style="height: {box.height / _EM:.3f}em; vertical-align: {box.y0 / _EM:.3f}em">'
    )
