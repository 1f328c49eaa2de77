"""The page of a sweep, by the template ``sweep.html.j2``."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from pathlib import Path

from ..files import write_text
from ..pipeline.page import STYLE
from .points import point_folder
from .results import RESULTS, Result, nothing_learned, short_names, table_rows

TEMPLATE = Path(__file__).with_name("sweep.html.j2")


def write_page(folder: Path, name: str, results: Sequence[Result]) -> Path:
    """Writes ``index.html`` with table and figures, in one file.

    Args:
        folder: of the sweep.
        name: its title.
        results: best first.
    """
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        name=name,
        style=STYLE.read_text(encoding="utf-8"),
        rows=table_rows(results),
        links=[f"{point_folder(folder, result.point).name}/index.html" for result in results],
        notes=nothing_learned(results),
        failed=[result for result in results if result.error],
        figures=_figures(results),
        files=[RESULTS, RESULTS.replace(".json", ".csv")],
        counts=_counts(results),
    )
    return write_text(folder / "index.html", page)


def curves(results: Sequence[Result]) -> dict[str, Sequence[float]]:
    """The validation OKS of each point after each epoch, by its values."""
    return {label(r): r.history["val_oks"] for r in results if r.history}


def coordinates(results: Sequence[Result]) -> list[dict[str, str | float]]:
    """The values and the validation OKS of each point that has one."""
    return [
        {
            **{short: r.values[name] for name, short in short_names(list(r.values)).items()},
            "validation OKS": r.oks,
        }
        for r in results
        if r.oks is not None
    ]


def label(result: Result) -> str:
    """A point's values in one line."""
    shorts = short_names(list(result.values))
    return ", ".join(f"{shorts[name]} {value}" for name, value in result.values.items())


def _figures(results: Sequence[Result]) -> list[tuple[str, str]]:
    """Caption and PNG in base64 of each figure; none if no point was trained."""
    from .. import plots

    if not coordinates(results):
        return []
    return [
        (
            "Validation OKS after each epoch; the best point is thick.",
            _png(lambda: plots.show_curves_together(curves(results), "validation OKS")),
        ),
        (
            "A line per point, colored by its best validation OKS.",
            _png(lambda: plots.show_parallel_coordinates(coordinates(results), "validation OKS")),
        ),
    ]


def _png(draw: Callable[[], None]) -> str:
    import matplotlib.pyplot as plt

    draw()
    figure, data = plt.gcf(), io.BytesIO()
    figure.savefig(data, format="png", dpi=110)
    plt.close(figure)
    return base64.b64encode(data.getvalue()).decode()


def _counts(results: Sequence[Result]) -> str:
    states = [result.state for result in results]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
