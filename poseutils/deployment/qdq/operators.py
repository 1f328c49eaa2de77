"""The ONNX operators that become C, and what converts each."""

from __future__ import annotations

from .elementwise import ELEMENTWISE
from .moves import MOVES
from .products import PRODUCTS
from .windows import WINDOWS

OPERATORS = {**ELEMENTWISE, **MOVES, **WINDOWS, **PRODUCTS}
