"""From ``operation_mode`` to notebooks: runs one after the other under papermill, all into one run folder.

A run folder holds, for each step in order, the executed notebook (``01-train.ipynb``), the same as a page (``01-train.html``) and a folder
of its artifacts (``01-train/``); and ``user_config.yaml`` as it was used, ``metrics.json`` and ``index.html``, the page to open.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path

from ..config import Config, load_config, services_of
from ..errors import PoseError
from ..files import write_json
from .page import results_table, write_index
from .steps import Models, Step, all_metrics, plan, read_metrics

NOTEBOOKS = Path(__file__).resolve().parent.parent.parent / "notebooks"


def run(
    config_path: str | Path, overrides: Iterable[str] = (), runs_dir: str | Path = "runs", notebooks_dir: str | Path | None = None
) -> Path:
    """Runs the notebooks of a configuration's ``operation_mode`` and returns the run folder. Prints a line a step and a table.

    Args:
        config_path: a user_config.yaml.
        overrides: ``section.attribute=value``, which win over the file.
        runs_dir: where the run folder is made.
        notebooks_dir: where the notebooks are; the workbook's own if not given.

    Raises:
        PoseError: if the configuration is wrong or the folder cannot be written to, before anything runs; or if a notebook fails, after
            what was done until then has been written.
    """
    config = load_config(config_path, overrides)
    notebooks = _find_notebooks(config, Path(notebooks_dir or NOTEBOOKS))
    folder = _new_run_folder(Path(runs_dir), config.general.project_name)
    config = load_config(config.save(folder / "user_config.yaml"))
    steps = plan([notebook.stem for notebook in notebooks], folder)
    print(f"{config.operation_mode}: {len(steps)} notebooks into {_short(folder)}", flush=True)
    try:
        _run_steps(steps, notebooks, Models(configured=config.model.model_path or ""))
    except BaseException as error:
        with suppress(PoseError):
            _conclude(folder, config, steps)
        if isinstance(error, PoseError):
            raise PoseError(f"{error}\nWhat was done is in {_short(folder)}") from None
        raise
    _conclude(folder, config, steps)
    return folder


def _find_notebooks(config: Config, folder: Path) -> list[Path]:
    if config.operation_mode is None:
        raise PoseError("operation_mode: missing. Add a line such as 'operation_mode: chain_tqe' to the configuration, or to the command.")
    notebooks = [folder / f"{service}.ipynb" for service in services_of(config.operation_mode)]
    for notebook in notebooks:
        if not notebook.is_file():
            raise PoseError(f"{notebook}: no such notebook, which operation_mode {config.operation_mode} needs. Run from a complete clone.")
    return [notebook.absolute() for notebook in notebooks]


def _new_run_folder(runs_dir: Path, project_name: str) -> Path:
    name = f"{datetime.now():%Y_%m_%d_%H_%M_%S}-{project_name.strip()}"
    for attempt in count(1):
        folder = runs_dir.absolute() / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:  # another run began in the same second
            continue
        except OSError as error:
            raise PoseError(f"cannot make {folder}: {error.strerror}. Choose another place with --runs-dir.") from None


def _run_steps(steps: Sequence[Step], notebooks: Sequence[Path], models: Models) -> None:
    for step, notebook in zip(steps, notebooks, strict=True):
        print(f"  {step.number}/{len(steps)}  {step.service:<10}", end="", flush=True)
        started = time.monotonic()
        step.status = "failed"
        try:
            _run_step(step, notebook, models)
            step.status = "done"
        except KeyboardInterrupt:
            step.status = "interrupted"
            raise
        finally:
            step.seconds = time.monotonic() - started
            print(f"{step.seconds:8.1f} s" + ("" if step.status == "done" else f"  {step.status}"), flush=True)


def _run_step(step: Step, notebook: Path, models: Models) -> None:
    from .execution import execute  # papermill takes a second to load, which a mistake in the configuration need not wait for

    config_path = step.folder.parent / "user_config.yaml"
    parameters = {"config": str(config_path), "run_dir": str(step.folder), **models.parameters(step.service)}
    try:
        step.folder.mkdir()
        execute(notebook, step, parameters)
    except OSError as error:
        raise PoseError(f"{step.notebook.name}: {error.strerror or error}. Choose a folder with room by --runs-dir.") from None
    step.metrics = read_metrics(step.folder / "metrics.json")
    models.update(step)


def _conclude(folder: Path, config: Config, steps: Sequence[Step]) -> None:
    """Writes what belongs to the whole run, and prints it."""
    write_json(folder / "metrics.json", all_metrics(steps))
    index = write_index(folder, config, steps)
    print(f"\n{results_table(steps)}\n\nOpen {_short(index)}", flush=True)


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
