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
        ([[0.25], 1], "not yet. Divide"),
        (10**400, "not yet. Divide"),
        ({"a": 1}, "not yet. Divide"),
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
    assert "ZeroDivisionError" in verdict(exercise, lambda a, b: a / 0)


def test_an_unknown_exercise():
    with pytest.raises(pu.PoseError, match="'99.1'; expected one of"):
        pu.lessons.check("99.1", 1)


def test_answers_and_mistakes_of_the_lessons_are_told_apart():
    for number, exercise in _exercises().items():
        assert verdict(exercise, exercise.answer) == f"right. {exercise.explanation}", number
        for mistake, hint in exercise.mistakes:
            assert verdict(exercise, mistake) == f"not yet. {hint}", number
        assert len({exercise.hint, *(h for _, h in exercise.mistakes)}) > len(exercise.mistakes)
