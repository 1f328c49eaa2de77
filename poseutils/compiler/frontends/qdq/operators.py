"""The ONNX operators that become C, and what converts each."""

from __future__ import annotations

from .conv_pool_resize import WINDOWS
from .data_movement import MOVES
from .dense import DENSE
from .elementwise import ELEMENTWISE

OPERATORS = {**ELEMENTWISE, **MOVES, **WINDOWS, **DENSE}
