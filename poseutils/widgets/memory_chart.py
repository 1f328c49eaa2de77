"""The memory plan of an exported network, to be explored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from ..plots.memory import peaks
from .pages import page

if TYPE_CHECKING:
    from ..deployment import ExportReport


class MemoryPlan(anywidget.AnyWidget):
    """Memory plans side by side; see :func:`memory_plan`.

    Attributes:
        plans: of each: its title, the rectangles of its tensors, and where most is in memory.
        operators: the number of operators.
    """

    _esm = page("parts.js", "memory.js")
    _css = page("widgets.css")
    plans: traitlets.List[dict] = traitlets.List().tag(sync=True)
    operators = traitlets.Int().tag(sync=True)


def memory_plan(report: ExportReport) -> MemoryPlan:
    """The memory plan of an exported network, layer by layer beside row by row. x: operators, y:
    arena offset; one rectangle per tensor. Under the mouse, a tensor says which operator makes it,
    which ones read it, and where it lies; the same tensor is marked in the other plan.

    Args:
        report: of :attr:`poseutils.deployment.Bundle.report`.
    """
    names = [f"{layer['index']} {layer['operator']}" for layer in report.layers]
    plans = {
        "layer by layer": (report.layerwise_bytes, report.layerwise_tensors),
        "row by row": (report.arena_bytes, report.tensors),
    }
    return MemoryPlan(
        plans=[
            {
                "title": f"{title}: {size / 1024:,.0f} KiB",
                "bytes": size,
                "peaks": [list(span) for span in peaks(rows)],
                "tensors": [_rectangle(row, names) for row in rows],
            }
            for title, (size, rows) in plans.items()
        ],
        operators=len(names),
    )


def _rectangle(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """What is drawn of a tensor, and what is said of it, a line each."""
    maker, where = row["made_by"], ("begin", "end", "offset", "bytes", "made_by", "read_by")
    return {name: row[name] for name in where} | {
        # Scratch is not the same in another plan
        "key": "" if row["shape"] is None else f"{maker} {row['tensor']}",
        "about": [_title(row, names), _size(row), *_readers(row, names)],
    }


def _title(row: Mapping[str, Any], names: Sequence[str]) -> str:
    if row["shape"] is None:
        return "Scratch of " + ", ".join(names[index] for index in row["read_by"])
    short = row["tensor"].split(";")[0]
    maker = row["made_by"]
    return f"{short}, input of the network" if maker is None else f"{short}, made by {names[maker]}"


def _size(row: Mapping[str, Any]) -> str:
    place = f"{row['bytes'] / 1024:,.1f} KiB at byte {row['offset']:,}"
    if row["shape"] is None:
        return place
    shape = " × ".join(map(str, row["shape"][1:]))
    return f"{shape}: {_part(row)}{place}"


def _part(row: Mapping[str, Any]) -> str:
    if row["rows"] is None:
        return ""
    return f"a ring of {row['rows']} of its {row['shape'][1]} rows, "


def _readers(row: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    if row["shape"] is None:
        return []
    listed = ", ".join(names[index] for index in row["read_by"])
    return [f"read by {listed}" if listed else "output of the network"]
