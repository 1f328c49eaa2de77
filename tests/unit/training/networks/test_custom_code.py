"""The user's own Python in a training: only if it is allowed, and never because a file says so."""

from __future__ import annotations

import numpy as np
import pytest

from poseutils.config import load_config
from poseutils.errors import PoseError
from poseutils.keypoints import layout_from_names
from poseutils.training import Examples, configured_fit, configured_network

MODEL = """
import keras

open(r"{trace}", "a").close()

def get_custom_model(input_shape, nb_keypoints, **kwargs):
    inputs = keras.Input(input_shape)
    heatmaps = keras.layers.Conv2D(nb_keypoints, 1, strides=4, activation="sigmoid")(inputs)
    return keras.Model(inputs, heatmaps)
"""
AUGMENTATION = """
import tensorflow as tf

def darker(images, keypoints, config):
    tf.print("images up to", tf.reduce_max(images), output_stream=r"file://{trace}")
    return images * config["factor"], keypoints
"""
CONFIG = """
model:
  model_type: heatmaps_spe
  model_name: custom_models
  custom_model_path: my_model.py
  input_shape: "(32, 32, 3)"
custom_data_augmentation: {function_name: darker, path: my_augmentation.py, config: {factor: 1/2}}
training: {batch_size: 2, epochs: 1}
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "user_config.yaml").write_text(CONFIG)
    (tmp_path / "my_model.py").write_text(MODEL.replace("{trace}", str(tmp_path / "model.ran")))
    (tmp_path / "my_augmentation.py").write_text(
        AUGMENTATION.replace("{trace}", str(tmp_path / "augmentation.ran"))
    )
    return tmp_path


def spots():
    rng = np.random.default_rng(0)
    keypoints = np.concatenate(
        [rng.uniform(4, 28, (2, 2, 2)), np.full((2, 2, 1), 2)], axis=-1
    ).astype(np.float32)
    return Examples(
        np.full((2, 32, 32, 3), 200, np.uint8),
        keypoints,
        np.full(2, 400.0),
        layout_from_names(["left_spot", "right_spot"]),
    )


@pytest.mark.parametrize(
    "how", [{"allow_custom_code": True}, {"overrides": ["allow_custom_code=true"]}]
)
def test_an_own_network_and_augmentation_are_trained_if_allowed(files, how):
    config = load_config(files / "user_config.yaml", **how)
    network = configured_network(config, 2)
    assert network.output_shape == (None, 8, 8, 2)
    result = configured_fit(config, network, spots(), spots(), files / "run")
    assert result.path.is_file() and len(result.history["loss"]) == 1
    assert "images up to 200" in (files / "augmentation.ran").read_text()


@pytest.mark.parametrize("overrides", [[], ["allow_custom_code=false"]])
def test_nothing_runs_unless_it_is_allowed(files, overrides):
    config = load_config(files / "user_config.yaml", overrides)
    with pytest.raises(
        PoseError,
        match="model.custom_model_path: my_model.py is Python code.*allow_custom_code=true",
    ) as caught:
        configured_network(config, 2)
    assert "all your rights" in str(caught.value)
    with pytest.raises(
        PoseError, match="custom_data_augmentation.path: my_augmentation.py is Python code"
    ):
        configured_fit(config, None, spots(), spots(), files / "run")
    assert not (files / "model.ran").exists() and not (files / "augmentation.ran").exists()


def test_a_file_cannot_allow_itself(files):
    (files / "user_config.yaml").write_text(CONFIG + "allow_custom_code: true\n")
    with pytest.raises(PoseError, match="a configuration file cannot allow code to run"):
        load_config(files / "user_config.yaml")


def test_what_is_saved_of_an_allowed_run_allows_nothing(files):
    config = load_config(files / "user_config.yaml", allow_custom_code=True)
    again = load_config(config.save(files / "run" / "user_config.yaml"))
    assert not again.allow_custom_code
    assert again.custom_data_augmentation.path == str(files / "my_augmentation.py")
    assert again.model.custom_model_path == str(files / "my_model.py")
    assert again.custom_data_augmentation.config == {"factor": 0.5}


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("x = 1\n", "has no function get_custom_model"),
        (
            "import nowhere_to_be_found\n",
            r"my_model.py failed at line 1: ModuleNotFoundError: .*nowhere_to_be_found",
        ),
        ("def f(:\n", "my_model.py failed.*SyntaxError"),
        ("raise SystemExit(3)\n", "SystemExit"),
        (
            "def get_custom_model(input_shape, nb_keypoints):\n    return 1 / 0\n",
            "get_custom_model of my_model.py failed at line 2: ZeroDiv",
        ),
        (
            "def get_custom_model(input_shape, nb_keypoints):\n    return 'a network'\n",
            "gave a str; expected a keras.Model",
        ),
    ],
)
def test_a_mistake_in_the_file_says_where(files, source, says):
    (files / "my_model.py").write_text(source)
    with pytest.raises(PoseError, match=says):
        configured_network(load_config(files / "user_config.yaml", allow_custom_code=True), 2)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("", "model.custom_model_path: empty"),
        ("none.py", "no such file.*looked for"),
        ("user_config.yaml", "ends in .py"),
    ],
)
def test_a_file_that_is_none(files, path, says):
    config = load_config(
        files / "user_config.yaml", [f"model.custom_model_path={path}"], allow_custom_code=True
    )
    with pytest.raises(PoseError, match=says):
        configured_network(config, 2)


def test_it_stands_in_for_the_other_augmentation(files):
    with pytest.raises(
        PoseError, match="custom_data_augmentation: given together with data_augmentation"
    ):
        load_config(
            files / "user_config.yaml", ["data_augmentation={random_flip: {mode: horizontal}}"]
        )
    nested = CONFIG.replace(
        "custom_data_augmentation:", "data_augmentation:\n  custom_data_augmentation:"
    )
    (files / "user_config.yaml").write_text(nested)
    assert (
        load_config(files / "user_config.yaml").custom_data_augmentation.function_name == "darker"
    )
