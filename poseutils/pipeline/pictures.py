"""The pictures of an executed notebook that its run shows first: those of cells tagged ``highlight``, else the largest."""

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
"""PNGs up to so many bytes, charts as a rule, are taken as they are; larger ones become WebP, a tenth of their size."""
CAPTION = 150


@dataclass(frozen=True)
class Picture:
    """One output of a notebook, to be shown on a page.

    Attributes:
        source: a ``data:`` URI.
        caption: what the notebook says above it.
        width, height: in pixels.
    """

    source: str
    caption: str
    width: int
    height: int


def pictures(notebook: Path) -> list[Picture]:
    """The pictures of an executed notebook to show, in its order."""
    found = list(_outputs(json.loads(notebook.read_text(encoding="utf-8"))["cells"]))
    chosen = [output for output in found if output[2]] or sorted(found, key=lambda output: len(output[0]))[-1:]
    return [_picture(png, caption) for png, caption, _ in chosen]


def _outputs(cells: list[dict]) -> Iterator[tuple[bytes, str, bool]]:
    """Each PNG output, the text above it, and whether its cell is tagged."""
    text = ""
    for cell in cells:
        if cell["cell_type"] == "markdown":
            text = "".join(cell["source"])
        for output in cell.get("outputs", ()):
            png = output.get("data", {}).get("image/png")
            if png:
                yield base64.b64decode("".join(png)), caption_of(text), TAG in cell["metadata"].get("tags", ())


def caption_of(markdown: str) -> str:
    """The first paragraph as plain text: whole sentences as far as they are short enough, at least one."""
    paragraph = next((part for part in markdown.split("\n\n") if not part.startswith("#")), "")
    plain = re.sub(r"[`*]|!?\[(.*?)\]\(.*?\)", r"\1", " ".join(paragraph.split()))
    first, *others = re.split(r"(?<=[.!?])\s+(?=[A-Z*])", plain)
    for sentence in others:
        if len(first) + len(sentence) > CAPTION:
            break
        first += f" {sentence}"
    return first.rstrip(":")


def _picture(png: bytes, caption: str) -> Picture:
    image = Image.open(io.BytesIO(png))
    width, height = image.size
    kind = "png"
    if len(png) > SMALL:
        image.thumbnail((MAX_WIDTH, MAX_WIDTH * 4))
        png, kind = _webp(image), "webp"
    return Picture(f"data:image/{kind};base64,{base64.b64encode(png).decode()}", caption, width, height)


def _webp(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    on_white = Image.new("RGB", image.size, "white")
    on_white.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    on_white.save(buffer, "webp", quality=82, method=2)
    return buffer.getvalue()
