"""Trainings that were stopped go on: killed in the middle of an epoch, in the middle of writing, or
resumed on purpose."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from poseutils.errors import PoseError
from poseutils.training import load_keras
from poseutils.training.checkpoint import read_checkpoint
from tests.helpers.small_training import plain_network, small_fit, small_network, spots

REPOSITORY = Path(__file__).resolve().parents[3]
SAME = ["loss", "val_loss", "val_oks", "learning_rate"]


def run_script(code, *arguments):
    """Runs Python with these tests' helpers and TensorFlow's deterministic operations; returns its
    exit status and errors."""
    head = (
        f"import os, signal, sys; sys.path.insert(0, {str(REPOSITORY)!r}); import "
        f"tensorflow as tf; from tests.helpers import small_training as st\n"
    )
    head += "tf.config.experimental.enable_op_determinism()\n"
    ended = subprocess.run(
        [sys.executable, "-c", head + code, *map(str, arguments)], capture_output=True, text=True
    )
    return ended.returncode, ended.stderr


WHOLE_THEN_KILLED_IN_AN_EPOCH = """
st.small_fit(sys.argv[1])
# eight batches an epoch: well in the third
st.small_fit(sys.argv[2], train=st.deadly(st.spots(32), reads=23))
"""
GOES_ON_THEN_IS_KILLED_WHILE_IT_WRITES = """
from poseutils.training import checkpoint
st.small_fit(sys.argv[1], resume_from=sys.argv[1])
whole, written = checkpoint.np.savez, []
def half(path, **arrays):
    whole(path, **arrays)
    written.append(path)
    if len(written) == 4:  # the first is written before the first epoch
        os.truncate(path, os.path.getsize(path) // 2)
        os.kill(os.getpid(), signal.SIGKILL)
checkpoint.np.savez = half
st.small_fit(sys.argv[2])
"""


@pytest.mark.slow
def test_averaged_weights_go_on_too(tmp_path):
    class Stop(Exception):
        pass

    def stop(epoch, history):
        if epoch == 2:
            raise Stop

    adam, resumed = {"Adam": {"learning_rate": 0.01, "use_ema": True, "ema_momentum": 0.9}}, []
    small_fit(tmp_path / "whole", optimizer=adam)
    with pytest.raises(Stop):
        small_fit(tmp_path / "half", optimizer=adam, on_epoch=stop)
    small_fit(tmp_path / "half", optimizer=adam, on_epoch=lambda epoch, _: resumed.append(epoch))
    assert resumed == [3, 4, 5]
    whole, half = (read_checkpoint(tmp_path / n / "checkpoint.npz") for n in ("whole", "half"))
    for name in SAME:
        assert whole.progress.history[name] == half.progress.history[name]
    for one, other in zip(whole.best, half.best, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_killed_and_resumed_it_ends_as_if_it_had_never_stopped(tmp_path):
    whole, in_epoch, in_writing = (tmp_path / name for name in ("whole", "in_epoch", "in_writing"))
    status, errors = run_script(WHOLE_THEN_KILLED_IN_AN_EPOCH, whole, in_epoch)
    assert status == -signal.SIGKILL, errors
    assert read_checkpoint(in_epoch / "checkpoint.npz").progress.epoch == 2
    status, errors = run_script(GOES_ON_THEN_IS_KILLED_WHILE_IT_WRITES, in_epoch, in_writing)
    assert status == -signal.SIGKILL, errors
    assert read_checkpoint(in_writing / "checkpoint.npz").progress.epoch == 2
    assert load_keras(in_writing / "model.keras")
    # Started again in its folder, it goes on unasked
    status, errors = run_script("st.small_fit(sys.argv[1])", in_writing)
    assert status == 0, errors
    expected = read_checkpoint(whole / "checkpoint.npz")
    assert expected.progress.epoch == 5 and len(set(expected.progress.history["learning_rate"])) > 1
    for folder in (in_epoch, in_writing):
        found = read_checkpoint(folder / "checkpoint.npz")
        assert found.progress == expected.progress
        for part in ("network", "optimizer", "best"):
            assert all(
                np.array_equal(a, b)
                for a, b in zip(getattr(found, part), getattr(expected, part), strict=True)
            )
        for a, b in zip(
            load_keras(folder / "model.keras").get_weights(),
            load_keras(whole / "model.keras").get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)
        assert not list(folder.glob(".*"))  # no half file is left


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    return folder, small_fit(folder, epochs=2)


def test_a_finished_training_can_be_trained_longer(finished, tmp_path):
    folder, short = finished
    longer = small_fit(tmp_path, epochs=3, resume_from=folder)
    assert {name: values[:2] for name, values in longer.history.items()} == short.history
    assert len(longer.history["loss"]) == 3 and longer.initial_oks == short.initial_oks
    again = small_fit(tmp_path / "again", epochs=3, resume_from=tmp_path / "checkpoint.npz")
    assert again.history == longer.history and again.path.is_file()


def test_a_finished_training_is_never_replaced(finished, tmp_path, caplog):
    folder, short = finished
    before = {path: path.read_bytes() for path in folder.glob("*.*")}
    again = small_fit(folder, epochs=2)
    assert again.history == short.history and "is taken as it is" in caplog.text
    for change in ({"batch_size": 2}, {"network": small_network(4)}, {"epochs": 3}):
        with pytest.raises(PoseError, match="finished after 2 epochs: it is not replaced. Choose"):
            small_fit(folder, **{"epochs": 2} | change)
    assert {path: path.read_bytes() for path in folder.glob("*.*")} == before
    (tmp_path / "model.keras").write_text("of somebody")
    with pytest.raises(PoseError, match="is of another training: it is not replaced"):
        small_fit(tmp_path, epochs=1)
    assert (tmp_path / "model.keras").read_text() == "of somebody"


def test_an_interrupted_training_leaves_its_best_weights(tmp_path):
    """Also those of epochs after which model.keras was not saved."""

    def stops(epoch, history):
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small_fit(tmp_path, on_epoch=stops)
    kept = read_checkpoint(tmp_path / "checkpoint.npz")
    assert kept.progress.best_epoch > 0
    for saved, best in zip(load_keras(tmp_path / "model.keras").get_weights(), kept.best):
        np.testing.assert_array_equal(saved, best)


def test_an_interrupted_training_is_never_replaced_by_another(tmp_path):
    def stops(epoch, history):
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small_fit(tmp_path, on_epoch=stops)
    before = {path: path.read_bytes() for path in tmp_path.glob("*.*")}
    for change in ({"batch_size": 2}, {"network": small_network(4)}, {"epochs": 9}):
        with pytest.raises(PoseError, match="interrupted after 2 of 5 epochs: it is not replaced"):
            small_fit(tmp_path, **change)
    assert {path: path.read_bytes() for path in tmp_path.glob("*.*")} == before
    assert len(small_fit(tmp_path).history["loss"]) == 5


def test_nothing_learned_is_said_loudly(tmp_path, caplog):
    outcome = small_fit(tmp_path, epochs=1, optimizer={"SGD": {"learning_rate": 1e-12}})
    assert outcome.best_epoch == 0 and "NOTHING WAS LEARNED: none of 1 epochs" in caplog.text
    assert "started untrained: train for more epochs" in caplog.text
    assert "from scratch" not in caplog.text and "dataset notebook" in caplog.text


def test_a_trained_network_that_learns_nothing_more_may_start_from_scratch(tmp_path, caplog):
    network = plain_network()
    small_fit(tmp_path / "first", network, epochs=30, optimizer={"Adam": {"learning_rate": 0.02}})
    caplog.clear()
    nothing = {"SGD": {"learning_rate": 1e-12}}
    small_fit(tmp_path / "second", network, epochs=1, optimizer=nothing)
    assert "started trained: try a lower learning rate, start from scratch" in caplog.text


@pytest.mark.parametrize(
    "change, says",
    [
        ({"network": {"filters": 4}}, "another network.*parameters"),
        ({"batch_size": 2}, "training.batch_size was 4, now 2"),
        (
            {"optimizer": {"SGD": {"learning_rate": 0.1}}},
            "training.optimizer was .*Adam.*now .*SGD",
        ),
        ({"train": spots(6)}, "number of training images was 32, now 6"),
        ({"augmentation": {}}, "data_augmentation"),
        ({"epochs": 1}, "has 2 epochs and training.epochs is 1; give at least 2"),
    ],
)
def test_only_the_same_training_goes_on(finished, tmp_path, change, says):
    change = {"epochs": 3} | change
    with pytest.raises(PoseError, match=says):
        small_fit(
            tmp_path, small_network(**change.pop("network", {})), resume_from=finished[0], **change
        )


def test_what_is_no_checkpoint(finished, tmp_path):
    with pytest.raises(PoseError, match="no epoch of a training was finished there"):
        small_fit(tmp_path, resume_from=tmp_path)
    with pytest.raises(PoseError, match="expected the folder of a training"):
        small_fit(tmp_path, resume_from=tmp_path / "nowhere")
    content = (finished[0] / "checkpoint.npz").read_bytes()
    for damaged in (
        content[: len(content) // 2],
        b"",
        b"PK\x03\x04" + bytes(100),
        content[:3000] + bytes(64) + content[3064:],
    ):
        (tmp_path / "bad.npz").write_bytes(damaged)
        with pytest.raises(PoseError, match="not a checkpoint of a training, or is damaged"):
            small_fit(tmp_path, resume_from=tmp_path / "bad.npz")


def test_a_checkpoint_never_runs_code(tmp_path):
    class Code:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    np.savez(tmp_path / "bad.npz", record=np.array(Code(), dtype=object))
    with pytest.raises(PoseError, match="not a checkpoint"):
        small_fit(tmp_path, resume_from=tmp_path / "bad.npz")
    assert not (tmp_path / "ran").exists()
