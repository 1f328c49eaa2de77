"""The images of an executed notebook for the index page: those of cells tagged ``highlight``, else
the largest."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

TAG = "highlight"
MAX_WIDTH = 1600
SMALL = 100_000
"""Images of up to this many bytes, usually charts, are kept; larger ones become WebP, a tenth of
the size of PNG."""
CAPTION = 150


@dataclass(frozen=True)
class GalleryImage:
    """An image output of a notebook.

    Attributes:
        source: a ``data:`` URI.
        caption: the beginning of the text above it in the notebook.
        width, height: in pixels.
    """

    source: str
    caption: str
    width: int
    height: int


def gallery(notebook: Path) -> list[GalleryImage]:
    """The images of an executed notebook to show on the index page, in order."""
    found = list(_outputs(json.loads(notebook.read_text(encoding="utf-8"))["cells"]))
    chosen = [output for output in found if output[2]] or sorted(
        found, key=lambda output: len(output[0])
    )[-1:]
    return [_image(content, caption) for content, caption, _ in chosen]


def _outputs(cells: list[dict]) -> Iterator[tuple[bytes, str, bool]]:
    """Each image output, the text above it, and whether its cell is tagged."""
    text = ""
    for cell in cells:
        if cell["cell_type"] == "markdown":
            text = "".join(cell["source"])
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if content := data.get("image/png") or data.get("image/jpeg"):
                yield (
                    base64.b64decode("".join(content)),
                    caption_of(text),
                    TAG in cell["metadata"].get("tags", ()),
                )


def caption_of(markdown: str) -> str:
    """The first paragraph as plain text: one sentence, and more up to ``CAPTION`` characters, or up
    to a formula."""
    paragraph = next((part for part in markdown.split("\n\n") if not part.startswith("#")), "")
    plain = re.sub(r"[`*]|!?\[(.*?)\]\(.*?\)", r"\1", " ".join(paragraph.split()))
    first, *others = re.split(r"(?<=[.!?])\s+(?=[A-Z*])", plain)
    for sentence in others:
        if len(first) + len(sentence) > CAPTION or "$" in sentence:
            break
        first += f" {sentence}"
    return first.rstrip(":")


def _image(content: bytes, caption: str) -> GalleryImage:
    image: Image.Image = Image.open(io.BytesIO(content))
    width, height = image.size
    kind = str(image.format).lower()
    if len(content) > SMALL:
        image.thumbnail((MAX_WIDTH, MAX_WIDTH * 4))
        content, kind = _webp(image), "webp"
    return GalleryImage(
        f"data:image/{kind};base64,{base64.b64encode(content).decode()}", caption, width, height
    )


def _webp(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    on_white = Image.new("RGB", image.size, "white")
    on_white.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    on_white.save(buffer, "webp", quality=82, method=2)
    return buffer.getvalue()
