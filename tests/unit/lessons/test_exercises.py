import math

import numpy as np
import pytest

import poseutils as pu
from poseutils.lessons.exercises import Exercise, _exercises, verdict

NUMBER = Exercise(0.25, "A quarter.", "Divide once more.", (([0.5], "A list."), (0.5, "Twice.")))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "not answered yet"),
        (0.2501, "right. A quarter."),
        (0.26, "not yet. Divide"),
        (0.5, "not yet. Twice."),
        ([0.5], "not yet. A list."),
        ("0.25", "right. A quarter."),
        ("a quarter", "not yet. A number is expected, and a text was given."),
        (lambda: 0.25, "not yet. A number is expected, and a function was given."),
        (float("nan"), "not yet. Divide"),
        (10**400, "not yet. Divide"),
        ((0, 25), "not yet. You gave a tuple; expected is one number, without commas."),
        ([[0.25], 1], "not yet. You gave a list"),
        ({"a": 1}, "not yet. You gave a dict"),
    ],
)
def test_numbers(answer, said):
    assert verdict(NUMBER, answer).startswith(said)


def test_texts_are_compared_without_case_and_hyphens():
    exercise = Exercise("left wrist", "It is.", "Look again.", (("nose", "Lower."),))
    assert verdict(exercise, "Left_Wrist").startswith("right")
    assert (
        verdict(exercise, "right wrist")
        == "not yet. Expected one of: left wrist, nose. Look again."
    )


def test_functions_are_called():
    exercise = Exercise(
        [1, 5], "Sums.", "Add.", ((([2, 6]), "One too many."),), 0.01, ([0, 1], [2, 3])
    )
    assert verdict(exercise, lambda a, b: a + b).startswith("right")
    assert verdict(exercise, lambda a, b: a + b + 1) == "not yet. One too many."
    assert verdict(exercise, lambda a, b: None) == (
        "not yet. Your function returns None: does it end with return?"
    )
    assert verdict(exercise, 1).startswith("not yet. A function is expected")
    assert verdict(exercise, lambda a, b: (a + b, a)).startswith(
        "not yet. Your function returns a tuple"
    )
    assert "ZeroDivisionError" in verdict(exercise, lambda a, b: a / 0)


def test_a_function_that_changes_its_arguments_changes_no_exercise():
    exercise = Exercise([3], "Sum.", "Add.", arguments=([[1, 2]],))
    assert verdict(exercise, lambda numbers: numbers.pop()).startswith("not yet")
    assert verdict(exercise, sum).startswith("right")


def test_an_unknown_exercise():
    with pytest.raises(pu.PoseError, match="'99.1'; expected one of"):
        pu.lessons.check("99.1", 1)


def test_answers_and_mistakes_of_the_lessons_are_told_apart():
    for number, exercise in _exercises().items():
        assert verdict(exercise, exercise.answer) == f"right. {exercise.explanation}", number
        for mistake, hint in exercise.mistakes:
            assert verdict(exercise, mistake) == f"not yet. {hint}", number
        assert len({exercise.hint, *(h for _, h in exercise.mistakes)}) > len(exercise.mistakes)


def by_range(weights, bits):
    return (max(weights) - min(weights)) / (2**bits - 1)


def alive_before_last(sizes, first, last):
    return max(
        sum(s for s, a, b in zip(sizes, first, last, strict=True) if a <= t < b) for t in first
    )


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        ("05.1", 0.01176, "right"),
        ("05.1", 3 / 254, "fourth digit"),
        ("05.1", 0.012, "four digits"),
        ("05.1", (3 / 255, -43), "You gave a tuple"),
        ("05.2", np.float64(42), "right"),
        ("05.2", 85 + 128, "below"),
        ("05.3", lambda weights, bits: max(map(abs, weights)) / (2 ** (bits - 1) - 1), "right"),
        ("05.3", by_range, "affine"),
        ("05.3", lambda weights, bits: max(map(abs, weights)) / 127, "4 bits"),
        ("05.3", lambda weights, bits: weights.max() / 127, "AttributeError"),
        ("05.4", 3.0, "right"),
        ("05.5", 27, "right"),
        ("05.5", 30 - 20 * math.log10(2), "four times"),
        ("06.1", 14 * 1024, "bytes"),
        ("06.2", alive_before_last, "Both ends"),
        ("06.3", 4.5, "KiB"),
        ("06.4", 12, "right"),
        ("07.1", 0.3 * 2**32, "right"),
        ("07.1", (1, 288, 490, 189), "without commas"),
        ("07.2", lambda x, bits: math.floor(x / 2**bits + 0.5), "negative"),
        ("07.2", lambda x, bits: int(x / 2**bits), "cuts off"),
        ("07.2", lambda x, bits: x // 2**bits, "rounds down"),
        ("07.3", 2**31 / (255 * 127), "right"),
        ("07.3", (2**31 - 1) // (255 * 128), "symmetric"),
        ("07.3", (2**31 - 1) // (256 * 127), "reaches 255"),
        ("07.4", 71, "right"),
        ("07.4", 71250, "microseconds"),
        ("08.1", 0.77, "right"),
        ("08.1", 76.6, "percent"),
        ("08.1", math.exp(-16 / (2 * 3000**2 * 0.01)), "area"),
        ("08.2", (24, 24, 7), "You gave a tuple"),
        ("08.3", 0.2, "fraction"),
        ("08.4", lambda scores: np.argmin(np.mean(scores, axis=1)), "right"),
        ("08.4", lambda scores: max(1 - np.mean(one) for one in scores), "index"),
        ("08.4", lambda scores: np.argsort(np.mean(scores, axis=1)), "returns a ndarray"),
    ],
)
def test_what_students_answer(number, answer, said):
    assert said in verdict(_exercises()[number], answer)


@pytest.mark.parametrize(
    "answer",
    [None, "", "x", [], {}, ..., object(), float, math.inf, 10**400, 1j, [None], lambda *_: None],
)
def test_no_answer_is_too_odd(answer):
    for exercise in _exercises().values():
        assert verdict(exercise, answer).startswith(("not", "your function stops"))
