"""Each executed notebook as an HTML page, made beside the work: while one notebook runs, the one before it becomes a page."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ..files import write_text
from .steps import Step

_WIDGET = "application/vnd.jupyter.widget-view+json"


class Pages:
    """Makes pages in one thread; a context that waits for it at its end.

    Args:
        images_from: the folder that notebooks' relative images are in.
    """

    def __init__(self, images_from: Path):
        self._images_from = images_from
        self._pool = ThreadPoolExecutor(1)
        self._jobs: list[Future] = []

    def __enter__(self) -> Pages:
        self._pool.submit(_load_exporter)  # while the first notebook starts
        return self

    def __exit__(self, *_) -> None:
        self._pool.shutdown()

    def make(self, step: Step) -> None:
        """Has a step's page made, if there is none."""
        if step.notebook.exists() and not step.page.exists():
            self._jobs.append(self._pool.submit(export_html, step.notebook, step.page, self._images_from))

    def finish(self, steps: Sequence[Step]) -> None:
        """Waits for all pages, with those of steps that did not end well."""
        for job in self._jobs:
            job.result()
        for step in steps:
            self.make(step)
        for job in self._jobs:
            job.result()


def _load_exporter():
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="lab", embed_images=True, require_js_url="", mathjax_url="")
    return exporter


def export_html(notebook: Path, page: Path, images_from: Path) -> Path:
    """An executed notebook as one HTML file with its images inside; ``images_from`` is the folder that relative images are in.

    Widgets are left out: they would load scripts from the network.
    """
    import nbformat

    node = nbformat.read(notebook, as_version=4)
    node.metadata.pop("widgets", None)
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _WIDGET not in output.get("data", {})]
    body, _ = _load_exporter().from_notebook_node(node, resources={"metadata": {"name": notebook.stem, "path": str(images_from)}})
    return write_text(page, body.replace('<script src=""></script>', "").replace('<script src=""> </script>', ""))
