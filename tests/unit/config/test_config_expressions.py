"""Expressions of a configuration: their values, and what is refused."""

from __future__ import annotations

import pytest

from poseutils.config.arithmetic import Expression
from tests.helpers.refusals import at_most, refusal_of


@pytest.mark.parametrize(
    "schedule",
    [
        "|\n        lambda epoch, lr:\n          lr * 0.5",
        "lambda epoch, lr: lr * 0.5",
        "'lambda epoch, lr: lr * 0.5'",
    ],
)
def test_a_lambda_is_refused_with_what_to_write(path, schedule):
    path.write_text(
        f"model: {{model_type: spe}}\ntraining:\n  callbacks:\n  "
        f"  LearningRateScheduler:\n      schedule: {schedule}\n"
    )
    message = refusal_of(path)
    assert "lambda is code" in message and (
        "Write it as: lr * 0.5" in message or 'schedule: "lr if epoch < 10' in message
    )


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "().__class__",
        "lr.real",
        "lr[0]",
        "epoch if",
        "open",
        "'a' * 9",
        "lr := 1",
        "f'{lr}'",
        "{lr}",
    ],
)
def test_what_is_no_expression_shows_one(text):
    with pytest.raises(ValueError, match="lr if epoch < 10 else lr"):
        Expression(text, ("epoch", "lr"))


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9",
        "9.0**9.0**9.0",
        "1/(epoch-3)",
        "log(epoch-3)",
        "(-1)**0.5",
        "min()",
        "exp(epoch**9)",
        "1e308*10",
    ],
)
def test_an_expression_without_a_value_says_so_at_once(text):
    with at_most(0.5), pytest.raises(ValueError, match="epoch 3|finite"):
        Expression(text, ("epoch", "lr"))(epoch=3, lr=0.1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("lr if epoch < 10 else lr * 0.95", 0.1),
        ("lr * 0.95 ** epoch", 0.1 * 0.95**3),
        ("0.001 * (0.1 if epoch // 2 == 1 and not epoch > 5 else 1)", 0.0001),
        ("max(1e-5, lr * exp(-0.1 * epoch))", 0.1 * 2.718281828459045**-0.3),
        ("0.5 * lr * (1 + cos(pi * epoch / 6))", 0.05),
        (
            "pow(2, -epoch) + round(0.126, 2) + abs(-1) + sqrt(4) + log(1) + sin(0) + epoch % 2",
            0.125 + 0.13 + 1 + 2 + 0 + 0 + 1,
        ),
        ("1 if epoch == 0 or 1 / epoch > 0.3 else 2", 1),
        ("1 if 2 < epoch <= 3 else 2", 1),
        ("1 if epoch == 3 or 1 / 0 else 2", 1),
    ],
)
def test_expressions(text, value):
    assert Expression(text, ("epoch", "lr"))(epoch=3, lr=0.1) == pytest.approx(value)


@pytest.mark.parametrize(
    "schedule, says",
    [("1 / (7 - epoch)", "no value at epoch 7"), ("0.1 - 0.02 * epoch", "is -0.02 at epoch 6")],
)
def test_a_schedule_is_tried_before_the_training(path, schedule, says):
    callbacks = f"callbacks: {{LearningRateScheduler: {{schedule: {schedule}}}}}"
    path.write_text(f"model: {{model_type: spe}}\ntraining: {{epochs: 10, {callbacks}}}\n")
    assert f"training.callbacks.LearningRateScheduler.schedule: {schedule!r}" in refusal_of(
        path
    ) and says in refusal_of(path)
    assert refusal_of(path, "training.epochs=4") is None
