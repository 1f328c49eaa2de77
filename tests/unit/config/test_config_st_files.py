"""Files as users of ST's model zoo have them, of both generations, from Linux and from Windows:
they load unchanged."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from poseutils.config import load_config, services_of
from poseutils.errors import PoseError
from tests.helpers.configurations import given


def test_a_newer_file_attribute_by_attribute(st_file):
    config = st_file("newer_chain_tqe")
    assert services_of(config.operation_mode) == ["train", "quantize", "evaluate"]
    assert given(config.general) == {
        "project_name": "COCO_2017_pose_Demo",
        "logs_dir": "logs",
        "saved_models_dir": "saved_models",
        "num_threads_tflite": 8,
        "gpu_memory_limit": 8.0,
        "global_seed": 127,
    }
    assert given(config.model) == {
        "model_type": "heatmaps_spe",
        "model_name": "st_movenet_lightning_a100_heatmaps",
        "alpha": 0.75,
        "input_shape": (224, 192, 3),
        "pretrained": True,
        "final_activation": "softmax",
    }
    assert config.model.model_path is None
    assert given(config.dataset) == {
        "dataset_name": "coco",
        "keypoints": 13,
        "class_names": ["person"],
        "training_path": "./datasets/coco_train_single_pose",
        "validation_split": 0.1,
        "test_path": "./datasets/coco_test_single_pose",
        "quantization_split": 0.01,
        "seed": 42,
    }
    assert given(config.prediction) == {"test_files_path": "./datasets/coco_test_single_pose"}
    assert given(config.preprocessing) == {
        "rescaling": {"scale": 1 / 127.5, "offset": -1.0},
        "resizing": {"interpolation": "nearest", "aspect_ratio": "padding"},
        "color_mode": "bgr",
    }
    assert given(config.postprocessing) == {
        "kpts_conf_thresh": 0.2,
        "NMS_thresh": 0.1,
        "max_detection_boxes": 50,
        "plot_metrics": True,
    }


def test_a_newer_files_training_attribute_by_attribute(st_file):
    config = st_file("newer_chain_tqe")
    assert list(config.data_augmentation.items()) == [
        ("random_rotation", {"factor": (-0.2, 0.2), "fill_mode": "constant", "fill_value": -1.0}),
        (
            "random_periodic_resizing",
            {"image_sizes": [(192, 192), (224, 224), (256, 256)], "period": 10},
        ),
        ("random_contrast", {"factor": 0.4}),
        ("random_hsv", {"hue_delta": 0.1, "saturation_delta": (-0.2, 0.2)}),
        ("random_invert", {}),
        ("random_blur", {"filter_size": (2, 4), "change_rate": 0.5}),
        ("random_jpeg_quality", {"jpeg_quality": (60, 100)}),
        ("random_flip", {"mode": "horizontal_and_vertical"}),
    ]
    assert given(config.training) == {
        "frozen_layers": "(0:154)",
        "batch_size": 64,
        "epochs": 1000,
        "optimizer": {"AdamW": {"learning_rate": 5e-4, "weight_decay": 1e-4, "amsgrad": False}},
        "callbacks": {
            "LRWarmupCosineDecay": {
                "initial_lr": 1e-5,
                "warmup_steps": 25,
                "max_lr": 5e-4,
                "hold_steps": 25,
                "decay_steps": 950,
                "end_lr": 1e-6,
            },
            "ModelCheckpoint": {"monitor": "val_oks", "mode": "max"},
            "EarlyStopping": {
                "monitor": "val_oks",
                "min_delta": 0.0001,
                "patience": 45,
                "mode": "max",
            },
        },
    }
    assert config.training.dropout is None and config.training.resume_training_from is None


def test_a_newer_files_services_attribute_by_attribute(st_file):
    config = st_file("newer_chain_tqe")
    assert given(config.quantization) == {
        "quantizer": "onnx_quantizer",
        "quantization_type": "PTQ",
        "quantization_input_type": "int8",
        "quantization_output_type": "int8",
        "granularity": "per_tensor",
        "onnx_extra_options": {"CalibMovingAverage": True},
        "export_dir": "quantized_models",
        "optimize": True,
    }
    assert given(config.evaluation) == {
        "target": "stedgeai_n6",
        "profile": "profile_O3",
        "input_type": "uint8",
        "output_type": "int8",
        "input_chpos": "chlast",
        "gen_npy_input": True,
        "gen_npy_output": False,
        "npy_in_name": "in_1",
        "npy_out_name": "out_1",
    }
    assert given(config.tools) == {
        "stedgeai": {
            "version": "10.0.0",
            "optimization": "ram",
            "on_cloud": True,
            "path_to_stedgeai": "C:/Users/<XXXXX>/STM32Cube/Packs/X-CUBE-AI/<*.*.*>/Utilities/"
            "windows/stedgeai.exe",
        },
        "path_to_cubeIDE": "C:/ST/STM32CubeIDE_<*.*.*>/STM32CubeIDE/stm32cubeide.exe",
    }
    assert given(config.benchmarking) == {"board": "STM32MP257F-EV1"}


def test_an_older_file_attribute_by_attribute(st_file):
    config = st_file("older_training")
    assert services_of(config.operation_mode) == ["train", "quantize", "evaluate", "benchmark"]
    assert given(config.model) == {
        "model_type": "heatmaps_spe",
        "model_name": "st_movenet_lightning_heatmaps",
        "alpha": 0.5,
        "input_shape": (192, 256, 3),
        "pretrained": True,
    }
    assert config.general.num_threads_tflite == 8 and config.general.global_seed == 123
    assert given(config.dataset) == {
        "dataset_name": "COCO2017_pose",
        "keypoints": 17,
        "training_path": "/big/data/coco_train_single_pose",
        "validation_split": 0.1,
        "test_path": "/big/data/coco_val_single_pose",
        "quantization_split": 0.3,
    }
    assert given(config.preprocessing.rescaling) == {"scale": 1 / 255, "offset": 0}
    assert list(config.data_augmentation) == [
        "random_contrast",
        "random_brightness",
        "random_flip",
        "random_rotation",
    ]
    assert given(config.training) == {
        "frozen_layers": "-1",
        "dropout": 0.2,
        "batch_size": 32,
        "epochs": 150,
        "optimizer": {"SGD": {"learning_rate": 0.01, "momentum": 0.9}},
        "callbacks": {
            "ReduceLROnPlateau": {
                "monitor": "val_oks",
                "factor": 0.25,
                "patience": 5,
                "mode": "max",
                "min_delta": 0.0001,
            },
            "ModelCheckpoint": {"monitor": "val_oks", "mode": "max"},
        },
    }
    assert given(config.benchmarking) == {"board": "STM32N6570-DK"}


def test_a_file_from_windows_attribute_by_attribute(st_file, repository):
    raw = (Path(__file__).parent / "files" / "windows_deployment.yaml").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") and b"\r\n" in raw and b"..\\..\\" in raw
    config = st_file("windows_deployment")
    assert given(config.model) == {
        "model_type": "yolo_mpe",
        "model_path": "../../model_zoo/pose_estimation/yolov8n_256_quant_pc_uf_pose_coco-st.tflite",
    }
    assert given(config.dataset) == {
        "keypoints": 17,
        "class_names": ["person"],
        "test_path": "D:/datasets/coco val/images",
    }
    assert given(config.postprocessing) == {
        "kpts_conf_thresh": 0.15,
        "confidence_thresh": 0.5,
        "NMS_thresh": 0.5,
        "max_detection_boxes": 10,
    }
    assert (
        config.tools.stedgeai.path_to_stedgeai
        == "C:/ST/STEdgeAI/2.0/Utilities/windows/stedgeai.exe"
    )
    assert config.tools.stedgeai.optimization == "time" and config.tools.stedgeai.on_cloud is False
    assert config.tools.path_to_cubeIDE == "C:/ST/STM32CubeIDE_1.17.0/STM32CubeIDE/stm32cubeide.exe"
    assert given(config.deployment) == {
        "c_project_path": "../../application_code/pose_estimation/STM32MP-LINUX/",
        "label_file_path": "../../application_code/Resources/keypoints_yolov8.txt",
        "board_deploy_path": "/usr/local/pose-estimation",
        "IDE": "GCC",
        "verbosity": 1,
        "hardware_setup": {
            "serie": "STM32MP2",
            "board": "STM32MP257F-EV1",
            "stlink_serial_number": "0042",
            "ip_address": "192.168.0.42",
        },
    }


def test_a_prediction_of_heads_attribute_by_attribute(st_file):
    config = st_file("newer_head_prediction")
    assert (
        config.model.model_type == "head_spe"
        and config.dataset.keypoints == 468
        and config.dataset.class_names == ["head"]
    )
    assert config.model.model_path.endswith("facelandmarksv1_192_int8.onnx")
    assert (
        config.prediction.test_files_path == "./datasets/heads"
        and config.preprocessing.rescaling.offset == 0
    )


@pytest.mark.parametrize(
    "name", ["newer_chain_tqe", "older_training", "windows_deployment", "release_4_chain_tqe"]
)
def test_what_has_no_meaning_here_is_named_once_in_one_line(st_file, caplog, name):
    with caplog.at_level(logging.WARNING, logger="poseutils"):
        config = st_file(name)
    [record] = caplog.records
    assert "\n" not in record.getMessage()
    named = re.findall(r"[:,] ([\w.]+) \([^)]+\)", record.getMessage())
    assert "hydra" in named and named == config.ignored and len(named) == len(set(named))


def test_ignored_callbacks_are_named(st_file):
    assert "training.callbacks.ModelCheckpoint" in st_file("older_training").ignored
    assert not any(
        "EarlyStopping" in name or "LRWarm" in name for name in st_file("newer_chain_tqe").ignored
    )


def test_overrides_in_the_words_of_either_generation(st_file):
    config = st_file(
        "older_training",
        "training.model.alpha=0.35",
        "model.model_type=spe",
        "general.model_path=a.keras",
    )
    assert (config.model.alpha, config.model.model_type, config.model.model_path) == (
        0.35,
        "spe",
        "a.keras",
    )


def test_an_attribute_in_both_places(refusal, load):
    both = "model: {model_type: spe}\ngeneral: {model_type: yolo_mpe}\n"
    assert "general.model_type: given, and model.model_type too, with another value" in refusal(
        both
    )
    assert load(both.replace("yolo_mpe", "spe")).model.model_type == "spe"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "general: {model_type: spee}",
            "general.model_type (model.model_type in newer "
            "files): 'spee' given; expected 'heatmaps_spe'",
        ),
        (
            "general: {model_type: spe}\ntraining: {model: {alpha: -1}}",
            "training.model.alpha (model.alpha in newer files): -1 given",
        ),
        (
            "general: {model_type: spe}\ntraining: {model: {size: 1}}",
            "training.model.size (model.size in newer files): unknown attribute",
        ),
        ("general: {model_type: spe}\ntraining: {model: big}", "training.model: unknown attribute"),
        (
            "general: {model_type: spe}\nmodel: big",
            "model: 'big' given; expected attributes below it",
        ),
    ],
)
def test_a_problem_of_an_older_file_is_said_in_its_words(refusal, text, says):
    assert says in refusal(text)


def test_older_weights(load):
    older = "general: {model_type: spe}\ntraining: {model: {pretrained_weights: %s}}"
    assert load(older % "imagenet").model.pretrained is True
    assert load(older % "None").model.pretrained is False


def test_a_drive_letter_is_another_computers(st_file):
    config = st_file("windows_deployment")
    with pytest.raises(PoseError, match="drive letter, as on Windows") as caught:
        config.resolve(config.dataset.test_path)
    assert str(caught.value).count("D:/datasets/coco val/images") == 3


def test_backslashes_find_files_everywhere(load, tmp_path):
    (tmp_path / "sub" / "data").mkdir(parents=True)
    config = load("model: {model_type: spe}\ndataset: {test_path: .\\sub\\data}")
    assert config.resolve(config.dataset.test_path) == tmp_path / "sub" / "data"


MODES = (
    "training evaluation quantization prediction benchmarking deployment "
    "chain_tqe chain_tqeb chain_eqe chain_qb chain_eqeb chain_qd"
)


@pytest.mark.parametrize("mode", MODES.split())
def test_every_operation_mode_of_the_zoo(st_file, mode):
    assert st_file("older_training", f"operation_mode={mode}").operation_mode == mode


@pytest.mark.parametrize(
    "name", ["newer_chain_tqe", "older_training", "windows_deployment", "newer_head_prediction"]
)
def test_what_is_used_of_a_file_is_saved_and_read_back(st_file, tmp_path, caplog, name):
    config = st_file(
        name,
        "dataset.skeleton=[[0, 1]]",
        "training.callbacks={LearningRateScheduler: {schedule: lr * 0.9 ** epoch}}",
    )
    caplog.clear()
    again = load_config(config.save(tmp_path / "user_config.yaml"))
    assert not caplog.records
    for section in ("preprocessing", "data_augmentation", "benchmarking", "operation_mode"):
        assert getattr(again, section) == getattr(config, section)
    assert (
        again.training.callbacks == config.training.callbacks
        and again.training.optimizer == config.training.optimizer
    )
    assert again.postprocessing.thresholds == config.postprocessing.thresholds
    assert (
        again.dataset.skeleton == [(0, 1)] and again.dataset.keypoints == config.dataset.keypoints
    )
    assert again.deployment.hardware_setup.board == config.deployment.hardware_setup.board
