"""Text in C: string literals and comments."""

from __future__ import annotations


def c_string(text: str) -> str:
    """``text`` as a C string literal: printable ASCII, the rest becomes ``?``."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in text)
    # A backslash keeps ??/ and its like from being read as trigraphs.
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?") + '"'


def c_comment(text: str) -> str:
    """``text`` as the inside of a C comment: one line that cannot end it, nor turn the direction of
    what follows; what is not printable becomes ``?``."""
    plain = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    return plain.replace("*/", "* /").replace("/*", "/ *")
