"""What a training leaves for TensorBoard and MLflow, and how the configuration says where."""

import importlib
import logging
import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from poseutils.config import load_config
from poseutils.errors import PoseError
from poseutils.training import configured_fit, load_keras, training_batches, validate
from poseutils.training.device import (
    computing_in_half_precision,
    half_precision_helps,
    prepare_device,
)
from tests.helpers.small_training import small_fit, small_network, spots


def events(folder):
    """(step, tag, plugin, value) of all records of TensorBoard's files in a folder."""
    paths = sorted(map(str, folder.glob("events.out.tfevents.*")))
    records = [
        tf.compat.v1.Event.FromString(r.numpy())
        for p in paths
        for r in tf.data.TFRecordDataset(p, buffer_size=2**16)
    ]
    return [
        (r.step, v.tag, v.metadata.plugin_data.plugin_name, tf.make_ndarray(v.tensor))
        for r in records
        for v in r.summary.value
    ]


@pytest.mark.slow
def test_tensorboard_has_the_curves_and_images(tmp_path):
    small_fit(tmp_path, epochs=2)
    assert {step for step, *_ in events(tmp_path / "logs")} == {1, 2}
    result = small_fit(tmp_path, epochs=3, resume_from=tmp_path)  # goes on in the same logs
    found = events(tmp_path / "logs")
    for name, values in result.history.items():
        logged = {
            step: float(value)
            for step, tag, plugin, value in found
            if tag == name and plugin == "scalars"
        }
        assert logged == pytest.approx(dict(enumerate(values, 1)), rel=1e-6)
    images = {
        step: value
        for step, tag, plugin, value in found
        if (tag, plugin) == ("predictions", "images")
    }
    assert set(images) == {1, 2, 3}
    width, height, png = images[1]
    assert tf.io.decode_png(png).shape == (int(height), int(width), 3) == (32, 4 * 32, 3)
    assert len([f for f in found if f[1] == "loss"]) == 3
    small_fit(tmp_path / "elsewhere", epochs=4, resume_from=tmp_path, logs_dir="board")
    assert {
        step for step, tag, *_ in events(tmp_path / "elsewhere" / "board") if tag == "loss"
    } == {1, 2, 3, 4}  # the whole history
    with pytest.raises(PoseError, match="is of another training"):
        small_fit(tmp_path, epochs=1)
    assert {step for step, *_ in events(tmp_path / "logs")} == {1, 2, 3}  # nothing is lost


# ---------------------------------------------------------------- the configuration


@pytest.fixture
def configured(tmp_path):
    """Trains as a configuration says; gives the result and the run folder."""

    def train(*overrides, **sections):
        lines = [
            "model: {model_type: heatmaps_spe}",
            "dataset: {keypoints: 2}",
            "general: {project_name: spots}",
        ]
        (tmp_path / "config.yaml").write_text("\n".join(lines))
        config = load_config(
            tmp_path / "config.yaml", ["training.batch_size=8", "training.epochs=2", *overrides]
        )
        return configured_fit(
            config, small_network(), spots(16), spots(4, 1), tmp_path / "run"
        ), tmp_path

    return train


def test_folders_of_models_and_logs_and_a_copy(configured):
    result, folder = configured(
        "general.saved_models_dir=saved/models",
        "general.logs_dir=board",
        "training.trained_model_path=out/mine.h5",
    )
    assert result.path == folder / "run/saved/models/model.keras" and result.path.is_file()
    assert list((folder / "run/board").glob("events.*")) and not (folder / "run/logs").exists()
    for a, b in zip(
        load_keras(folder / "out/mine.h5").get_weights(),
        load_keras(result.path).get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_a_copy_that_is_no_model_file_is_told_before_the_training(configured, tmp_path):
    with pytest.raises(PoseError, match="trained_model_path is out; expected .*keras or .h5"):
        configured("training.trained_model_path=out")
    assert not (tmp_path / "run").exists()


def test_paths_mean_the_same_in_the_saved_configuration(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/config.yaml").write_text(
        "model: {model_type: heatmaps_spe}\ntraining: {trained_model_path: "
        "m.keras, resume_training_from: run}\nmlflow: {uri: .\\mlruns}"
    )
    config = load_config(tmp_path / "a/config.yaml")
    assert config.ignored == []
    again = load_config(config.save(tmp_path / "b.yaml"))
    assert again.destination(again.training.trained_model_path) == tmp_path / "a/m.keras"
    assert again.training.resume_training_from == str(tmp_path / "a/run")
    assert again.tracking_uri() == config.tracking_uri() == (tmp_path / "a/mlruns").as_uri()


@pytest.mark.parametrize(
    "uri", ["http://host:5000", "databricks", "sqlite:///m.db", "databricks:me"]
)
def test_addresses_of_mlflow_stay(uri, tmp_path):
    (tmp_path / "config.yaml").write_text(
        f"model: {{model_type: heatmaps_spe}}\nmlflow: {{uri: '{uri}'}}"
    )
    assert load_config(tmp_path / "config.yaml").tracking_uri() == uri


# ---------------------------------------------------------------- MLflow


class StandIn(types.ModuleType):
    """What of MLflow's interface is used; it writes down what it is told."""

    def __init__(self, fails=()):
        super().__init__("mlflow")
        self.told, self.fails, self.status = [], fails, None

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)

        def tell(*arguments, **named):
            if name in self.fails:
                raise RuntimeError("no route to host")
            self.told.append((name, arguments, named))
            return self

        return tell

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.status = "FAILED" if kind else "FINISHED"


def test_mlflow_records_a_training(configured, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", stand_in := StandIn())
    result, folder = configured("mlflow.uri=records")
    calls = {name: (arguments, named) for name, arguments, named in stand_in.told}
    assert calls["set_tracking_uri"][0] == ((folder / "records").as_uri(),) and calls[
        "set_experiment"
    ][0] == ("spots",)
    parameters = {
        k: v
        for name, given, _ in stand_in.told
        if name == "log_params"
        for k, v in given[0].items()
    }
    assert (
        parameters["training.batch_size"] == "8"
        and parameters["model.model_type"] == "heatmaps_spe"
    )
    metrics = [
        (named["step"], given[0]["val_oks"])
        for name, given, named in stand_in.told
        if name == "log_metrics"
    ]
    assert metrics == list(enumerate(result.history["val_oks"], 1))
    assert Path(calls["log_artifact"][0][0]) == result.path and stand_in.status == "FINISHED"


def test_without_mlflow_the_training_says_so_and_goes_on(configured, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with caplog.at_level(logging.WARNING, logger="poseutils"):
        result, _ = configured("mlflow.uri=records")
    assert "MLflow is not installed" in caplog.text and "pip install mlflow" in caplog.text
    assert len(result.history["loss"]) == 2


def test_mlflow_that_fails(configured, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "mlflow", StandIn(fails=("log_metrics",)))
    with caplog.at_level(logging.WARNING, logger="poseutils"):
        assert len(configured("mlflow.uri=records")[0].history["loss"]) == 2
    assert "MLflow could not record (log_metrics): no route to host" in caplog.text
    monkeypatch.setitem(sys.modules, "mlflow", StandIn(fails=("set_experiment",)))
    with pytest.raises(
        PoseError, match="mlflow.uri is records, which MLflow cannot use: no route to host"
    ):
        configured("mlflow.uri=records")


# ---------------------------------------------------------------- devices and precision


class Gpu:
    """What is asked of TensorFlow about a GPU, and told to it."""

    def __init__(self, monkeypatch, capability=(8, 0), busy=False):
        self.limits, self.busy, config = [], busy, tf.config
        monkeypatch.setattr(
            config, "list_physical_devices", lambda kind=None: [types.SimpleNamespace(name="GPU:0")]
        )
        monkeypatch.setattr(config, "get_logical_device_configuration", lambda gpu: None)
        monkeypatch.setattr(config, "set_logical_device_configuration", self.limit)
        monkeypatch.setattr(
            config.experimental,
            "get_device_details",
            lambda gpu: {"compute_capability": capability},
        )

    def limit(self, gpu, configurations):
        if self.busy:
            raise RuntimeError("Virtual devices cannot be modified after being initialized")
        self.limits += [c.memory_limit for c in configurations]


def test_the_memory_of_a_gpu_is_limited(tmp_path, monkeypatch):
    (tmp_path / "config.yaml").write_text(
        "model: {model_type: heatmaps_spe}\ngeneral: {gpu_memory_limit: 2.5}"
    )
    config = load_config(tmp_path / "config.yaml")
    prepare_device(config)  # without a GPU there is nothing to limit
    gpu = Gpu(monkeypatch)
    prepare_device(config)
    assert gpu.limits == [2560]
    gpu.busy = True
    with pytest.raises(
        PoseError, match="gpu_memory_limit is 2.5 GB, but TensorFlow already uses GPU:0.*Restart"
    ):
        prepare_device(config)


def test_half_precision_is_for_gpus_that_are_faster_so(monkeypatch):
    assert not half_precision_helps()
    Gpu(monkeypatch, capability=(8, 0))
    assert half_precision_helps()
    Gpu(monkeypatch, capability=(6, 1))
    assert not half_precision_helps()


@pytest.mark.parametrize("optimizer", ["SGD", "LossScaleOptimizer"])
def test_steps_in_half_precision_are_nearly_those_in_float(optimizer):
    """Without scaling the loss, and with it: the optimizer takes the scale out again."""
    make_step = importlib.import_module("poseutils.training.fit").make_step
    (images, keypoints), *_ = training_batches(spots(8), 8)

    def moved(half):
        network = small_network(dropout=0)
        start, made = network.get_weights(), keras.optimizers.SGD(1e-4)
        if half and optimizer == "LossScaleOptimizer":
            made = keras.optimizers.LossScaleOptimizer(made, initial_scale=16.0)
        made.build(network.trainable_variables)
        step = make_step(network, made, half=half)
        losses = [float(step(images, keypoints)) for _ in range(5)]
        return losses, np.concatenate(
            [(a - b).ravel() for a, b in zip(network.get_weights(), start, strict=True)]
        )

    (plain_losses, plain), (half_losses, half) = moved(False), moved(True)
    assert half_losses == pytest.approx(plain_losses, rel=0.01) and half_losses != plain_losses
    assert np.linalg.norm(half - plain) < 0.05 * np.linalg.norm(plain)


def test_a_training_in_half_precision_leaves_a_float_network(tmp_path):
    result = small_fit(tmp_path, epochs=3, mixed_precision=True)
    saved = load_keras(result.path)
    assert result.history["loss"][-1] < result.history["loss"][0]
    assert (
        {layer.dtype_policy.name for layer in saved.layers}
        == {"float32"}
        == {str(w.dtype) for w in saved.weights}
    )
    assert validate(saved, spots(4, 1))["val_oks"] == pytest.approx(result.best_oks, abs=1e-6)
    with pytest.raises(PoseError, match="training.mixed_precision was true, now false"):
        small_fit(tmp_path, epochs=4, resume_from=tmp_path)


def test_what_is_traced_in_half_precision_computes_in_it_but_for_the_end():
    network = small_network()
    with computing_in_half_precision(network):
        kinds = [layer.compute_dtype for layer in network.layers]
        assert network(np.zeros((1, 32, 32, 3), np.float32)).dtype == "float32"
    assert kinds[:-1] == ["float16"] * (len(kinds) - 1) and kinds[-1] == "float32"
    assert {layer.compute_dtype for layer in network.layers} == {"float32"}
