"""One training on several hosts, as processes of this machine: the losses are those of one host,
host 0 alone writes, a host that is killed ends the others with a sentence, and any number of hosts
goes on."""

import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

from poseutils.training.checkpoint import read_checkpoint
from poseutils.training.hosts import SILENCE

pytest.importorskip("jax", reason="jax is not installed: pip install -e '.[hosts]' brings it")
pytestmark = pytest.mark.slow

NETWORK = """
import keras

def get_custom_model(input_shape, nb_keypoints):
    layers = keras.layers
    image = keras.Input(input_shape)
    x = layers.Conv2D(8, 5, strides=4, padding="same", use_bias=False)(image)
    x = layers.Dropout(0.2)(layers.ReLU()(layers.BatchNormalization()(x)))
    x = layers.Conv2D(nb_keypoints, 3, padding="same", activation="sigmoid")(x)
    return keras.Model(image, x)
"""
STARTING = 600
"""Seconds within which all have started, and compiled, on a busy machine."""


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@pytest.fixture
def start(repository, tmp_path):
    """``start(2, run, overrides, own={1: [...]})``: starts that many hosts, each in a process of
    its own, which is ended with the test. A step takes all images, and an epoch is a step."""
    started = []
    (tmp_path / "network.py").write_text(NETWORK)
    small = ["model.model_path=", "model.model_name=custom_models", "training.batch_size=96"]
    small += [f"model.custom_model_path={tmp_path}/network.py", "model.input_shape=[32, 32, 3]"]

    def start_hosts(count, run, *overrides, own=None, resume=False, wait=STARTING):
        coordinator, hosts = f"127.0.0.1:{free_port()}", []
        for host in range(count):
            others = [*small, *overrides, *(own or {}).get(host, ())]
            given = ["--resume", run] if resume else ["user_config.yaml", *others, "--run-dir", run]
            given += ["--coordinator", coordinator, "--hosts", count, "--host", host]
            command = [sys.executable, "-m", "poseutils", "train-host", *map(str, given)]
            hosts.append(
                subprocess.Popen(
                    [*command, "--allow-custom-code", "--wait", str(wait)],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    cwd=repository,
                )
            )
        started.extend(hosts)
        return hosts

    yield start_hosts
    for process in started:
        process.kill()
        process.communicate()


def ended(processes):
    """The status with which all ended, what each printed, and its errors."""
    texts = [process.communicate(timeout=STARTING) for process in processes]
    (status,) = {process.returncode for process in processes}
    return status, [out for out, _ in texts], [error for _, error in texts]


def progress_of(run):
    return read_checkpoint(run / "checkpoint.npz").progress


def test_two_hosts_train_as_one(start, tmp_path):
    runs = {count: tmp_path / f"{count} hosts" for count in (1, 2)}
    for count, run in runs.items():
        status, printed, errors = ended(start(count, run, "training.epochs=10"))
        assert status == 0, errors
    assert "epoch 10 of 10" in printed[0] and "epoch" not in printed[1]
    one, two = (progress_of(run).history for run in runs.values())
    assert len(two["loss"]) == 10 and two["loss"][-1] < two["loss"][0]
    np.testing.assert_allclose(two["loss"], one["loss"], atol=1e-5, rtol=0)
    np.testing.assert_allclose(two["val_loss"], one["val_loss"], atol=1e-5, rtol=0)
    names = [sorted(path.name for path in run.iterdir()) for run in runs.values()]
    assert names[0] == names[1] and len(list((runs[2] / "logs").iterdir())) == 1


@pytest.mark.parametrize("killed", [0, 1])
def test_a_host_that_is_killed_ends_the_others_and_any_number_goes_on(start, tmp_path, killed):
    run, epochs = tmp_path / "run", 40
    hosts = start(2, run, f"training.epochs={epochs}")
    while not (line := hosts[0].stdout.readline()).startswith("epoch 3 "):
        assert line or hosts[0].poll() is None
    hosts[killed].send_signal(signal.SIGKILL)
    _, error = hosts[1 - killed].communicate(timeout=2 * SILENCE)
    assert hosts[1 - killed].returncode == 1
    assert "another host stopped" in error and f"--resume {run}" in error
    done = progress_of(run)
    assert 3 <= done.epoch < epochs
    status, printed, errors = ended(start(1, run, resume=True))
    assert status == 0, errors
    assert f"\nepoch {done.epoch + 1} of {epochs}" in printed[0] and "epoch 3 " not in printed[0]
    finished = progress_of(run)
    assert finished.epoch == epochs
    assert finished.history["loss"][: done.epoch] == done.history["loss"]


def test_hosts_that_were_given_something_else(start, tmp_path):
    status, _, errors = ended(start(2, tmp_path / "run", own={1: ["training.epochs=5"]}))
    assert status == 1
    for error in errors:
        assert "training, of the configuration: host 1" in error and "weights" not in error
    assert not (tmp_path / "run/checkpoint.npz").exists()


def test_a_host_that_never_starts(start, tmp_path):
    (first, second) = start(2, tmp_path / "run", wait=5)
    second.kill()
    _, error = first.communicate(timeout=STARTING)
    assert first.returncode == 1
    assert "not all hosts" in error and "5 seconds" in error
