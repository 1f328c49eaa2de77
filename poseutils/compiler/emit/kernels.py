"""The kernels: C files that are the same for every network, for all instruction sets."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "kernels"


def kernel_files() -> dict[str, str]:
    """Sources and headers by file name; in an exported folder they lie side by side."""
    files = [*_FOLDER.rglob("*.c"), *_FOLDER.rglob("*.h")]
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(files)}
