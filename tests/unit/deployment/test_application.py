"""What the application of ST is told, and what of a configuration it cannot do."""

import re
import subprocess

import pytest

from poseutils.config import Config
from poseutils.deployment import BOARDS, export
from tests.helpers.marks import with_gcc
from tests.helpers.running.small_export import STRICT, exported

YOLO = "models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite"


def macros(path):
    """The macros of a header, by name."""
    return {
        name: value.strip()
        for name, value in re.findall(r"^#define (\w+)(.*)$", path.read_text(), re.MULTILINE)
    }


def config(**changes):
    """A configuration."""
    made = {
        "aspect_ratio": "crop",
        "color_mode": "bgr",
        "threshold": 0.2,
        "ip": None,
        "folder": None,
        **changes,
    }
    return Config(
        general={"project_name": "my project"},
        model={"model_type": "heatmaps_spe"},
        preprocessing={
            "resizing": {"aspect_ratio": made["aspect_ratio"]},
            "color_mode": made["color_mode"],
        },
        postprocessing={
            "kpts_conf_thresh": made["threshold"],
            "confidence_thresh": 1,
            "NMS_thresh": 0.4,
            "max_detection_boxes": 7,
        },
        tools={"stedgeai": {"optimization": "ram"}},
        deployment={
            "hardware_setup": {"ip_address": made["ip"]},
            "board_deploy_path": made["folder"],
        },
    )


def test_the_status_is_looked_at_before_the_outputs(small, tmp_path):
    """The application in the README decodes and draws only what a run has computed."""
    text = (exported(small, tmp_path / "out", name="some").path / "README.md").read_text()
    run, decode = text.index("status = some_run(&network)"), text.index("some_decode(&network")
    assert "if (status == POSE_OK)" in text[run:decode]
    assert "if (status == POSE_OK)" in text[decode : text.index("draw(poses")]


@with_gcc
@pytest.mark.parametrize("name", ["network", "9 lives-net"])
def test_app_config_compiles(small, tmp_path, name):
    bundle = exported(small, tmp_path / "out", name=name)
    (tmp_path / "app.c").write_text(
        '#include "app_config.h"\nconst char *welcome[] = {WELCOME_MSG_1, WELCOME_MSG_2};\n'
        "float threshold = AI_POSE_PP_CONF_THRESHOLD;\nint width = NN_WIDTH;\n"
    )
    subprocess.run(
        [*STRICT, f"-I{bundle.path}", "-c", "app.c", "-o", "app.o"], cwd=tmp_path, check=True
    )


def test_app_config_of_heatmaps(small, tmp_path):
    bundle = exported(small, tmp_path / "out", config=config())
    found = macros(bundle.path / "app_config.h")
    expected = {
        "POSTPROCESS_TYPE": "POSTPROCESS_SPE_MOVENET_UF",
        "NN_WIDTH": "(24)",
        "NN_HEIGHT": "(16)",
        "NN_BPP": "3",
        "COLOR_MODE": "COLOR_BGR",
        "COLOR_BGR": "(0)",
        "COLOR_RGB": "(1)",
        "ASPECT_RATIO_MODE": "ASPECT_RATIO_CROP",
        "ASPECT_RATIO_CROP": "(1)",
        "ASPECT_RATIO_FIT": "(2)",
        "ASPECT_RATIO_FULLSCREEN": "(3)",
        "USE_DCACHE": "",
        "AI_POSE_PP_CONF_THRESHOLD": "(0.200000f)",
        "AI_POSE_PP_POSE_KEYPOINTS_NB": "(3)",
        "AI_SPE_MOVENET_POSTPROC_HEATMAP_WIDTH": "(6)",
        "AI_SPE_MOVENET_POSTPROC_HEATMAP_HEIGHT": "(4)",
        "AI_SPE_MOVENET_POSTPROC_NB_KEYPOINTS": "(3)",
        "WELCOME_MSG_1": '"small.tflite"',
        "WELCOME_MSG_2": '"my project"',
    }
    assert {name: found.get(name) for name in expected} == expected
    assert "CAMERA_FLIP" in found


@pytest.mark.parametrize("screen", ["SPI", "UVCL", None])
def test_the_screen_of_the_application(small, tmp_path, screen):
    settings = config()
    settings.deployment.hardware_setup.output = screen
    found = macros(exported(small, tmp_path / "out", config=settings).path / "app_config.h")
    used = [name for name in found if name.startswith("SCR_LIB_USE_")]
    assert used == ([f"SCR_LIB_USE_{screen}"] if screen else [])


@pytest.mark.slow
def test_app_config_of_yolo(asset, tmp_path):
    bundle = export(asset(YOLO), tmp_path / "out", config=config(aspect_ratio="full_screen"))
    found = macros(bundle.path / "app_config.h")
    expected = {
        "POSTPROCESS_TYPE": "POSTPROCESS_MPE_YOLO_V8_UF",
        "NN_WIDTH": "(256)",
        "NN_HEIGHT": "(256)",
        "ASPECT_RATIO_MODE": "ASPECT_RATIO_FULLSCREEN",
        "AI_POSE_PP_POSE_KEYPOINTS_NB": "(17)",
        "AI_MPE_YOLOV8_PP_NB_CLASSES": "(1)",
        "AI_MPE_YOLOV8_PP_TOTAL_BOXES": "(1344)",
        "AI_MPE_YOLOV8_PP_MAX_BOXES_LIMIT": "(7)",
        "AI_MPE_YOLOV8_PP_IOU_THRESHOLD": "(0.400000f)",
        "AI_MPE_YOLOV8_PP_CONF_THRESHOLD": "(1.000000f)",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert "License of the model: AGPL-3.0" in (bundle.path / "README.md").read_text()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aspect_ratio": "padding"}, "no aspect_ratio padding"),
        ({"color_mode": "grayscale"}, "no color_mode grayscale"),
    ],
)
def test_what_the_application_cannot_do_is_said_instead_of_configured(
    small, tmp_path, changes, reason
):
    bundle = exported(small, tmp_path / "out", config=config(**changes))
    assert "app_config.h" not in bundle.files
    assert reason in (bundle.path / "README.md").read_text()


@pytest.mark.parametrize(
    ("file", "model_type"),
    [
        ("movenet_singlepose_lightning_192_int8.tflite", "spe"),
        ("033_hand_landmark_full_quant_pc_uf_handl.tflite", "hand_spe"),
    ],
)
def test_types_without_postprocessing_at_st_have_no_app_config(asset, tmp_path, file, model_type):
    bundle = export(asset(f"models/{file}"), tmp_path / "out")
    assert "app_config.h" not in bundle.files and bundle.model_type == model_type
    readme = " ".join((bundle.path / "README.md").read_text().split())
    assert f"no postprocessing for model type {model_type}" in readme


@pytest.mark.parametrize(
    "board", [board for board in BOARDS.values() if not board.linux], ids=lambda board: board.name
)
def test_readme_gives_the_compiler_of_the_boards_family_and_does_not_pretend(
    small, tmp_path, board
):
    text = (
        exported(small, tmp_path / "out", board=board.name, config=config()).path / "README.md"
    ).read_text()
    assert f"stedgeai generate --model small.tflite --target {board.target} " in text
    assert ("--st-neural-art profile@user_neuralart.json" in text) == board.npu
    assert ("--optimization ram" in text) != board.npu
    assert "was not run to write this folder" in " ".join(text.split())


def test_real_configuration_fills_the_settings(small, tmp_path):
    from poseutils.config import load_config

    path = tmp_path / "user_config.yaml"
    path.write_text(
        "model: {model_type: heatmaps_spe}\npostprocessing: {kpts_conf_thresh: 0.3}\n"
        "preprocessing: {resizing: {aspect_ratio: crop}}\n"
    )
    bundle = exported(small, tmp_path / "out", config=load_config(path))
    found = macros(bundle.path / "app_config.h")
    assert (found["AI_POSE_PP_CONF_THRESHOLD"], found["ASPECT_RATIO_MODE"]) == (
        "(0.300000f)",
        "ASPECT_RATIO_CROP",
    )
