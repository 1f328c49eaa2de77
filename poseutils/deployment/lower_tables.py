"""Tables as C: of the 256 results for one value, for each channel, or in floating point."""

from __future__ import annotations

from .folding import TABLE
from .lower_values import row_struct
from .lowering import Layer, columns, need

_FUNCTIONS = {("int8", 1): "pose_table", ("int8", 2): "pose_channel_table", ("float32", 1): "pose_float_table"}
_TYPES = {"int8": "int8_t", "float32": "float"}


def _table(layer: Layer) -> None:
    source, table = layer.operator.inputs
    values = layer.graph.tensors[table].data
    kind = (values.dtype.name, values.ndim)
    need(kind in _FUNCTIONS, f"a table of {kind}")
    need(
        values.ndim == 1 or (len(values) == columns(layer.output) and layer.input(0).shape == layer.output.shape),
        "tables of other channels",
    )
    output = f"({_TYPES[values.dtype.name]} *){layer.address(layer.operator.outputs[0])}"
    layer.call(_FUNCTIONS[kind], row_struct(layer), layer.constant("table", values), layer.address(source), output)


TABLES = {TABLE: _table}
