"""Formulas in pages."""

import re
from urllib.parse import unquote

import pytest

from poseutils.pipeline.formulas import with_drawn_formulas


def box(markdown):
    """x, y, width, height of the only drawing."""
    (found,) = re.findall(r'viewBox="([^"]*)"', unquote(with_drawn_formulas(markdown)))
    return [float(number) for number in found.split()]


def test_a_formula_becomes_an_image_with_its_text():
    drawn = with_drawn_formulas("with $q < 2$ of 256")
    assert drawn.startswith('with <img alt="q &lt; 2" src="data:image/svg+xml,')
    assert drawn.endswith('em"> of 256') and "$" not in drawn


def test_it_stands_on_the_line_and_is_as_large_as_its_text():
    x, y, width, height = box("$x$")
    assert -50 < y < -40 and y + height == pytest.approx(0, abs=3)  # the height of an x, no depth
    assert sum(box("$q$")[1::2]) > 15  # a descender
    assert box("$xx$")[2] > 1.8 * width
    assert box(r"$$\frac{x}{x}$$")[3] > 2 * height


@pytest.mark.parametrize(
    "text", ["`${HOME}` and `$PATH`", "```sh\necho $A $B\n```", r"$\undefined{x}$", "5 $"]
)
def test_code_and_what_is_no_formula_stay(text):
    assert with_drawn_formulas(text) == text


def test_all_formulas_of_the_notebooks_are_drawn(repository):
    import nbformat

    cells = [
        cell.source
        for path in (repository / "notebooks").rglob("*.ipynb")
        for cell in nbformat.read(path, 4).cells
        if cell.cell_type == "markdown" and "$" in cell.source
    ]
    assert cells and not any("$" in re.sub("`.*?`", "", with_drawn_formulas(c)) for c in cells)
