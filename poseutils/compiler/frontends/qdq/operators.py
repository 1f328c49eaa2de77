"""The ONNX operators that become C, and what converts each."""

from __future__ import annotations

from .elementwise import ELEMENTWISE
from .data_movement import MOVES
from .dense import PRODUCTS
from .conv_pool_resize import WINDOWS

OPERATORS = {**ELEMENTWISE, **MOVES, **WINDOWS, **PRODUCTS}
