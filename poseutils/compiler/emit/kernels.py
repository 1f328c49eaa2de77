"""The C files of the kernels, which are the same for every network."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent.parent / "kernels"


def kernel_files() -> dict[str, str]:
    """The operators and their headers, by file name."""
    headers = ("pose_network.h", "pose_kernels.h", "pose_simd.h")
    texts = {name: (FOLDER / name).read_text(encoding="utf-8") for name in headers}
    sources = sorted(FOLDER.glob("kernels_*.c"))
    return {"pose_kernels.c": "".join(path.read_text("utf-8") for path in sources), **texts}
