"""Sweeps: one training for each combination of values, or for each that Optuna draws, on Dask.

Each point of a sweep is a run of its own, in a process of its own. A sweep's folder has a run
folder for each point, ``results.json`` and ``.csv``, and the page ``index.html``.
"""

from .driver import sweep
from .page import coordinates, curves
from .results import Result, read_results, results_table, table_rows

__all__ = [
    "Result",
    "coordinates",
    "curves",
    "read_results",
    "results_table",
    "sweep",
    "table_rows",
]
