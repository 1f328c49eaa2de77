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
