"""``run`` and ``resume``: execute the notebooks of a run one after another."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from shlex import quote as quoted

from ..config import Config, load_config, services_of
from ..config.document.environment import Environment
from ..errors import PoseError, missing_package
from ..files import remove_incomplete, write_json
from .page import write_index
from .pages import NotebookPages
from .record import Record, locked, read_record
from .results import all_metrics, duration, read_metrics, results_table
from .steps import Models, Step, plan

NOTEBOOKS = Path(__file__).resolve().parent.parent.parent / "notebooks"
CONFIG = "user_config.yaml"
OPEN_FILES = 128
MAY_RUN_CODE = ("train", "benchmark", "deploy")
"""The services that run Python files or programs that a configuration names, if allowed."""


def run(
    config_path: str | Path,
    overrides: Iterable[str] = (),
    runs_dir: str | Path = "runs",
    notebooks_dir: str | Path | None = None,
    allow_custom_code: bool = False,
) -> Path:
    """Runs the notebooks of a configuration's ``operation_mode`` and returns the run folder. Prints
    a line per step and a table.

    Args:
        config_path: a user_config.yaml.
        overrides: ``section.attribute=value``, which take precedence over the file.
        runs_dir: folder in which the run folder is created.
        notebooks_dir: folder of the notebooks (default: the workbook's).
        allow_custom_code: whether Python files and programs that the configuration names may be
            run.

    Raises:
        PoseError: if the configuration is invalid or the folder cannot be written to, before
            anything runs; if a notebook fails, after all results up to then have been written.
    """
    overrides = tuple(overrides)
    config = load_config(config_path, overrides, allow_custom_code)
    if config.operation_mode is None:
        raise PoseError(
            "operation_mode: missing. Add a line such as 'operation_mode: chain_tqe' to the "
            "configuration, or to the command."
        )
    services = services_of(config.operation_mode)
    if missing := missing_model(config, services):
        raise PoseError(missing)
    notebooks = find_notebooks(services, notebooks_dir)
    _load_papermill()
    now = datetime.now()
    folder = _new_run_folder(Path(runs_dir), f"{now:%Y_%m_%d_%H_%M_%S}-{folder_name(config)}")
    with locked(folder):
        record = prepare(folder, config, overrides, now)
        config = load_config(folder / CONFIG, allow_custom_code=config.allow_custom_code)
        print(
            f"{config.operation_mode}: {len(services)} notebooks into {_short(folder)}", flush=True
        )
        _run(record, config, notebooks)
    return folder


def missing_model(config: Config, services: Sequence[str]) -> str:
    """What is wrong if the first service needs a model and none is configured; else empty."""
    if config.model.model_path or not services or services[0] == "train":
        return ""
    why = " (an override asks for a new network)" if "model.model_path" in config.ignored else ""
    return (
        f"model.model_path: empty{why}; {services[0]} needs a model: a file, or a name from the "
        "list of 'zoo'"
    )


def folder_name(config: Config) -> str:
    """The project's name as a part of a folder's."""
    name = config.environment.hidden(config.general.project_name)
    return re.sub(r"[${}:]+", "_", name).strip(" _")


def prepare(
    folder: Path, config: Config, overrides: Sequence[str], started: datetime | None = None
) -> Record:
    """Writes the configuration and the record of a run of which no step is done, and returns the
    record; :func:`resume` begins the run.

    Args:
        folder: an empty run folder.
        config: with an ``operation_mode``.
        overrides: those that led to the configuration, for the record.
        started: default: now.
    """
    mode = config.operation_mode
    assert mode is not None
    name = config.environment.hidden(config.general.project_name)
    began = (started or datetime.now()).isoformat(timespec="seconds")
    record = Record(folder, name, mode, began, tuple(overrides), plan(services_of(mode), folder))
    config.save(folder / CONFIG)
    record.save()
    return record


def resume(
    folder: str | Path, notebooks_dir: str | Path | None = None, allow_custom_code: bool = False
) -> Path:
    """Resumes an interrupted run with its configuration, and returns the run folder. Completed
    steps are kept.

    A notebook that was interrupted is run again from its beginning.

    Args:
        folder: the run folder.
        notebooks_dir, allow_custom_code: as for :func:`run`; permission for custom code is not kept
            and has to be given again.

    Raises:
        PoseError: if it is not a run folder or the run is in progress; else as :func:`run`.
    """
    record = read_record(folder)
    with locked(record.folder):
        record = read_record(folder)  # the process that held the lock may have changed it
        done = sum(step.status == "done" for step in record.steps)
        if record.finished and (record.folder / "index.html").exists():
            print(
                f"{_short(record.folder)} is finished, all {done} notebooks: nothing to "
                f"do.\n\nOpen {_short(record.folder / 'index.html')}"
            )
            return record.folder
        remove_incomplete(record.folder)
        config = load_config(record.folder / CONFIG, allow_custom_code=allow_custom_code)
        notebooks = find_notebooks([step.service for step in record.steps], notebooks_dir)
        _load_papermill()
        print(
            f"{record.operation_mode}: {done} of {len(record.steps)} notebooks are done in "
            f"{_short(record.folder)}",
            flush=True,
        )
        _run(record, config, notebooks)
    return record.folder


def find_notebooks(services: Sequence[str], folder: str | Path | None = None) -> list[Path]:
    """The notebooks of services: the workbook's, or those in a folder.

    Raises:
        PoseError: if one is missing.
    """
    notebooks = [Path(folder or NOTEBOOKS).absolute() / f"{service}.ipynb" for service in services]
    for notebook in notebooks:
        if not notebook.is_file():
            raise PoseError(
                f"{notebook}: no such notebook, which this operation_mode needs. Run from a "
                "complete clone."
            )
    return notebooks


def _allow_open_files() -> None:
    """Raises the limit of open files, for the sockets of kernels, as far as the system allows.

    Raises:
        PoseError: if that is too few.
    """
    if sys.platform == "win32":
        return
    import resource

    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now < OPEN_FILES <= most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, most))
    elif now < OPEN_FILES:
        raise PoseError(
            f"at most {now} files may be open at once, and notebooks need {OPEN_FILES}. Allow "
            "more, for example with: ulimit -n 1024"
        )


def _load_papermill() -> None:
    """Imports what executes notebooks: slow, so not for an invalid configuration.

    Raises:
        PoseError: if papermill is not installed.
    """
    _allow_open_files()
    # An optional validator of international addresses, which loads slower than everything else
    with without("rfc3987_syntax"):
        try:
            from . import execution  # noqa: F401
        except ModuleNotFoundError as error:
            raise missing_package(error, "notebooks") from error


def _new_run_folder(runs_dir: Path, name: str) -> Path:
    for attempt in count(1):
        folder = runs_dir.absolute() / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:  # another run began in the same second
            continue
        except OSError as error:
            raise PoseError(
                f"cannot create {folder}: {error.strerror}. Choose another folder with --runs-dir."
            ) from None
    raise AssertionError("unreachable")


def _run(record: Record, config: Config, notebooks: Sequence[Path]) -> None:
    with NotebookPages(notebooks[0].parent) as pages:
        try:
            _run_steps(
                record, notebooks, Models(configured=config.model.model_path or ""), pages, config
            )
        except BaseException as error:
            with suppress(PoseError):
                _conclude(record, config, pages)
            if isinstance(error, PoseError):
                again = (
                    f"Resume with: python -m poseutils run --resume {quoted(_short(record.folder))}"
                )
                raise PoseError(
                    f"{error}\nCompleted steps are in {_short(record.folder)}\n{again}"
                ) from None
            raise
        _conclude(record, config, pages)


def _run_steps(
    record: Record, notebooks: Sequence[Path], models: Models, pages: NotebookPages, config: Config
) -> None:
    for step, notebook in zip(record.steps, notebooks, strict=True):
        step.given = models.parameters(step.service)
        if config.allow_custom_code and step.service in MAY_RUN_CODE:
            step.given = {**step.given, "allow_custom_code": True}
        print(f"  {step.number}/{len(record.steps)}  {step.service:<10}", end="", flush=True)
        if step.status == "done" and not step.lacks():
            print(f"{duration(step.seconds):>12}  done earlier", flush=True)
        else:
            _run_step(step, notebook, record, config.environment)
        models.update(step)
        pages.make(step)


def _run_step(step: Step, notebook: Path, record: Record, environment: Environment) -> None:
    """Runs a step, and records how it ended."""
    started = time.monotonic()
    step.status, step.seconds, step.error = "running", 0.0, ""
    record.save()
    try:
        _execute(step, notebook, environment)
        step.status = "done"
    except PoseError as error:
        step.status, step.error = "failed", environment.hidden(str(error))
        raise
    except BaseException:
        step.status = "interrupted"
        raise
    finally:
        step.seconds = time.monotonic() - started
        print(
            f"{duration(step.seconds):>12}" + ("" if step.status == "done" else f"  {step.status}"),
            flush=True,
        )
        with suppress(PoseError):  # a full disk, which is being reported already
            record.save()
            write_json(record.folder / "metrics.json", all_metrics(record.steps))


def _execute(step: Step, notebook: Path, environment: Environment) -> None:
    from .execution import execute

    try:
        step.prepare_folder()
        execute(
            notebook,
            step,
            {"config": str(step.folder.parent / CONFIG), "run_dir": str(step.folder), **step.given},
            environment,
        )
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise PoseError(
            f"{error.filename}: {error.strerror}. Move it out of the run folder and resume."
        ) from None
    except OSError as error:
        raise PoseError(
            f"{step.notebook.name}: {error.strerror or error}. Choose a folder with enough space "
            "by --runs-dir."
        ) from None
    step.metrics = read_metrics(step.folder / "metrics.json")
    if missing := step.lacks():
        raise PoseError(
            f"{step.notebook.name} wrote no {missing.name} into {step.folder}, which later steps "
            "need."
        )


def _conclude(record: Record, config: Config, pages: NotebookPages) -> None:
    """Writes metrics and index page of the whole run, and prints the results."""
    pages.finish(record.steps)
    write_json(record.folder / "metrics.json", all_metrics(record.steps))
    index = write_index(record, config, pages.galleries)
    print(f"\n{results_table(record.steps)}\n\nOpen {_short(index)}", flush=True)


@contextmanager
def without(module: str) -> Iterator[None]:
    """A context in which an optional module counts as not installed, unless it is loaded
    already."""
    loaded = module in sys.modules
    sys.modules.setdefault(module, None)  # type: ignore[arg-type]  # None makes its import fail
    try:
        yield
    finally:
        if not loaded:
            del sys.modules[module]


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
