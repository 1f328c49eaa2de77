"""Exercises and their answers: a JSON file for each lesson, named like its notebook."""

from __future__ import annotations

import json
from collections.abc import Sequence, Sized
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import PoseError

Answer = Any
"""A number, a text, a sequence of numbers, or a function of the exercise's arguments."""


@dataclass(frozen=True)
class Exercise:
    """An exercise.

    Attributes:
        answer: a number, a text, a list of numbers; of a function, its value for each of the
            arguments.
        explanation: shown with a right answer.
        hint: shown with a wrong answer.
        mistakes: answers that come from a usual mistake, each with a hint of its own.
        tolerance: relative, of numbers; near zero it is absolute.
        arguments: what a function is called with, a list for each call.
    """

    answer: Any
    explanation: str
    hint: str
    mistakes: tuple[tuple[Any, str], ...] = ()
    tolerance: float = 0.01
    arguments: tuple[list, ...] = ()


def check(exercise: str, answer: Answer) -> None:
    """Prints whether an answer is right, and why, or a hint.

    Args:
        exercise: its number, such as ``"01.2"``: the second exercise of lesson 01.
        answer: a number, a text, a sequence of numbers, or a function; None: not answered yet.

    Raises:
        PoseError: if there is no such exercise.
    """
    print(f"Exercise {exercise}: {verdict(_exercise(exercise), answer)}")


def verdict(exercise: Exercise, answer: Answer) -> str:
    """What is printed about an answer."""
    if answer is None:
        return "not answered yet. Replace None by your answer and run the cell again."
    try:
        given = _values(exercise, answer)
    except Exception as error:  # the student's own function
        return f"your function stops with {type(error).__name__}: {error}"
    if _equal(given, exercise.answer, exercise.tolerance):
        return f"right. {exercise.explanation}"
    for mistake, hint in exercise.mistakes:
        if _equal(given, mistake, exercise.tolerance):
            return f"not yet. {hint}"
    return f"not yet. {_advice(exercise, answer, given)}"


def _advice(exercise: Exercise, answer: Answer, given: Any) -> str:
    """The hint; or, if the answer is of another kind than expected, which kind that is."""
    if exercise.arguments and not callable(answer):
        return "A function is expected."
    if exercise.arguments and any(value is None for value in given):
        return "Your function returns None: does it end with return?"
    if exercise.arguments:
        return _not_single(given, "Your function returns") or exercise.hint
    if isinstance(exercise.answer, str):
        choices = sorted([exercise.answer, *(mistake for mistake, _ in exercise.mistakes)])
        return f"Expected one of: {', '.join(choices)}. {exercise.hint}"
    if isinstance(answer, str):
        return "A number is expected, and a text was given."
    if callable(answer):
        return "A number is expected, and a function was given."
    return _not_single([answer], "You gave") or exercise.hint


def _not_single(values: Sequence[Any], subject: str) -> str:
    """A sentence if one of the values is not a single number, as 26,9 and 1,234 are tuples."""
    kinds = [type(value).__name__ for value in values if isinstance(value, Sized)]
    return f"{subject} a {kinds[0]}; expected is one number, without commas." if kinds else ""


def _values(exercise: Exercise, answer: Answer) -> Any:
    if not callable(answer):
        return answer
    return [answer(*deepcopy(arguments)) for arguments in exercise.arguments]


def _equal(given: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(expected, str):
        return isinstance(given, str) and _plain(given) == _plain(expected)
    try:
        numbers = np.asarray(given, np.float64)
    except Exception:  # of any object that is no number, or too large a one
        return False
    wanted = np.asarray(expected, np.float64)
    return numbers.shape == wanted.shape and bool(
        np.allclose(numbers, wanted, rtol=tolerance, atol=tolerance * 1e-2)
    )


def _plain(text: str) -> str:
    return " ".join(text.replace("_", " ").replace("-", " ").lower().split())


def _exercise(number: str) -> Exercise:
    known = _exercises()
    if number not in known:
        raise PoseError(f"there is no exercise {number!r}; expected one of: {', '.join(known)}")
    return known[number]


@cache
def _exercises() -> dict[str, Exercise]:
    """All exercises by number: ``01.2`` is the second of the file that begins with 01."""
    files = sorted(Path(__file__).parent.glob("[0-9][0-9]_*.json"))
    return {
        f"{file.name[:2]}.{index}": _parsed(entry)
        for file in files
        for index, entry in enumerate(json.loads(file.read_text(encoding="utf-8")), 1)
    }


def _parsed(entry: dict) -> Exercise:
    mistakes = tuple((each["answer"], each["hint"]) for each in entry.get("mistakes", ()))
    return Exercise(
        **{**entry, "mistakes": mistakes, "arguments": tuple(entry.get("arguments", ()))}
    )
