"""The pipeline: runs the notebooks of an ``operation_mode`` in order under papermill, all into one
run folder.

A run folder has, for each step, the executed notebook (``01-train.ipynb``), the same as HTML
(``01-train.html``) and a folder of artifacts (``01-train/``); and ``user_config.yaml`` as it was
used, ``run.json`` with the state of each step, ``metrics.json``, and the index page ``index.html``.
"""

from .history import runs_table
from .preflight import Check, check
from .runner import resume, run

__all__ = ["Check", "check", "resume", "run", "runs_table"]
