"""Points that Optuna draws, and ends early where their validation OKS falls behind.

The study is kept in the sweep's folder, so that a sweep that was stopped goes on. Only the driver
opens it: a worker knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..errors import PoseError, missing_package
from .points import Point, point_folder
from .space import Range, Space

try:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import Trial, TrialState
except ModuleNotFoundError as error:
    raise missing_package(error, "sweep") from error

STUDY = "study.log"
_DIGITS = 4
"""Significant digits of a number from a range."""


class Drawn:
    """Draws trials by the tree-structured Parzen estimator (Bergstra et al., "Algorithms for
    Hyper-Parameter Optimization", 2011), and prunes those below the median of the earlier ones.

    Trials with equal values are one point, which runs once.

    Attributes:
        points: those drawn so far.
    """

    def __init__(self, space: Space, folder: Path, trials: int, seed: int):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = _opened(folder / STUDY)
        earlier = self._study.get_trials()
        # A sampler's random numbers are not in the study: another seed, or it repeats itself
        self._study.sampler = optuna.samplers.TPESampler(seed=seed + len(earlier))
        self._distributions = {name: _distribution(v) for name, v in space.attributes.items()}
        self._folder, self._trials = folder, trials
        self.points: list[Point] = []
        self._running: dict[int, list[Trial]] = {}
        self._unfinished = [p for p in map(self._restored, earlier) if p]

    def at_once(self, slots: int) -> int:
        """How many points are submitted at once: the later one is drawn, the more is known."""
        return slots

    def left(self) -> Iterator[Point]:
        """The points to run: first those that were interrupted, then new ones."""
        yield from self._unfinished
        while len(self._study.get_trials(deepcopy=False)) < self._trials:
            if point := self._point(self._study.ask(self._distributions)):
                yield point

    def watch(self, point: Point) -> None:
        """Tells Optuna the epochs of a point, and prunes it if Optuna says so."""
        trial, progress = self._running[point.number][0], point.progress()
        if progress is None:
            return
        known = self._study.get_trials(deepcopy=False)[trial.number].intermediate_values
        for epoch, value in enumerate(progress.history["val_oks"], start=1):
            if epoch not in known:
                trial.report(value, epoch)
        if not progress.is_finished and trial.should_prune():
            point.prune()

    def finish(self, point: Point) -> None:
        """Tells Optuna how a point ended."""
        if not point.is_pruned:
            self.watch(point)  # its last epochs
        for trial in self._running.pop(point.number):
            self._tell(trial, point)

    def _restored(self, frozen) -> Point | None:
        """The point to run of a trial of an earlier driver; None if there is nothing left to do."""
        is_drawn = len(frozen.params) == len(self._distributions)
        is_finished = frozen.state.is_finished()
        trial = Trial(self._study, frozen._trial_id)
        if is_finished and is_drawn:
            self._add(frozen)
        elif is_drawn:
            return self._point(trial)
        elif not is_finished:  # stopped while it was drawn
            self._study.tell(trial, state=TrialState.FAIL)
        return None

    def _point(self, trial) -> Point | None:
        """The point to run of a trial; None if its values are those of an earlier one, whose result
        it shares."""
        before = len(self.points)
        point = self._add(trial)
        if len(self.points) > before:
            self._running[point.number] = [trial]
            return point
        if point.number in self._running:
            self._running[point.number].append(trial)
        else:
            self._tell(trial, point)
        return None

    def _add(self, trial) -> Point:
        """The point with the values of a trial, among ``points``."""
        values = {name: _text(value) for name, value in trial.params.items()}
        for point in self.points:
            if point.values == values:
                return point
        self.points.append(Point(trial.number, values, point_folder(self._folder, trial.number)))
        return self.points[-1]

    def _tell(self, trial, point: Point) -> None:
        progress = point.progress()
        if point.error or progress is None:
            self._study.tell(trial, state=TrialState.FAIL)
        elif point.is_pruned:
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, progress.best_oks)


def _opened(path: Path) -> optuna.Study:
    """The study in a file, or a new one.

    Raises:
        PoseError: if the file is damaged.
    """
    if path.exists():
        with path.open("r+b") as file:  # an interruption may leave an incomplete last line
            file.truncate(file.read().rfind(b"\n") + 1)
    try:
        storage = JournalStorage(JournalFileBackend(str(path)))
        return optuna.create_study(
            study_name="sweep", storage=storage, direction="maximize", load_if_exists=True
        )
    except (ValueError, KeyError) as error:
        raise PoseError(
            f"{path}: damaged ({error}). Delete the sweep's folder to begin anew"
        ) from None


def _distribution(values: tuple[str, ...] | Range) -> optuna.distributions.BaseDistribution:
    if not isinstance(values, Range):
        return optuna.distributions.CategoricalDistribution(values)
    log = values.is_logarithmic
    if values.is_whole:
        return optuna.distributions.IntDistribution(int(values.low), int(values.high), log=log)
    return optuna.distributions.FloatDistribution(float(values.low), float(values.high), log=log)


def _text(value: str | int | float) -> str:
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)
