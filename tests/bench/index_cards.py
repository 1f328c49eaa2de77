"""The cards of the index notebook: a small copy of a figure of each notebook that it links.

python -m tests.bench.index_cards

An image ``attachment:NAME.png`` in notebooks/index.ipynb is taken from NAME.ipynb, beside it or in
lessons: the first figure of a cell with the tag ``card``, else ``highlight``, else of any.
"""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import nbformat
from PIL import Image

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SIZE = 300, 150
"""Pixels of the largest card."""
COLORS = 64
"""Of its palette, so that the index stays small."""


def main() -> None:
    path = NOTEBOOKS / "index.ipynb"
    index = nbformat.read(path, 4)
    for cell in index.cells:
        names = re.findall(r"\(attachment:(\w+)\.png\)", cell.source)
        if names:
            cell["attachments"] = {f"{name}.png": {"image/png": card(name)} for name in names}
    nbformat.write(index, path)


def card(name: str) -> str:
    """A small PNG in base64 of a figure of a notebook."""
    (path,) = [*NOTEBOOKS.glob(f"{name}.ipynb"), *NOTEBOOKS.glob(f"lessons/{name}.ipynb")]
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    for tag in ("highlight", "card"):  # a stable sort: those tagged last come first
        cells.sort(key=lambda cell, tag=tag: tag not in cell.metadata.get("tags", ()))
    figures = (
        content
        for cell in cells
        for output in cell.outputs
        for kind, content in output.get("data", {}).items()
        if kind in ("image/png", "image/jpeg")
    )
    image = Image.open(io.BytesIO(base64.b64decode(next(figures)))).convert("RGB")
    image.thumbnail(SIZE, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.quantize(COLORS).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


if __name__ == "__main__":
    main()
