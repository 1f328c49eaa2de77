"""False alarms and misses of the person score on images with and without people.

python -m tests.bench person_scores        (POSEUTILS_CACHE: the folder with models and images)

Writes ``person_scores.md`` beside this file, by which ``ONE_PERSON.confidence`` of
``poseutils/decoders/options.py`` is chosen: anew after another network became the bundled one; and
the scores of photographs to ``poseutils/benchmarking/person_scores.json``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

import poseutils as pu
from poseutils.benchmarking.person_scores import PERSON_SCORES, PersonScores
from poseutils.crops import Region, region_of_box
from poseutils.datasets import Sample
from poseutils.decoders import ONE_PERSON_TYPES
from poseutils.decoders.options import ONE_PERSON
from poseutils.evaluation.matching import labeled_people
from poseutils.files import json_list
from poseutils.models import Model
from poseutils.models.predictor import infer, prepare
from poseutils.poses import person_scores as by_highest_half
from tests.bench.ratios import PEOPLE, SHIPPED, SHIPPED_FLOAT, cached

PAGE = Path(__file__).with_name("person_scores.md")
PHOTOGRAPHS = ("whole photographs", "crops of photographs")
RENDERED = "rendered images"
CROPS, TRIES, SIDES = 4, 200, (0.3, 0.9)
"""Crops without people of each photograph at most, and their sides relative to its shorter one."""
GRID = np.arange(1, 20) / 20
"""The thresholds to choose from."""

View = tuple[Path, Region | None]
Views = dict[str, tuple[list[View], list[View]]]
"""By the kind of image those with a person and those without."""
Scores = dict[str, tuple[np.ndarray, np.ndarray]]
"""The same as (N, K) scores of keypoints."""

STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda scores: scores.mean(axis=1),
    "mean of the highest half": by_highest_half,
    "mean of the highest quarter": lambda scores: _highest(scores, (scores.shape[1] + 3) // 4),
    "highest": lambda scores: scores.max(axis=1),
    "median": lambda scores: np.median(scores, axis=1),
}


def person_scores() -> Iterator[str]:
    """The page's lines, which are written when the last one is there."""
    lines = []
    for line in _page():
        lines.append(line)
        yield line
    PAGE.write_text("\n".join(["# Person scores", "", *lines, ""]), encoding="utf-8")


def _page() -> Iterator[str]:
    views, networks = _views(), _networks()
    yield "Written by `python -m tests.bench person_scores`. The score of a person is the mean of"
    yield "the highest half of the keypoints' scores; an image has a person where it is above the"
    yield "threshold."
    yield from _described(views)
    found = {}
    for name, path in networks.items():
        found[name] = _scores(pu.load_model(path), views)
    if PHOTOGRAPHS[0] in views:
        _keep(found)
    yield from _decisions(found)
    yield from _choice(found)
    yield from _statistics(found)


def _networks() -> dict[str, Path | str]:
    """The networks of one person that are here, by their names in the tables."""
    bundled = {"bundled network, int8": SHIPPED, "bundled network, float": SHIPPED_FLOAT}
    zoo = [name for name, entry in pu.ZOO.items() if entry.model_type in ONE_PERSON_TYPES]
    return bundled | {f"`{name}`": name for name in zoo if cached(f"models/{pu.ZOO[name].file}")}


# ---------------------------------------------------------------- images


def _views() -> Views:
    rendered = [(sample.path, None) for sample in pu.load_dataset(PEOPLE)]
    folder = cached("coco-mini")
    if folder is None:
        return {RENDERED: (rendered, [])}
    dataset, dice = pu.load_dataset(folder), np.random.default_rng(0)
    people = [sample for sample in dataset if len(labeled_people(sample))]
    return {
        PHOTOGRAPHS[0]: (
            [(sample.path, None) for sample in people],
            [(sample.path, None) for sample in dataset if not len(sample)],
        ),
        PHOTOGRAPHS[1]: (
            [
                (sample.path, region_of_box(sample.boxes[i]))
                for sample in people
                for i in labeled_people(sample)
            ],
            [view for sample in dataset for view in _without_people(sample, dice)],
        ),
        RENDERED: (rendered, []),
    }


def _without_people(sample: Sample, dice: np.random.Generator) -> list[View]:
    """Random squares of an image that touch the box of no person and of no crowd."""
    height, width = pu.read_image(sample.path).shape[:2]
    found: list[View] = []
    for _ in range(TRIES):
        side = dice.uniform(*SIDES) * min(height, width)
        low = dice.uniform((0, 0), (width - side, height - side))
        apart = (sample.boxes[:, 2:] <= low) | (sample.boxes[:, :2] >= low + side)
        if apart.any(axis=1).all() and len(found) < CROPS:
            x, y = (low + side / 2).tolist()
            found.append((sample.path, Region((x, y), (side, side))))
    return found


def _scores(model: Model, views: Views) -> Scores:
    def of(some: list[View]) -> np.ndarray:
        rows = [
            infer(model, prepare(model, pu.read_image(path), region), {"confidence": 0}).scores
            for path, region in some
        ]
        return np.concatenate(rows) if rows else np.zeros((0, len(model.layout)), np.float32)

    return {kind: (of(with_people), of(without)) for kind, (with_people, without) in views.items()}


def _keep(found: dict[str, Scores]) -> None:
    """Writes the person scores of the 8-bit networks for photographs."""
    kept = {name: scores for name, scores in found.items() if not name.endswith("float")}
    with json_list(PERSON_SCORES) as append:
        for name, scores in kept.items():
            for kind in PHOTOGRAPHS:
                parts = (_rounded(part) for part in scores[kind])
                append(asdict(PersonScores(_plain(name), kind, *parts)))


def _plain(name: str) -> str:
    """As the ladder has it."""
    return name.removesuffix(", int8").strip("`")


def _rounded(scores: np.ndarray) -> list[float]:
    return sorted(by_highest_half(scores).astype(float).round(5).tolist())


# ---------------------------------------------------------------- tables


def _described(views: Views) -> Iterator[str]:
    photographs = views.get(PHOTOGRAPHS[0])
    if photographs is None:
        yield "Photographs are not here: POSEUTILS_CACHE has no coco-mini."
        return
    crops = views[PHOTOGRAPHS[1]]
    yield f"Photographs are those of COCO at hand: {len(photographs[0])} with a person with labeled"
    yield f"keypoints, {len(photographs[1])} without any; {len(crops[0])} crops of these people by"
    yield f"their boxes, {len(crops[1])} random ones that touch no box. The zoo's networks were"
    yield "trained on COCO."


def _decisions(found: dict[str, Scores]) -> Iterator[str]:
    yield from ("", f"Threshold {ONE_PERSON.confidence:g}, the default:", "")
    yield "| network | images | false alarms | misses | AUC |"
    yield "|---|---|---:|---:|---:|"
    for name, scores in found.items():
        for kind in scores:
            there, empty = (by_highest_half(part) for part in scores[kind])
            yield (
                f"| {name} | {kind} | {_share(empty > ONE_PERSON.confidence)} "
                f"| {_share(there <= ONE_PERSON.confidence)} | {_shown(auc(there, empty))} |"
            )


def _choice(found: dict[str, Scores]) -> Iterator[str]:
    """The threshold with the least mean error of all networks, and of each by itself."""
    errors = {name: _errors(scores) for name, scores in found.items()}
    if not errors or np.isnan(list(errors.values())).any():
        return
    best = int(np.mean(list(errors.values()), axis=0).argmin())
    at_default = {name: np.interp(ONE_PERSON.confidence, GRID, e) for name, e in errors.items()}
    yield ""
    yield "The threshold with the least error, the mean of false alarms and misses over whole and"
    yield f"cropped photographs, is {GRID[best]:g} for all networks together. By network:"
    yield ""
    yield "| network | best threshold | error there | at the default |"
    yield "|---|---:|---:|---:|"
    for name, error in errors.items():
        own = int(error.argmin())
        yield f"| {name} | {GRID[own]:g} | {error[own]:.3f} | {at_default[name]:.3f} |"


def _statistics(found: dict[str, Scores]) -> Iterator[str]:
    yield from ("", "AUC on photographs, whole and cropped, of what the score could be:", "")
    yield f"| network | {' | '.join(STATISTICS)} |"
    yield f"|---|{'---:|' * len(STATISTICS)}"
    for name, scores in found.items():
        cells = [
            " / ".join(
                _shown(auc(*(statistic(part) for part in scores[kind])))
                for kind in PHOTOGRAPHS
                if kind in scores
            )
            for statistic in STATISTICS.values()
        ]
        yield f"| {name} | {' | '.join(cells)} |"


def _errors(scores: Scores) -> np.ndarray:
    """(T,) the mean of the shares of false alarms and misses at each threshold of the grid."""
    kinds = [kind for kind in PHOTOGRAPHS if kind in scores]
    if not kinds:
        return np.full(len(GRID), np.nan)
    shares = []
    for kind in kinds:
        there, empty = (by_highest_half(part) for part in scores[kind])
        shares += [(there[:, None] <= GRID).mean(axis=0), (empty[:, None] > GRID).mean(axis=0)]
    return np.asarray(np.mean(shares, axis=0))


def auc(there: np.ndarray, empty: np.ndarray) -> float:
    """The probability that an image with a person scores higher than one without; equal scores
    count half (Hanley and McNeil, 1982)."""
    if not len(there) or not len(empty):
        return float("nan")
    difference = there[:, None] - empty
    return float((difference > 0).mean() + (difference == 0).mean() / 2)


def _highest(scores: np.ndarray, count: int) -> np.ndarray:
    return np.asarray(np.sort(scores, axis=1)[:, -count:].mean(axis=1))


def _share(flags: np.ndarray) -> str:
    if not len(flags):
        return "–"
    return f"{flags.sum()} of {len(flags)} ({100 * flags.mean():.0f} %)"


def _shown(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"
