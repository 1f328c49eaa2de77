"""``sweep``: checks every point, runs them on Dask's workers, and writes what came of them.

Dask queues the points and gives those of a worker that died to another one. What is done is in the
points' run folders, and not in Dask: a sweep can be stopped at any time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import Config, services_of
from ..config.loading import find_config, read_config, warn_of_ignored
from ..errors import PoseError
from ..files import read_text, sha256_of, write_json, write_text
from ..pipeline.preflight import check
from ..pipeline.record import SWEEP, locked
from ..pipeline.results import duration, figure
from ..pipeline.runner import folder_name
from .cluster import slots, workers
from .grid import Grid
from .page import label, write_page
from .points import ERROR, Point
from .results import best_first, result_of, write_results
from .space import Space, overrides_of, read_space
from .work import run_point

if TYPE_CHECKING:
    from distributed import Future

    from .drawn import Drawn

LOOK_SECONDS = 0.5


def sweep(
    config_path: str | Path,
    arguments: Iterable[str],
    runs_dir: str | Path = "runs",
    trials: int | None = None,
    scheduler: str | None = None,
    notebooks_dir: str | Path | None = None,
    allow_custom_code: bool = False,
) -> Path:
    """Runs a configuration once for each point and returns the sweep's folder, with the results.
    Prints a line per point.

    Called again with the same configuration and attributes, it goes on where it was stopped: points
    that are done are kept, and all others resume; those that failed, too, unless Optuna drew them.

    Args:
        config_path: a user_config.yaml whose ``operation_mode`` trains.
        arguments: ``section.attribute=value`` for all points, ``=value,value`` for several values,
            and ``=low..high`` for a range that Optuna draws from.
        runs_dir: folder in which the sweep's folder is, ``<project_name>-sweep``.
        trials: number of points that Optuna draws; None: all combinations of the values.
        scheduler: the address of a Dask scheduler, whose workers see the same files under the same
            paths; None: a worker for each core of this computer.
        notebooks_dir, allow_custom_code: as for :func:`poseutils.pipeline.run`.

    Raises:
        PoseError: if a point is invalid or there is nothing to compare, before anything runs; if
            the scheduler is not reached.
    """
    path, space = find_config(Path(config_path)), read_space(arguments, ranges=trials is not None)
    settings = _checked(path, space, allow_custom_code, combined=trials is None)
    warn_of_ignored(settings, path)
    folder = _sweep_folder(Path(runs_dir) / f"{folder_name(settings)}-sweep", path, space, trials)
    with locked(folder):
        chooser = _chooser(space, folder, trials, settings.general.global_seed)
        with workers(scheduler, trials or len(chooser.points)) as client:

            def begin(point: Point) -> Future | None:
                allowed = settings.allow_custom_code
                if not _prepared(point, path, space, allowed):
                    return None
                given = str(point.folder), slots(client)[1], str(notebooks_dir or ""), allowed
                return client.submit(run_point, *given, pure=False)

            print(f"{folder.name}: {slots(client)[0]} at once", flush=True)
            try:
                _drive(chooser, begin, lambda: chooser.at_once(slots(client)[0]))
            finally:
                _conclude(folder, chooser.points)
    return folder


def _checked(path: Path, space: Space, allow_custom_code: bool, combined: bool) -> Config:
    """The configuration of the first point, after each value was checked in one point by all that
    a run needs, and each combination by the rules of the configuration.

    Raises:
        PoseError: with the problems of all points, each once.
    """
    problems: dict[str, str] = {}

    def read(values: Mapping[str, str], thoroughly: bool) -> Config:
        overrides = [*space.fixed, *overrides_of(values)]
        config, found = read_config(path, overrides, allow_custom_code)
        if not found and thoroughly:
            found = _not_trained(config) or check(path, overrides, allow_custom_code).problems
        for problem in found:
            problems.setdefault(problem, " ".join(overrides_of(values)))
        return config

    first, *_ = [read(values, thoroughly=True) for values in space.one_by_one()]
    seen: dict[str, str] = {}
    for values in space.points() if combined else ():
        where = " ".join(overrides_of(values))
        other = seen.setdefault(repr(read(values, thoroughly=False)), where)
        if other != where and not problems:
            problems[f"the same training as {other}"] = where
    if problems:
        lines = "\n".join(f"  {where}: {problem}" for problem, where in problems.items())
        raise PoseError(f"{path}: nothing was run, as points are invalid:\n{lines}")
    return first


def _not_trained(config: Config) -> list[str]:
    mode = config.operation_mode
    if mode is None or "train" in services_of(mode):
        return []
    return [
        f"operation_mode: {mode} given, which trains nothing, and a sweep compares trainings; "
        "expected training, or a chain with t, such as chain_te"
    ]


def _sweep_folder(wanted: Path, config: Path, space: Space, trials: int | None) -> Path:
    """The folder of the same sweep, begun earlier; else a new one, by its name or that with a
    number."""
    description = {
        "configuration": str(config.absolute()),
        "sha256": sha256_of(config),
        "sampler": "grid" if trials is None else "optuna",
        **space.described(),
    }
    for attempt in count(1):
        number = "" if attempt == 1 else f"-{attempt}"
        folder = wanted.absolute().with_name(wanted.name + number)
        kept = folder / SWEEP
        if not folder.exists():
            write_json(kept, description)
            return folder
        if kept.is_file() and _read(kept) == description:
            return folder
    raise AssertionError("unreachable")


def _read(kept: Path) -> dict:
    try:
        return json.loads(read_text(kept))
    except ValueError as error:
        raise PoseError(f"{kept}: damaged ({error}). Delete the sweep's folder") from None


def _chooser(space: Space, folder: Path, trials: int | None, seed: int) -> Grid | Drawn:
    if trials is None:
        return Grid(space, folder)
    from .drawn import Drawn

    return Drawn(space, folder, trials, seed)


def _prepared(point: Point, config: Path, space: Space, allow_custom_code: bool) -> bool:
    """Makes a point's run folder; returns whether there is something to run in it."""
    try:
        point.prepare(config, space.fixed, allow_custom_code)
    except PoseError as error:  # two values that Optuna drew, and that exclude each other
        write_text(point.folder / ERROR, str(error))
        return False
    return not point.is_finished


def _drive(
    chooser: Grid | Drawn, begin: Callable[[Point], Future | None], at_once: Callable[[], int]
) -> None:
    """Keeps points running until none is left. ``begin`` gives None for one that has ended."""
    left = chooser.left()
    running: dict[Future, Point] = {}
    while True:
        while len(running) < at_once() and (point := next(left, None)):
            if future := begin(point):
                running[future] = point
            else:
                _finish(chooser, point, "earlier ")
        if not running:
            return
        time.sleep(LOOK_SECONDS)
        for future in [future for future in running if future.done()]:
            point = running.pop(future)
            _keep_error(point, future)
            _finish(chooser, point)
        for point in running.values():
            chooser.watch(point)


def _finish(chooser: Grid | Drawn, point: Point, when: str = "") -> None:
    chooser.finish(point)
    result = result_of(point)
    print(
        f"  point {point.number}  {label(result)}  {duration(result.seconds)}  "
        f"{when}{result.state}, OKS {figure(result.oks)}",
        flush=True,
    )


def _keep_error(point: Point, future: Future) -> None:
    """Writes the error of a point that its worker could not write: it was killed again and again.

    Raises:
        PoseError: if the scheduler forgot the point, as it was lost.
    """
    if future.cancelled():
        raise PoseError("the scheduler was lost. The same command goes on with another.")
    error = future.exception()
    if error is not None:
        write_text(point.folder / ERROR, str(error))


def _conclude(folder: Path, points: list[Point]) -> None:
    """Writes the results and the page of the points so far."""
    results = best_first([result_of(point) for point in points])
    if results:
        write_results(folder, results)
        write_page(folder, folder.name, results)
