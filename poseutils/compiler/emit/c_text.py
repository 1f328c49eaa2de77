"""A file as a C array, for firmware that links the model in."""

from __future__ import annotations

_ROW = 16


def c_string(text: str) -> str:
    """``text`` as a C string literal: printable ASCII, the rest becomes ``?``."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in text)
    # A backslash keeps ??/ and its like from being read as trigraphs.
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?") + '"'


def c_comment(text: str) -> str:
    """``text`` as the inside of a C comment: one line that cannot end it."""
    return " ".join(text.split()).replace("*/", "* /").replace("/*", "/ *")


def c_array_source(data: bytes, symbol: str) -> str:
    """``<symbol>.c``: the bytes as a constant array aligned to 16 bytes, as TensorFlow Lite Micro
    asks, and their number."""
    rows = (
        "0x" + data[i : i + _ROW].hex(",").replace(",", ",0x") + ",\n"
        for i in range(0, len(data), _ROW)
    )
    return (
        f'#include "{symbol}.h"\n\n_Alignas(16) const unsigned char {symbol}[] = {{\n'
        + "".join(rows)
        + f"}};\nconst unsigned int {symbol}_len = {len(data)}u;\n"
    )


def c_array_header(symbol: str) -> str:
    """``<symbol>.h``: the declarations, for C and C++."""
    guard = f"{symbol.upper()}_H"
    return f"""#ifndef {guard}
#define {guard}

#ifdef __cplusplus
extern "C" {{
#endif

extern const unsigned char {symbol}[];
extern const unsigned int {symbol}_len;

#ifdef __cplusplus
}}
#endif

#endif
"""
