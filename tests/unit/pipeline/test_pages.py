"""Executed notebooks as pages."""

import nbformat
from IPython.display import Code

from poseutils.pipeline.pages import export_html


def test_a_page_has_formulas_as_images_and_code_in_the_font_of_code(tmp_path):
    shown = nbformat.v4.new_output(
        "display_data", {"text/html": Code("#define A 1", language="c")._repr_html_()}
    )
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("A scale $S$."),
            nbformat.v4.new_code_cell("1", outputs=[shown]),
        ]
    )
    nbformat.write(notebook, tmp_path / "a.ipynb")
    page = export_html(tmp_path / "a.ipynb", tmp_path / "a.html", tmp_path).read_text()
    assert 'A scale <img alt="S" src="data:image/svg+xml,' in page
    assert '<div class="highlight"><pre>' in page
    # Behind what nbconvert itself says of it
    own = page.index(".jp-OutputArea-output pre {\n  line-height: inherit;\n  font-family: inherit")
    assert page.index(".jp-OutputArea-output .highlight pre { font-family") > own


def test_links_of_a_notebook_open_from_its_page(tmp_path):
    """They are relative to the folder in which it ran, and its page is in the run's."""
    for name in ("notebooks/evaluate.ipynb", "runs/x/01-predict/a b.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    links = "[a](../runs/x/01-predict/a%20b.mp4) [b](evaluate.ipynb) [c](none.ipynb) [d](https://d.org/x)"
    output = nbformat.v4.new_output("display_data", {"text/markdown": links})
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell(links),
            nbformat.v4.new_code_cell("1", outputs=[output]),
        ]
    )
    nbformat.write(notebook, tmp_path / "runs/x/01.ipynb")
    page = export_html(
        tmp_path / "runs/x/01.ipynb", tmp_path / "runs/x/01.html", tmp_path / "notebooks"
    ).read_text()
    for address in (
        "01-predict/a%20b.mp4",
        "../../notebooks/evaluate.ipynb",
        "none.ipynb",
        "https://d.org/x",
    ):
        assert page.count(f'href="{address}"') == 2
