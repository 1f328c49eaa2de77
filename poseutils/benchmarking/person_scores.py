"""False alarms and misses of the person score, measured on images with and without a person.

``person_scores.json`` holds what ``python -m tests.bench person_scores`` measured.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PERSON_SCORES = Path(__file__).with_name("person_scores.json")


@dataclass(frozen=True)
class PersonScores:
    """The person scores that a network gives the images of one kind.

    Attributes:
        network: its name.
        images: their kind.
        people: scores of images with a person.
        empty: scores of images without one.
    """

    network: str
    images: str
    people: Sequence[float]
    empty: Sequence[float]

    def false_alarms(self, threshold: float) -> float:
        """The fraction of images without a person that score more than a threshold."""
        return float(np.mean(np.asarray(self.empty) > threshold))

    def misses(self, threshold: float) -> float:
        """The fraction of images with a person that score a threshold or less."""
        return float(np.mean(np.asarray(self.people) <= threshold))


def person_scores() -> list[PersonScores]:
    """The measured networks, each with whole photographs and with crops."""
    return [PersonScores(**row) for row in json.loads(PERSON_SCORES.read_text(encoding="utf-8"))]


def person_score_rows(measured: Sequence[PersonScores], threshold: float) -> list[dict]:
    """A table of false alarms and misses at a threshold."""
    return [
        {
            "network": one.network,
            "images": one.images,
            "false alarms": _share(one.false_alarms(threshold), len(one.empty)),
            "misses": _share(one.misses(threshold), len(one.people)),
        }
        for one in measured
    ]


def _share(fraction: float, count: int) -> str:
    return f"{fraction * count:.0f} of {count} ({100 * fraction:.0f} %)"
