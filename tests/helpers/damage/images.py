"""Image files with every kind of damage."""

import numpy as np
from PIL import Image


def damaged_files(folder):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(
        folder / "good.jpg"
    )
    good = (folder / "good.jpg").read_bytes()
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "truncated.jpg").write_bytes(good[: len(good) // 2])
    (folder / "text.jpg").write_text("not an image")
    (folder / "zeros.png").write_bytes(bytes(100))
    Image.new("1", (20000, 20000)).save(folder / "huge.png")
    return {
        "empty.jpg": "empty",
        "truncated.jpg": "truncated",
        "text.jpg": "not an image",
        "zeros.png": "not an image",
        "huge.png": "too large",
        "missing.jpg": "no such image",
    }
