"""Executed notebooks as HTML pages, converted in the background while the next notebook runs."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, unquote

from ..errors import PoseError
from ..files import write_text
from .formulas import with_drawn_formulas
from .gallery import GalleryImage, gallery
from .steps import Step

_WIDGET = "application/vnd.jupyter.widget-view+json"
_STYLE = """<style>
.jp-OutputArea-output .highlight pre { font-family: var(--jp-code-font-family); }
.highlight .cp { color: var(--jp-mirror-editor-keyword-color); font-style: normal; }
.jp-RenderedText pre { word-break: normal; overflow-wrap: anywhere; }
</style>
"""
"""nbconvert gives C code in outputs the font of text, and its directives the look of comments, and
breaks printed lines within words."""


class NotebookPages:
    """Converts notebooks in one background thread; a context manager that waits for it at the end.

    Args:
        images_from: the folder of images with relative paths in notebooks.

    Attributes:
        galleries: the images to show, by executed notebook.
    """

    def __init__(self, images_from: Path):
        self._images_from = images_from
        self._pool = ThreadPoolExecutor(1)
        self._jobs: dict[Path, Future] = {}
        self.galleries: dict[Path, list[GalleryImage]] = {}

    def __enter__(self) -> NotebookPages:
        self._pool.submit(_warm_up)  # while the first notebook starts
        return self

    def __exit__(self, *_) -> None:
        self._pool.shutdown()

    def make(self, step: Step) -> None:
        """Submits the page of a step, if its notebook was executed."""
        if step.notebook.exists():
            self._jobs[step.notebook] = self._pool.submit(self._make, step.notebook, step.page)

    def finish(self, steps: Sequence[Step]) -> None:
        """Waits for all pages, including those of steps that failed.

        Raises:
            PoseError: if a notebook cannot become a page; names it.
        """
        for step in steps:
            if step.notebook not in self._jobs:
                self.make(step)
        for job in self._jobs.values():
            job.result()

    def _make(self, notebook: Path, page: Path) -> None:
        try:
            if not page.exists():
                export_html(notebook, page, self._images_from)
            self.galleries[notebook] = gallery(notebook)
        except PoseError:
            raise
        except Exception as error:  # of any type, as an edited notebook may hold anything
            reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            raise PoseError(
                f"{notebook}: damaged or edited, and cannot become a page ({reason}). Move it out "
                "of the run folder and resume: its step stays done."
            ) from error


def _warm_up() -> None:
    """Loads nbconvert and its templates."""
    import nbformat

    _exporter().from_notebook_node(
        nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_markdown_cell("*"), nbformat.v4.new_code_cell("1")]
        )
    )


@lru_cache(1)
def _exporter():
    from nbconvert import HTMLExporter

    return HTMLExporter(template_name="lab", embed_images=True, require_js_url="", mathjax_url="")


def export_html(notebook: Path, page: Path, images_from: Path) -> Path:
    """Writes an executed notebook as one HTML file with embedded images.

    Formulas are drawn and widgets left out, as both would load scripts from the network.

    Args:
        notebook: to convert.
        page: the file to write.
        images_from: the folder of images with relative paths.
    """
    import nbformat

    node = nbformat.read(notebook, as_version=4)
    node.metadata.pop("widgets", None)
    for cell in node.cells:
        if cell.cell_type == "markdown":
            cell.source = with_drawn_formulas(cell.source)
        if cell.cell_type == "code":
            cell.outputs = [
                output for output in cell.outputs if _WIDGET not in output.get("data", {})
            ]
    body, _ = _exporter().from_notebook_node(
        node, resources={"metadata": {"name": notebook.stem, "path": str(images_from)}}
    )
    for empty in ('<script src=""></script>', '<script src=""> </script>'):
        body = body.replace(empty, "")
    body = _relinked(body, images_from, page.parent)
    return write_text(page, body.replace("</head>", f"{_STYLE}</head>", 1))


def _relinked(body: str, before: Path, after: Path) -> str:
    """HTML whose links to files, relative to the folder ``before``, are relative to ``after``."""

    def moved(link: re.Match) -> str:
        target = before / unquote(html.unescape(link[1]))
        try:
            if not target.exists():
                return link[0]
            return f'href="{quote(Path(os.path.relpath(target, after)).as_posix())}"'
        except (OSError, ValueError):  # no name of a file; another drive
            return link[0]

    return re.sub(r'href="([^"#:]+)"', moved, body)
