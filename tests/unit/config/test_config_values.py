"""The attributes of user_config.yaml: which values they take, and with which words others are
refused."""

from __future__ import annotations

import pytest

from poseutils.config import load_config, services_of
from poseutils.config.arithmetic import evaluate
from poseutils.errors import PoseError

SMALL = "model:\n  model_type: heatmaps_spe\n"


def test_two_lines_are_enough(load):
    config = load(SMALL)
    assert (
        config.training.batch_size == 32
        and config.dataset.keypoints == 17
        and config.operation_mode is None
    )
    assert "confidence" not in config.postprocessing.thresholds


@pytest.mark.parametrize(
    ("model_type", "keypoints"),
    [("spe", 17), ("yolo_mpe", 17), ("hand_spe", 21), ("head_spe", 468)],
)
def test_usual_keypoints_of_a_model_type(load, model_type, keypoints):
    assert load(f"model: {{model_type: {model_type}}}").dataset.keypoints == keypoints


@pytest.mark.parametrize(
    "text",
    ["dataset:\n  keypoints: 17\n", "model:\n", "model:\n  model_type:\n", "model: {alpha: 1}"],
)
def test_missing_model_type_names_the_five(refusal, text):
    message = refusal(text)
    assert "model.model_type: missing" in message
    assert all(
        name in message for name in ("heatmaps_spe", "spe", "yolo_mpe", "hand_spe", "head_spe")
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "trainning: {epochs: 3}",
            ["trainning: unknown section", "did you mean 'training'?", "quantization"],
        ),
        (
            "training: {epoch: 3}",
            ["training.epoch: unknown attribute; did you mean 'epochs'?", "batch_size"],
        ),
        ("postprocessing: {nms_thres: 0.1}", ["did you mean 'NMS_thresh'?"]),
        ("general: {alpha: 1}", ["general.alpha: unknown attribute; write it as model.alpha"]),
        ("deployment: {board: STM32N6570-DK}", ["write it as deployment.hardware_setup.board"]),
        ("epochs: 3", ["epochs: unknown section; write it as training.epochs"]),
        (
            "training: {model: {name: x}}",
            [
                "training.model.name (model.model_name in "
                "newer files): 'x' given; expected 'st_movenet"
            ],
        ),
        (
            "tools: {stedgeai: {optimisation: ram}}",
            ["tools.stedgeai.optimisation", "did you mean 'optimization'?"],
        ),
        ("data_augmentation: {random_flipp: {}}", ["did you mean 'random_flip'?"]),
        (
            "data_augmentation: {random_blur: {filter_sise: 3}}",
            ["data_augmentation.random_blur.filter_sise", "did you mean 'filter_size'?"],
        ),
        ("training: {optimizer: {adam: {}}}", ["training.optimizer", "did you mean 'Adam'?"]),
        (
            "training: {callbacks: {LRStepDecy: {}}}",
            ["training.callbacks", "did you mean 'LRStepDecay'?"],
        ),
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
        ("training: {epochs: 1e308}", ["training.epochs: 1e+308 given; expected a whole number"]),
        ("training: {epochs: 1.5}", ["training.epochs: 1.5 given; expected a whole number"]),
        ("training: {epochs: 0}", ["training.epochs: 0 given", "greater than 0"]),
        ("training: {epochs: True}", ["training.epochs: True given", "expected a number"]),
        ("training: {epochs: [1]}", ["training.epochs: [1] given; expected a whole number"]),
        ("training: 3", ["training: 3 given; expected attributes below it: batch_size"]),
        (
            "training: {optimizer: {}}",
            ["training.optimizer: {} given; expected a name and its arguments"],
        ),
        (
            "training: {optimizer: Adam}",
            ["training.optimizer: 'Adam' given; expected a name and its arguments"],
        ),
        (
            "dataset: {validation_split: 1.5}",
            ["dataset.validation_split: 1.5 given", "less than 1"],
        ),
        ("dataset: {training_path: [a]}", ["dataset.training_path: ['a'] given; expected text"]),
        (
            "dataset: {oks_sigmas: [0.1, 0.2]}",
            ["dataset.oks_sigmas: 2 numbers given", "17 keypoints"],
        ),
        ("dataset: {oks_sigmas: wide}", ["dataset.oks_sigmas: 'wide' given; expected a number"]),
        (
            "preprocessing: {rescaling: {scale: 1/0}}",
            ["preprocessing.rescaling.scale: '1/0' given", "divide by zero"],
        ),
        (
            "preprocessing: {resizing: {aspect_ratio: fitt}}",
            ["'fitt' given; expected 'fit', 'padding', 'crop'", "did you mean 'fit'?"],
        ),
        ("quantization: {granularity: per-channel}", ["did you mean 'per_channel'?"]),
        ("tools: {stedgeai: {on_cloud: maybe}}", ["'maybe' given; expected True or False"]),
        (
            "data_augmentation: {random_flip: {mode: up}}",
            ["data_augmentation.random_flip.mode: 'up' given; expected 'horizontal'"],
        ),
        (
            "data_augmentation: {random_contrast: {factor: a lot}}",
            ["data_augmentation.random_contrast.factor: 'a lot' given"],
        ),
        ("data_augmentation: {random_rotation: {factor: (-0.1, 0.1)}}", ["a tuple needs quotes"]),
        (
            "data_augmentation: [random_flip]",
            ["data_augmentation: ['random_flip'] given; expected attributes below it"],
        ),
        (
            "general: {project_name: ../elsewhere}",
            ["general.project_name: '../elsewhere' given; expected a name of letters"],
        ),
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
    from poseutils.decoders import Thresholds

    path = tmp_path / "config.yaml"
    path.write_text(
        SMALL + "postprocessing: {NMS_measure: oks, NMS_thresh: "
        "0.3, max_candidate_boxes: 50, refine: quarter}\n"
    )
    limits = Thresholds(**load_config(path).postprocessing.thresholds)
    assert limits == Thresholds(nms_measure="oks", nms_iou=0.3, max_candidates=50, refine="quarter")
    path.write_text(SMALL)
    # The zoo's own
    assert Thresholds(**load_config(path).postprocessing.thresholds) == Thresholds(nms_iou=0.5)


def test_a_misspelled_refinement_is_refused(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(SMALL + "postprocessing: {refine: darkk}\n")
    with pytest.raises(PoseError, match="refine"):
        load_config(path)


# ---------------------------------------------------------------- augmentations, optimizers,
# callbacks


@pytest.mark.parametrize(
    "layers", ["(0:154)", "-1", "3", "0:10", "(:5)", "(7:13, 16, 20:28, -1)", "0:100:2", "(-3:)"]
)
def test_frozen_layers(load, layers):
    assert load(SMALL, f"training.frozen_layers={layers}").training.frozen_layers == layers


# ---------------------------------------------------------------- keypoints of one's own


def test_keypoints_of_ones_own(load):
    section = load(
        SMALL + "dataset:\n  keypoint_names: [left_wing, right_wing, tail]\n"
        '  skeleton: [[0, 2], "(1, 2)"]\n  mirror: [1, 0, 2]\n'
        "  oks_sigmas: [0.05, 1/20, 0.1]\n"
    ).dataset
    assert section.keypoints == 3 and section.keypoint_names == ["left_wing", "right_wing", "tail"]
    assert (
        section.skeleton == [(0, 2), (1, 2)]
        and section.mirror == [1, 0, 2]
        and section.oks_sigmas == [0.05, 0.05, 0.1]
    )
    empty = load(SMALL).dataset
    assert empty.keypoint_names is None and empty.skeleton is None and empty.mirror is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "keypoint_names: [a, b]",
            "dataset.keypoint_names: 2 names given; expected one for each of 3 keypoints",
        ),
        ("keypoint_names: [a, b, a]", "dataset.keypoint_names: 'a' is given twice"),
        ("keypoint_names: many", "dataset.keypoint_names: 'many' given; expected a list"),
        (
            "skeleton: [[0, 3]]",
            "dataset.skeleton: (0, 3) given; expected pairs "
            "of different keypoints, counted from 0 to 2",
        ),
        ("skeleton: [[1, 1]]", "dataset.skeleton: (1, 1) given"),
        ("skeleton: [[0]]", "dataset.skeleton: [[0]] given; expected a list of pairs of keypoints"),
        ("skeleton: [[0, a]]", "dataset.skeleton: [[0, 'a']] given"),
        ("mirror: [1, 0]", "dataset.mirror: 2 numbers given; expected one for each of 3"),
        ("mirror: [1, 2, 0]", "dataset.mirror: 1 given for keypoint 0"),
        ("mirror: [0, 1, 9]", "dataset.mirror: 9 given for keypoint 2"),
        ("mirror: [0, 1, -1]", "dataset.mirror: [0, 1, -1] given"),
    ],
)
def test_keypoints_that_do_not_go_together(refusal, text, says):
    assert says in refusal(SMALL + f"dataset:\n  keypoints: 3\n  {text}\n")


def test_people_are_truncated_only_where_they_are_cut_out(refusal, load):
    assert "training.truncated: given without training.crop_margin" in refusal(
        SMALL + "training:\n  truncated: 0.3\n"
    )
    assert "training.truncated: 2 given" in refusal(
        SMALL + "training:\n  crop_margin: 1.25\n  truncated: 2\n"
    )
    assert (
        load(SMALL + "training:\n  crop_margin: 1.25\n  truncated: 0.3\n").training.truncated == 0.3
    )
