"""Bundles for STM32 boards: what is written, that it compiles, and what is refused."""

import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import poseutils as pu
from poseutils import PoseError
from poseutils.compiler.emit.c_text import c_comment, c_string
from poseutils.compiler.emit.naming import symbol_name
from poseutils.config import Config, names
from poseutils.deployment import BOARDS, default_name, export, find_board, fits, memory_rows
from tests.helpers.networks.tiny_tflite import heatmap_model

with_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed here")
STRICT = ["gcc", "-Wall", "-Wextra", "-Werror"]
THREE = pu.layout_from_names(["tip", "middle", "base"])
YOLO = "models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite"


@pytest.fixture
def small(tmp_path):
    """A full-integer network of three heatmaps of 4×6 for images of 16×24 (height × width)."""
    path = tmp_path / "small.tflite"
    path.write_bytes(heatmap_model(keypoints=3))
    return path


def exported(path, out, **options):
    """A folder for the small network with its own layout."""
    return export(pu.load_model(path, "heatmaps_spe", layout=THREE), out, **options)


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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


# Boards.


def test_boards_are_those_that_a_configuration_may_name():
    assert set(BOARDS) == set(names.BOARDS)


def test_a_board_is_found_in_any_case_and_the_nearest_is_suggested():
    assert find_board("stm32n6570-dk") is BOARDS["STM32N6570-DK"]
    with pytest.raises(PoseError, match=r"Did you mean STM32H747I-DISCO\?"):
        find_board("STM32H747-DISCO")
    with pytest.raises(PoseError, match="The boards are: STM32N6570-DK"):
        find_board("raspberry")


@pytest.mark.parametrize(
    ("board", "activations", "weights", "verdict"),
    [
        ("STM32H747I-DISCO", 512, 2048, "internal"),
        ("STM32H747I-DISCO", 513, 2048, "external"),  # 1024 KiB in all, but not in one piece
        ("STM32H747I-DISCO", 100, 2049, "external"),
        ("STM32H747I-DISCO", 33 * 1024, 100, "no"),
        ("NUCLEO-H743ZI2", 513, 100, "no"),
        ("NUCLEO-H743ZI2", 512, 2049, "no"),
        ("STM32N6570-DK", 4200, 3000, "external"),  # it has no internal flash
        ("STM32MP257F-EV1", 100_000, 100_000, "external"),
    ],
)
def test_fit(board, activations, weights, verdict):
    assert fits(activations, weights, BOARDS[board]).verdict == verdict


def test_reason_names_both_needs():
    assert fits(700, 3000, BOARDS["NUCLEO-H743ZI2"]).reason == (
        "activations 700 KiB too much: 512 KiB of internal RAM in one block, no external memory; "
        "weights 3000 KiB too much: 2048 KiB of internal flash, no external memory"
    )


# Names.


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (
            "st_movenet_lightning_heatmaps_a035_192_int8.tflite",
            "st_movenet_lightning_heatmaps_a035_192_int8",
        ),
        ("033_Palm-Detection.onnx", "net_033_palm_detection"),
        ("größe v1.2.tflite", "grosse_v1_2"),
        ("double.tflite", "net_double"),
        ("Main.tflite", "net_main"),
        ("string.tflite", "net_string"),
        ("pose_kernels.tflite", "net_pose_kernels"),
        ("pose.tflite", "net_pose"),
        ("posenet.tflite", "posenet"),
        ("network.onnx", "net_network"),
        ("network_data.tflite", "net_network_data"),
        ("m.tflite", "net_m"),
        ("hand_weights.tflite", "hand_weights_net"),
        ("Poses.onnx", "poses"),
        ("two poses.onnx", "two_poses_net"),
        ("_x_.tflite", "x"),
    ],
)
def test_the_name_is_that_of_the_file_made_an_identifier(file, name):
    assert default_name(Path(file)) == name and symbol_name(None, Path(file)) == name


@pytest.mark.parametrize(
    ("files", "begins"),
    [
        (["日本", "中国", "---"], "net_"),
        (["v2 日本", "v2 中国", "v2"], "v2"),
        (
            [" ".join(["network", *["of many words"] * 9, end]) for end in ("a", "b")],
            "net_network_of_many_words_of",
        ),
        (["a" * 70, "a" * 71, "a" * 48], "a" * 41),
        (["x", "x_weights", "x_poses"], "x"),
    ],
)
def test_files_whose_names_differ_get_names_that_differ(files, begins):
    names = [default_name(Path(f"{file}.tflite")) for file in files]
    assert len(set(names)) == len(names) and all(
        name.startswith(begins) and len(name) <= 48 for name in names
    )
    assert default_name(Path(f"{files[0]}.onnx")) == names[0]


def test_a_given_name_stays_and_one_that_is_taken_is_refused():
    names = ("network", "my net-2", "2nd", "_x", "Größe")
    assert [symbol_name(n, Path("x.tflite")) for n in names] == [
        "network",
        "my_net_2",
        "net_2nd",
        "net_x",
        "Gr__e",
    ]
    for name in (
        "Main",
        "pose_decode",
        "decode_spe",
        "stdint",
        "switch",
        "x_weights",
        "NULL",
        "EOF",
        "NaN",
    ):
        with pytest.raises(PoseError, match=f"name='{name}': .* Choose another name"):
            symbol_name(name, Path("x.tflite"))
    for name in ("stdout", "INT32_MAX", "size_t", "M_PI", "HUGE_VALF", "typeof_unqual"):
        with pytest.raises(PoseError, match=f"name='{name}': .* Choose another name"):
            symbol_name(name, Path("x.tflite"))
    for name, told in (("a" * 300, "a name of 300 characters"), (5, "name=5")):
        with pytest.raises(PoseError, match=f"{told}: a text of at most 100 characters"):
            symbol_name(name, Path("x.tflite"))


@pytest.mark.parametrize("compiler", ["gcc", "arm-none-eabi-gcc"])
def test_no_name_is_a_macro_of_an_included_header(compiler):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed here")
    headers = ("string", "stdint", "stddef", "math", "stdio", "stdlib")
    source = "".join(f"#include <{header}.h>\n" for header in headers)
    command = [compiler, "-std=c99", "-dM", "-E", "-"]
    defined = subprocess.run(command, input=source, check=True, capture_output=True, text=True)
    macros = re.findall(r"^#define ([A-Za-z]\w*)", defined.stdout, re.MULTILINE)
    assert len(macros) > 80
    accepted = []
    for macro in macros:
        try:
            accepted.append(symbol_name(macro, Path("x.tflite")))
        except PoseError:
            pass
    assert accepted == []


def test_strings_and_comments_are_legal_c():
    assert c_string('a "b" \\ ??/ é\n') == r'"a \"b\" \\ \?\?/ \?\?"'
    assert "*/" not in c_comment("end */ of\ncomment") and "\n" not in c_comment(
        "end */ of\ncomment"
    )


# The bundle.


def test_bundle_is_whole_and_its_hashes_are_right(small, tmp_path):
    bundle = exported(small, tmp_path / "out")
    assert {path.name for path in bundle.path.iterdir()} == {
        "small.tflite",
        "c",
        "app_config.h",
        "labels.txt",
        "README.md",
        "manifest.json",
    }
    assert (bundle.path / "small.tflite").read_bytes() == small.read_bytes()
    assert (bundle.path / "labels.txt").read_text() == "tip\nmiddle\nbase\n"
    written = {p.relative_to(bundle.path).as_posix() for p in bundle.path.rglob("*") if p.is_file()}
    assert set(bundle.files) == written - {"manifest.json"}
    for name, record in bundle.files.items():
        data = (bundle.path / name).read_bytes()
        assert record == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert json.loads((bundle.path / "manifest.json").read_text()) == bundle.manifest
    assert bundle.manifest["inputs"][0]["dtype"] == "int8"
    assert bundle.manifest["model"]["inputs"] == [
        {
            "name": "image",
            "shape": [1, 16, 24, 3],
            "dtype": "uint8",
            "scale": pytest.approx(1 / 255),
            "zero_point": 0,
        }
    ]
    assert bundle.manifest["model"]["macs"] == 24 * 3 * 48


def test_same_input_gives_the_same_bytes(small, tmp_path):
    both = [exported(small, tmp_path / name).path for name in ("one", "two")]
    files = [path for path in both[0].rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        assert path.read_bytes() == (both[1] / path.relative_to(both[0])).read_bytes()


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


@pytest.mark.skipif(shutil.which("xxd") is None, reason="xxd is not installed here")
def test_the_c_array_of_the_readme_is_the_model(small, tmp_path):
    folder = exported(small, tmp_path / "out").path
    (command,) = re.findall(r"^\(echo[^`]*", (folder / "README.md").read_text(), re.MULTILINE)
    subprocess.run(["sh", "-c", command], cwd=folder, check=True)
    (tmp_path / "main.c").write_text(
        f'#include <stdint.h>\n#include <stdio.h>\n#include "{folder}/small_model.c"\n'
        "int main(void)\n{\n    fwrite(small_tflite, 1, small_tflite_len, stdout);\n"
        "    return (int)((uintptr_t)small_tflite % 16);\n}\n"
    )
    subprocess.run([*STRICT, "main.c", "-o", "main"], cwd=tmp_path, check=True)
    run = subprocess.run([tmp_path / "main"], check=True, capture_output=True)
    assert run.stdout == small.read_bytes()


# What is refused, and what is replaced.


def test_float_model_is_sent_to_quantization(tmp_path):
    (tmp_path / "float.tflite").write_bytes(heatmap_model(dtype="FLOAT32"))
    with pytest.raises(
        PoseError, match="1 of its 1 convolutions compute in floating point.*chain_qd"
    ):
        export(tmp_path / "float.tflite", tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("model.keras", "chain_qd model.model_path="),
        ("my model.h5", "chain_qd 'model.model_path="),
        ("model.pb", "that it was made of"),
    ],
)
def test_other_formats_are_sent_to_quantization(tmp_path, name, command):
    with pytest.raises(PoseError, match=f"a quantized .tflite or .onnx is deployed.*{command}"):
        export(tmp_path / name, tmp_path / "out")


def test_wrong_type_and_wrong_layout_are_refused_naming_both(small, tmp_path):
    with pytest.raises(PoseError, match=r"'spe' expects .*\(1, 4, 6, 3\).*'heatmaps_spe'"):
        export(small, tmp_path / "out", model_type="spe")
    model = replace(pu.load_model(small), layout=pu.COCO17)
    with pytest.raises(PoseError, match="has 3 keypoints; the layout 'coco17' has 17"):
        export(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_own_bundle_is_replaced_whole(small, tmp_path):
    out = tmp_path / "out"
    exported(small, out)
    exported(small, out, board="STM32MP257F-EV1")
    assert (out / "predict.py").exists() and not (out / "app_config.h").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"small.tflite", "out"}


@pytest.mark.parametrize("manifest", [None, "{}", "[]", "not json", '{"made_by": "someone"}'])
def test_foreign_folder_is_left_alone(small, tmp_path, manifest):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    if manifest is not None:
        (out / "manifest.json").write_text(manifest)
    with pytest.raises(PoseError, match="has other files in it"):
        export(small, out)
    assert (out / "thesis.txt").read_text() == "years of work"


def test_failure_while_writing_leaves_the_old_bundle(small, tmp_path, monkeypatch):
    bundle = exported(small, tmp_path / "out")
    before = content(bundle.path)

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(PoseError, match="No space left on device"):
        exported(small, tmp_path / "out", board="STM32MP257F-EV1")
    assert content(bundle.path) == before
    assert {path.name for path in tmp_path.iterdir()} == {"small.tflite", "out"}


def test_folder_that_cannot_be_made_is_named(small, tmp_path):
    with pytest.raises(PoseError, match="cannot write"):
        export(small, small / "out")


def test_label_file_takes_the_place_of_the_keypoints_names(small, tmp_path):
    (tmp_path / "labels of mine.txt").write_text("person\n")
    given = Config(
        model={"model_type": "heatmaps_spe"},
        deployment={"label_file_path": str(tmp_path / "labels of mine.txt")},
    )
    bundle = exported(small, tmp_path / "out", config=given)
    assert (bundle.path / "labels.txt").read_text() == "person\n"


def test_label_file_that_is_not_there_is_said_and_the_names_stand_in(small, tmp_path):
    given = Config(
        model={"model_type": "heatmaps_spe"},
        deployment={"label_file_path": "../Resources/labels.txt"},
    )
    bundle = exported(small, tmp_path / "out", config=given)
    assert (bundle.path / "labels.txt").read_text() == "tip\nmiddle\nbase\n"
    assert "(../Resources/labels.txt) is missing" in (bundle.path / "README.md").read_text()


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


def test_memory_of_a_board_for_a_table():
    rows = memory_rows(540 * 1024, 700 * 1024, find_board("STM32H747I-DISCO"))
    assert rows == [
        {
            "memory": "RAM, largest block",
            "on the chip, KiB": 512,
            "used, KiB": 540,
            "left, KiB": "",
            "place": "external",
        },
        {
            "memory": "flash",
            "on the chip, KiB": 2048,
            "used, KiB": 700,
            "left, KiB": 1348,
            "place": "internal",
        },
    ]
    assert [
        row["place"] for row in memory_rows(900 * 1024, 700 * 1024, find_board("NUCLEO-F401RE"))
    ] == ["too much", "too much"]
    assert [row["place"] for row in memory_rows(1024, 1024, find_board("STM32MP157F-DK2"))] == [
        "DDR",
        "DDR",
    ]
