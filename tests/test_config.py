"""user_config.yaml: what loads, what is refused and with which words."""

from __future__ import annotations

import logging

import pytest

from poseutils.config import load_config, services_of
from poseutils.config.values import evaluate
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


@pytest.fixture
def load(tmp_path):
    """Loads a configuration from its text."""

    def from_text(text: str, *overrides: str):
        path = tmp_path / "user_config.yaml"
        path.write_text(text)
        return load_config(path, overrides)

    return from_text


@pytest.fixture
def refusal(load):
    """The message with which a configuration is refused."""

    def of(text: str, *overrides: str) -> str:
        with pytest.raises(PoseError) as caught:
            load(text, *overrides)
        return str(caught.value)

    return of


def test_a_users_file_loads_unchanged(load, monkeypatch, caplog):
    monkeypatch.setenv("POSE_DATA", "/data/coco")
    config = load(USERS_FILE)
    assert config.model.input_shape == (224, 224, 3) and config.model.model_path is None
    assert config.dataset.dataset_name == "coco" and config.dataset.training_path == "/data/coco/train"
    assert config.preprocessing.rescaling.scale == pytest.approx(2 / 255)
    assert list(config.data_augmentation) == ["random_rotation", "random_invert", "random_periodic_resizing", "random_contrast"]
    assert config.data_augmentation["random_rotation"] == {"factor": (-0.1, 0.1), "fill_mode": "constant", "fill_value": -1.0}
    assert config.data_augmentation["random_periodic_resizing"]["image_sizes"] == ((192, 192), (224, 224))
    assert config.data_augmentation["random_contrast"]["change_rate"] == 0.5
    assert config.training.optimizer == {"Adam": {"learning_rate": 0.001}} and config.training.frozen_layers is None
    assert config.training.callbacks["ReduceLROnPlateau"]["factor"] == 0.5 and config.training.callbacks["EarlyStopping"] == {}
    assert config.tools.stedgeai.version == "10.0.0"


def test_what_is_ignored_is_said_in_one_line(load, monkeypatch, caplog):
    monkeypatch.setenv("POSE_DATA", "/data/coco")
    with caplog.at_level(logging.WARNING, logger="poseutils"):
        load(USERS_FILE)
    [record] = caplog.records
    for name in ("hydra", "mlflow", "general.logs_dir", "training.dropout", "quantization.optimize", "tools.path_to_cubeIDE"):
        assert name in record.getMessage()
    assert "quantizer" not in record.getMessage() and "batch_size" not in record.getMessage()


def test_nothing_is_said_when_nothing_is_ignored(load, caplog):
    load(SMALL)
    assert not caplog.records


def test_two_lines_are_enough(load):
    config = load(SMALL)
    assert config.training.batch_size == 32 and config.dataset.keypoints == 17 and config.operation_mode is None
    assert "confidence" not in config.postprocessing.thresholds


@pytest.mark.parametrize(("model_type", "keypoints"), [("spe", 17), ("yolo_mpe", 17), ("hand_spe", 21), ("head_spe", 468)])
def test_usual_keypoints_of_a_model_type(load, model_type, keypoints):
    assert load(f"model: {{model_type: {model_type}}}").dataset.keypoints == keypoints


@pytest.mark.parametrize("text", ["dataset:\n  keypoints: 17\n", "model:\n", "model:\n  model_type:\n", "model: {alpha: 1}"])
def test_missing_model_type_names_the_five(refusal, text):
    message = refusal(text)
    assert "model.model_type: missing" in message
    assert all(name in message for name in ("heatmaps_spe", "spe", "yolo_mpe", "hand_spe", "head_spe"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trainning: {epochs: 3}", ["trainning: unknown section", "did you mean 'training'?", "quantization"]),
        ("training: {epoch: 3}", ["training.epoch: unknown attribute; did you mean 'epochs'?", "batch_size"]),
        ("postprocessing: {nms_thres: 0.1}", ["did you mean 'NMS_thresh'?"]),
        ("general: {model_path: x}", ["general.model_path: unknown attribute; write it as model.model_path"]),
        ("deployment: {board: STM32N6570-DK}", ["write it as deployment.hardware_setup.board"]),
        ("epochs: 3", ["epochs: unknown section; write it as training.epochs"]),
        ("training: {model: {name: x}}", ["training.model: unknown attribute"]),
        ("tools: {stedgeai: {optimisation: ram}}", ["tools.stedgeai.optimisation", "did you mean 'optimization'?"]),
        ("data_augmentation: {random_flipp: {}}", ["did you mean 'random_flip'?"]),
        (
            "data_augmentation: {random_blur: {filter_sise: 3}}",
            ["data_augmentation.random_blur.filter_sise", "did you mean 'filter_size'?"],
        ),
        ("training: {optimizer: {adam: {}}}", ["training.optimizer", "did you mean 'Adam'?"]),
        ("training: {callbacks: {LRStepDecy: {}}}", ["training.callbacks", "did you mean 'LRStepDecay'?"]),
    ],
)
def test_unknown_names_are_refused_with_the_right_one(refusal, text, words):
    message = refusal(SMALL + text)
    assert "user_config.yaml" in message
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("training: {epochs: many}", ["training.epochs: 'many' given", "expected a number"]),
        ("training: {epochs: 1.5}", ["training.epochs: 1.5 given; expected a whole number"]),
        ("training: {epochs: 0}", ["training.epochs: 0 given", "greater than 0"]),
        ("training: {epochs: True}", ["training.epochs: True given", "expected a number"]),
        ("training: {epochs: [1]}", ["training.epochs: [1] given; expected a whole number"]),
        ("training: 3", ["training: 3 given; expected attributes below it: batch_size"]),
        ("training: {optimizer: {}}", ["training.optimizer: {} given; expected 1 name"]),
        ("training: {optimizer: Adam}", ["training.optimizer: 'Adam' given; expected a name and its arguments"]),
        ("dataset: {validation_split: 1.5}", ["dataset.validation_split: 1.5 given", "less than 1"]),
        ("dataset: {training_path: [a]}", ["dataset.training_path: ['a'] given; expected text"]),
        ("dataset: {oks_sigmas: [0.1, 0.2]}", ["dataset.oks_sigmas: 2 numbers given", "17 keypoints"]),
        ("dataset: {oks_sigmas: wide}", ["dataset.oks_sigmas: 'wide' given; expected a number"]),
        ("preprocessing: {rescaling: {scale: 1/0}}", ["preprocessing.rescaling.scale: '1/0' given", "divide by zero"]),
        ("preprocessing: {resizing: {aspect_ratio: fitt}}", ["'fitt' given; expected 'fit', 'padding', 'crop'", "did you mean 'fit'?"]),
        ("quantization: {granularity: per-channel}", ["did you mean 'per_channel'?"]),
        ("tools: {stedgeai: {on_cloud: maybe}}", ["'maybe' given; expected True or False"]),
        ("data_augmentation: {random_flip: {mode: up}}", ["data_augmentation.random_flip.mode: 'up' given; expected 'horizontal'"]),
        ("data_augmentation: {random_contrast: {factor: a lot}}", ["data_augmentation.random_contrast.factor: 'a lot' given"]),
        ("data_augmentation: {random_rotation: {factor: (-0.1, 0.1)}}", ["a tuple needs quotes"]),
        ("data_augmentation: [random_flip]", ["data_augmentation: ['random_flip'] given; expected attributes below it"]),
        ("general: {project_name: ../elsewhere}", ["general.project_name: '../elsewhere' given; expected letters"]),
        ("operation_mode: chain_tqx", ["operation_mode: 'chain_tqx' given", "d deploy"]),
        ("operation_mode: trainning", ["did you mean 'training'?"]),
    ],
)
def test_wrong_values_say_what_was_given_and_what_is_allowed(refusal, text, words):
    message = refusal(SMALL + text)
    assert all(word in message for word in words), message


def test_input_shape_needs_three(refusal):
    message = refusal(SMALL + "  input_shape: (192, 192)")
    assert "model.input_shape: '(192, 192)' given; expected height, width and channels" in message


def test_every_problem_is_listed(refusal):
    message = refusal("model: {model_type: spee}\ntraining: {epoch: 1, batch_size: -1}\n")
    assert "3 problems" in message and message.count("\n  ") == 3


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
    assert (config.training.epochs, config.model.alpha, config.model.input_shape) == (2, 0.35, (96, 64, 3))
    assert config.preprocessing.resizing.aspect_ratio == "crop" and config.training.optimizer == {"SGD": {"momentum": 0.9}}
    assert config.operation_mode == "chain_qb"


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("training.epochs", "section.attribute=value"),
        ("=3", "section.attribute=value"),
        ("training.epoch=3", "did you mean 'epochs'?"),
        ("model.model_type.x=3", "which has no attributes"),
        ("training.epochs=[3", "not valid YAML"),
        ("training=3", "expected attributes"),
    ],
)
def test_wrong_overrides(refusal, override, word):
    assert word in refusal(SMALL, override)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/127.5", 1 / 127.5),
        ("1/255.", 1 / 255),
        ("-(2+3)*4", -20),
        ("2**-2", 0.25),
        ("1e-3", 0.001),
        (" 7 ", 7),
        ("(192, 192, 3)", (192, 192, 3)),
        ("(-0.1,0.1)", (-0.1, 0.1)),
        ("[(1, 2), (3, 4)]", ((1, 2), (3, 4))),
    ],
)
def test_arithmetic(text, value):
    assert evaluate(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "a",
        "1 if 1 else 2",
        "abs(1)",
        "9**9**9",
        "9**99999999",
        "1e999",
        "(9**64)**64",
        "1/0",
        "1//2",
        "1 2",
        "",
        "1j",
        "True",
        "'a'",
        "(-8)**0.5",
        "2*(1,2)",
        "[0]*9",
        "1" * 201,
        "(" * 150 + "1" + ")" * 150,
        "1\x00",
        "lambda: 1",
        "{1}",
        "1 < 2",
    ],
)
def test_what_is_not_arithmetic_is_refused(text):
    with pytest.raises(ValueError):
        evaluate(text)


def test_scalars_that_yaml_1_1_misreads(load):
    config = load(
        SMALL + "training: {optimizer: {Adam: {learning_rate: 1e-3}}}\ngeneral: {project_name: 2024-01-31}\n"
        "deployment: {hardware_setup: {stlink_serial_number: 0042, ip_address: None}}"
    )
    assert config.training.optimizer["Adam"]["learning_rate"] == 0.001
    assert config.general.project_name == "2024-01-31"
    assert config.deployment.hardware_setup.stlink_serial_number == "0042" and config.deployment.hardware_setup.ip_address is None


def test_duplicate_keys_name_the_line(refusal):
    assert "line 4, column 3: 'epochs' is given twice" in refusal("model: {model_type: spe}\ntraining:\n  epochs: 1\n  epochs: 2\n")


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
        ("x: !!int abc", "not valid YAML"),
        ("? [a, b]\n: c\n", "not valid YAML"),
    ],
)
def test_what_is_not_a_configuration(refusal, text, word):
    assert word in refusal(text)


def test_aliases_cannot_multiply_without_end(refusal):
    levels = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"] + [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 9)]
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
    assert load(SMALL + "dataset: {test_path: '${oc.env:POSE_NOWHERE,/tmp}/x'}").dataset.test_path == "/tmp/x"
    unset = SMALL + "dataset: {test_path: '${oc.env:POSE_NOWHERE}'}"
    assert "dataset.test_path: the environment variable POSE_NOWHERE is not set" in refusal(unset)
    assert "only ${oc.env:NAME}" in refusal(SMALL + "general: {project_name: '${now:%Y}'}")


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
    assert str(tmp_path / "nowhere") in str(caught.value) and str(elsewhere / "nowhere") in str(caught.value)


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
    for section in ("model", "dataset", "preprocessing", "data_augmentation", "postprocessing", "benchmarking"):
        assert getattr(again, section) == getattr(config, section)
    assert again.training.optimizer == config.training.optimizer and again.training.callbacks == config.training.callbacks


def test_the_shipped_file(repository, caplog):
    config = load_config(repository / "user_config.yaml")
    assert not caplog.records
    assert services_of(config.operation_mode) == ["train", "evaluate", "quantize", "evaluate", "predict", "benchmark", "deploy"]
    assert config.data_augmentation["random_rotation"] == {"factor": (-0.05, 0.05)}


@pytest.mark.parametrize(
    ("mode", "services"),
    [
        ("training", ["train"]),
        ("evaluation", ["evaluate"]),
        ("quantization", ["quantize"]),
        ("prediction", ["predict"]),
        ("benchmarking", ["benchmark"]),
        ("deployment", ["deploy"]),
        ("chain_tqe", ["train", "quantize", "evaluate"]),
        ("chain_tqeb", ["train", "quantize", "evaluate", "benchmark"]),
        ("chain_eqe", ["evaluate", "quantize", "evaluate"]),
        ("chain_qb", ["quantize", "benchmark"]),
        ("chain_eqeb", ["evaluate", "quantize", "evaluate", "benchmark"]),
        ("chain_qd", ["quantize", "deploy"]),
    ],
)
def test_operation_modes(mode, services):
    assert services_of(mode) == services


@pytest.mark.parametrize("mode", ["", "chain_", "chain_x", "tqe", "train", "chain_t q"])
def test_unknown_operation_modes(mode):
    with pytest.raises(ValueError, match="chain_ and letters"):
        services_of(mode)


def test_decoding_attributes_are_those_of_the_decoders(tmp_path):
    from poseutils.config import names
    from poseutils.decoders import Thresholds, view

    assert names.REFINEMENTS == view.REFINEMENTS and names.NMS_MEASURES == view.NMS_MEASURES
    path = tmp_path / "config.yaml"
    path.write_text(SMALL + "postprocessing: {NMS_measure: oks, NMS_thresh: 0.3, max_candidate_boxes: 50, refine: quarter}\n")
    limits = Thresholds(**load_config(path).postprocessing.thresholds)
    assert limits == Thresholds(nms_measure="oks", nms_iou=0.3, max_candidates=50, refine="quarter")
    path.write_text(SMALL)
    assert Thresholds(**load_config(path).postprocessing.thresholds) == Thresholds(nms_iou=0.5)  # the zoo's own


def test_a_misspelled_refinement_is_refused(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(SMALL + "postprocessing: {refine: darkk}\n")
    with pytest.raises(PoseError, match="refine"):
        load_config(path)
