"""user_config.yaml as a file: what is read, what is refused as no configuration, paths, overrides,
what is saved."""

from __future__ import annotations

import logging

import pytest

from poseutils.config import load_config, services_of
from poseutils.errors import PoseError

SMALL = "model:\n  model_type: heatmaps_spe\n"

# In the words of a file that users of the model zoo have, newer generation.
USERS_FILE = """
general:
  project_name: COCO_2017_pose_Demo
  logs_dir: logs
  saved_models_dir: saved_models
  gpu_memory_limit: 8
  num_threads_tflite: 8
operation_mode: chain_tqe
model:
  model_type: heatmaps_spe
  model_name: st_movenet_lightning_a100_heatmaps
  input_shape: (224, 224, 3)
  model_path:
dataset:
  name: coco
  keypoints: 13
  class_names: [person]
  training_path: ${oc.env:POSE_DATA}/train
  validation_split: 0.1
preprocessing:
  rescaling: { scale: 1/127.5, offset: -1 }
  resizing:
    aspect_ratio: padding
    interpolation: nearest
  color_mode: rgb
data_augmentation:
  random_rotation:
    factor: (-0.1,0.1)
    fill_mode: constant
    fill_value: -1.
  random_invert:
  random_periodic_resizing:
    image_sizes: [[192,192],[224,224]]
    period: 10
  random_contrast: {factor: 0.4, change_rate: 1/2}
training:
  batch_size: 64
  epochs: 1000
  frozen_layers: None
  dropout: 0.5
  optimizer:
    Adam:
      learning_rate: 1e-3
  callbacks:
    ReduceLROnPlateau: {monitor: val_oks, mode: max, factor: 1/2, patience: 30}
    EarlyStopping:
quantization:
  quantizer: TFlite_converter
  optimize: True
  export_dir: quantized_models
tools:
  stedgeai: {version: 10.0.0, on_cloud: True, path_to_stedgeai: C:/ST/stedgeai.exe}
  path_to_cubeIDE: C:/ST/stm32cubeide.exe
mlflow:
  uri: ./mlruns
hydra:
  run:
    dir: ./outputs/${now:%Y_%m_%d_%H_%M_%S}
"""


def test_a_users_file_loads_unchanged(load, monkeypatch, caplog):
    monkeypatch.setenv("POSE_DATA", "/data/coco")
    config = load(USERS_FILE)
    assert config.model.input_shape == (224, 224, 3) and config.model.model_path is None
    assert (
        config.dataset.dataset_name == "coco" and config.dataset.training_path == "/data/coco/train"
    )
    assert config.preprocessing.rescaling.scale == pytest.approx(2 / 255)
    assert list(config.data_augmentation) == [
        "random_rotation",
        "random_invert",
        "random_periodic_resizing",
        "random_contrast",
    ]
    assert config.data_augmentation["random_rotation"] == {
        "factor": (-0.1, 0.1),
        "fill_mode": "constant",
        "fill_value": -1.0,
    }
    assert config.data_augmentation["random_periodic_resizing"]["image_sizes"] == [
        (192, 192),
        (224, 224),
    ]
    assert config.data_augmentation["random_contrast"]["change_rate"] == 0.5
    assert (
        config.training.optimizer == {"Adam": {"learning_rate": 0.001}}
        and config.training.frozen_layers is None
    )
    assert (
        config.training.callbacks["ReduceLROnPlateau"]["factor"] == 0.5
        and config.training.callbacks["EarlyStopping"] == {}
    )
    assert config.tools.stedgeai.version == "10.0.0"


def test_what_is_ignored_is_said_in_one_line(load, monkeypatch, caplog):
    monkeypatch.setenv("POSE_DATA", "/data/coco")
    with caplog.at_level(logging.WARNING, logger="poseutils"):
        load(USERS_FILE)
    [record] = caplog.records
    for name in ("hydra", "quantization.export_dir", "tools.path_to_cubeIDE"):
        assert name in record.getMessage()
    assert "quantizer" not in record.getMessage() and "batch_size" not in record.getMessage()


def test_an_attribute_under_both_of_its_names_is_refused(load):
    with pytest.raises(PoseError, match="dataset.name: given, and under its other name too"):
        load(SMALL, "dataset.dataset_name=coco", "dataset.name=coco")


def test_nothing_is_said_when_nothing_is_ignored(load, caplog):
    load(SMALL)
    assert not caplog.records


def test_overrides_win_and_make_sections(load):
    config = load(
        SMALL,
        "training.epochs=2",
        "model.alpha=7/20",
        "preprocessing.resizing.aspect_ratio=crop",
        "model.input_shape=(96, 64, 3)",
        "operation_mode=chain_qb",
        "training.optimizer={SGD: {momentum: 0.9}}",
    )
    assert (config.training.epochs, config.model.alpha, config.model.input_shape) == (
        2,
        0.35,
        (96, 64, 3),
    )
    assert config.preprocessing.resizing.aspect_ratio == "crop" and config.training.optimizer == {
        "SGD": {"momentum": 0.9}
    }
    assert config.operation_mode == "chain_qb"


FINE_TUNING = (
    "operation_mode: training\nmodel: {model_type: heatmaps_spe, model_path: a.keras, alpha: 0.35}"
)


@pytest.mark.parametrize(
    ("overrides", "model_path"),
    [
        ((), "a.keras"),
        (("model.alpha=0.5",), None),
        (("model.alpha=0.35",), None),  # beside 0.5 in a sweep, which would compare the two
        (("model.pretrained=false", "operation_mode=chain_tqe"), None),
        (("model.alpha=0.5", "model.model_path=b.keras"), "b.keras"),
        (("training.model.alpha=0.5",), None),  # as older files name it
        (("model.alpha=0.5", "general.model_path=b.keras"), "b.keras"),
        (("model.alpha=0.5", "operation_mode=chain_qe"), "a.keras"),
        (("model.input_shape=(96, 96, 3)",), "a.keras"),
    ],
)
def test_the_width_of_a_new_network_asks_for_one(load, caplog, overrides, model_path):
    """That of a network in a file cannot be changed."""
    assert load(FINE_TUNING, *overrides).model.model_path == model_path
    said = "model.model_path (an override asks for a new network" in caplog.text
    assert said == (model_path is None)


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("training.epochs", "section.attribute=value"),
        ("=3", "section.attribute=value"),
        ("training.epoch=3", "did you mean 'epochs'?"),
        ("model.model_type.x=3", "which has no attributes"),
        ("training.epochs=[3", "not valid YAML"),
        ("training=3", "expected attributes"),
        ("training.\udcff=3", "not UTF-8 text; expected section.attribute=value"),
        ("dataset.test_path=caf\udce9", "not UTF-8 text; expected section.attribute=value"),
    ],
)
def test_wrong_overrides(refusal, override, word):
    assert word in refusal(SMALL, override)


def test_scalars_that_yaml_1_1_misreads(load):
    config = load(
        SMALL + "training: {optimizer: {Adam: {learning_rate: "
        "1e-3}}}\ngeneral: {project_name: 2024-01-31}\n"
        "deployment: {hardware_setup: {stlink_serial_number: 0042, ip_address: None}}"
    )
    assert config.training.optimizer["Adam"]["learning_rate"] == 0.001
    assert config.general.project_name == "2024-01-31"
    assert (
        config.deployment.hardware_setup.stlink_serial_number == "0042"
        and config.deployment.hardware_setup.ip_address is None
    )


def test_duplicate_keys_name_the_line(refusal):
    assert "line 4, column 3: 'epochs' is given twice" in refusal(
        "model: {model_type: spe}\ntraining:\n  epochs: 1\n  epochs: 2\n"
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("training:\n\tepochs: 1\n", "line 2, column 1"),
        ("model: [1,\n", "line 2"),
        ("a: b: c\n", "line 1, column 5"),
        ("x: !!python/object/apply:os.system [ls]\n", "line 1"),
        ("x: \x01", "not valid YAML"),
        ("", "empty"),
        ("# nothing\n", "empty"),
        ("- a\n- b\n", "holds a list"),
        ("hello\n", "holds only 'hello'"),
        ("\x00\x01\x02", "not valid YAML"),
        ("[" * 5000, "nested too deeply"),
        ("x: !!int abc", "line 1, column 4: 'abc' is not of the type !!int"),
        (f"x: !!int 0x{'f' * 5000}", "line 1, column 4: '0xfff"),
        ("x: !!int ''", "line 1, column 4: '' is not of the type !!int"),
        ("x: !!float ''", "line 1, column 4: '' is not of the type !!float"),
        ("x: !!bool maybe", "line 1, column 4: 'maybe' is not of the type !!bool"),
        ("x: !!timestamp soon", "line 1, column 4: 'soon' is not of the type !!timestamp"),
        ("x: !!map [a]", "line 1, column 4: expected a mapping"),
        ("x: !!map a", "line 1, column 4: expected a mapping"),
        ("? [a, b]\n: c\n", "not valid YAML"),
    ],
)
def test_what_is_not_a_configuration(refusal, text, word):
    assert word in refusal(text)


def test_aliases_cannot_multiply_without_end(refusal):
    levels = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"] + [
        f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 9)
    ]
    assert "more than 100,000 values" in refusal("\n".join(levels))
    assert "nested too deeply" in refusal("a: &a [*a]")


def test_unreadable_files(tmp_path):
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"# \n" * 400_000)
    (tmp_path / "picture.yaml").write_bytes(b"\xff\xd8\xff\xe0")
    for path, word in [
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path, "cannot be read"),
        (huge, "1,200,000 bytes"),
        (tmp_path / "picture.yaml", "not UTF-8 text"),
    ]:
        with pytest.raises(PoseError, match=word):
            load_config(path)


def test_environment_variables(load, refusal, monkeypatch):
    monkeypatch.delenv("POSE_NOWHERE", raising=False)
    assert (
        load(SMALL + "dataset: {test_path: '${oc.env:POSE_NOWHERE,/tmp}/x'}").dataset.test_path
        == "/tmp/x"
    )
    unset = SMALL + "dataset: {test_path: '${oc.env:POSE_NOWHERE}'}"
    assert "dataset.test_path: the environment variable POSE_NOWHERE is not set" in refusal(unset)
    assert "only ${oc.env:NAME}" in refusal(SMALL + "general: {project_name: '${general.seed}'}")


def test_what_comes_from_the_environment_is_saved_as_a_reference(load, tmp_path, monkeypatch):
    (tmp_path / "s3cret").mkdir()
    for name, value in (("WHERE", "s3cret"), ("HOST", "t0ken@host"), ("ALPHA", "0.35")):
        monkeypatch.setenv(f"POSE_{name}", value)
    config = load(
        "model: {model_type: spe, alpha: '${oc.env:POSE_ALPHA}'}\n"
        "dataset: {name: 'my ${oc.env:POSE_WHERE}', test_path: '${oc.env:POSE_WHERE}', "
        "keypoint_names: [a, '${oc.env:POSE_WHERE}']}\n"
        "mlflow: {uri: 'http://${oc.env:POSE_HOST}/${now:%Y}'}\n"
    )
    (tmp_path / "run").mkdir()
    saved = config.save(tmp_path / "run/user_config.yaml")
    assert "s3cret" not in saved.read_text() and "t0ken" not in saved.read_text()
    assert "${now" not in saved.read_text() and "POSE_ALPHA" in saved.read_text()
    again = load_config(saved)
    assert again.model == config.model and again.mlflow == config.mlflow
    assert again.dataset.keypoint_names == ["a", "s3cret"]
    assert again.dataset.dataset_name == "my s3cret"
    assert again.dataset.test_path == str(tmp_path / "s3cret")
    hidden = again.environment.hidden_in({"a": ["http://t0ken@host", 0.35], "image/png": "s3cret"})
    assert hidden == {"a": ["http://${oc.env:POSE_HOST}", 0.35], "image/png": "s3cret"}


def test_every_finished_run_keeps_its_folder(load, tmp_path):
    config = load(SMALL)
    first = config.run_folder("", "train")
    assert first.name == "train" and config.run_folder("", "train") == first  # it was interrupted
    (first / "metrics.json").touch()
    assert config.run_folder("", "train").name == "train-2"
    assert config.run_folder(first, "train") == first


def test_paths_are_found_from_the_file_then_from_here(load, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "data").mkdir(parents=True)
    (tmp_path / "pictures").mkdir()
    monkeypatch.chdir(elsewhere)
    config = load(SMALL)
    assert config.resolve("pictures") == tmp_path / "pictures"
    assert config.resolve("data") == elsewhere / "data"
    with pytest.raises(PoseError) as caught:
        config.resolve("nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value) and str(elsewhere / "nowhere") in str(
        caught.value
    )


def test_a_file_of_the_same_name_and_another_type_is_named(load, tmp_path):
    (tmp_path / "face[1].onnx").write_text("")
    with pytest.raises(PoseError, match=r"no such file.* There is .*face\[1\]\.onnx\.$"):
        load(SMALL).resolve("face[1].tflite")


def test_the_configuration_used_loads_as_itself_from_anywhere(load, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("POSE_DATA", "/data/coco")
    (tmp_path / "pictures").mkdir()
    config = load(
        USERS_FILE,
        "prediction.test_files_path=pictures",
        "model.model_path=yolov8n_pose_256",
        "general.project_name='1e-3'",
        "dataset.oks_sigmas=0.07",
    )
    caplog.clear()
    again = load_config(config.save(tmp_path / "run" / "user_config.yaml"))
    assert not caplog.records
    assert again.prediction.test_files_path == str(tmp_path / "pictures")
    assert again.model.model_path == "yolov8n_pose_256" and again.general.project_name == "1e-3"
    for section in (
        "model",
        "dataset",
        "preprocessing",
        "data_augmentation",
        "postprocessing",
        "benchmarking",
    ):
        assert getattr(again, section) == getattr(config, section)
    assert (
        again.training.optimizer == config.training.optimizer
        and again.training.callbacks == config.training.callbacks
    )


def test_the_shipped_file(repository, caplog):
    config = load_config(repository / "user_config.yaml")
    assert not caplog.records
    assert services_of(config.operation_mode) == [
        "train",
        "evaluate",
        "quantize",
        "evaluate",
        "predict",
        "benchmark",
        "deploy",
    ]
    assert config.data_augmentation["random_rotation"] == {"factor": (-0.05, 0.05)}
